"""TFRecord files and protocol-buffer messages, against published checksums and files written here."""

import struct
from contextlib import suppress

import pytest
from helpers import record
from hypothesis import given
from hypothesis import strategies as st

from gennas.errors import InputError
from gennas.files import tfrecord


def slow_crc32c(data: bytes) -> int:
    """Bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_checksums_are_those_of_rfc_3720(data, crc):
    assert tfrecord.crc32c(data) == crc


@given(data=st.binary(max_size=300))
def test_checksums_are_those_of_the_definition(data):
    assert tfrecord.crc32c(data) == slow_crc32c(data)


def test_the_longest_record_has_a_checksum():
    data = b"\x01" * tfrecord.SIZE_LIMIT
    assert tfrecord.crc32c(data) == slow_crc32c(data)


def test_the_masked_checksum_is_tensorflows():
    """The first record of nasbench_full.tfrecord has 401 bytes."""
    assert tfrecord.checksum(struct.pack("<Q", 401)) == 0x9BED2598


@given(contents=st.lists(st.binary(max_size=50), max_size=5))
def test_what_was_written_is_read(tmp_path_factory, contents):
    path = tmp_path_factory.getbasetemp() / "written.tfrecord"
    path.write_bytes(b"".join(map(record, contents)))
    assert list(tfrecord.records(path)) == contents


@given(bit=st.integers(0, 8 * 61 - 1))
def test_any_flipped_bit_is_noticed(tmp_path_factory, bit):
    path = tmp_path_factory.getbasetemp() / "flipped.tfrecord"
    content = bytearray(record(b"first") + record(b"the second record, longer"))
    assert len(content) >= 61
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"flipped\.tfrecord: record [12] is (damaged|cut off)"):
        list(tfrecord.records(path))


@pytest.mark.parametrize("end", [5, 14, 20, 24, 30])
def test_a_cut_file_is_one_line_that_names_the_record(tmp_path, end):
    path = tmp_path / "cut.tfrecord"
    path.write_bytes((record(b"first") + record(b"second"))[:end])
    with pytest.raises(InputError, match=r"cut\.tfrecord: record [12] is cut off; fetch"):
        list(tfrecord.records(path))


def test_another_kind_of_file_is_one_line(tmp_path):
    path = tmp_path / "page.tfrecord"
    path.write_text("<html>404 Not Found</html>")
    with pytest.raises(InputError, match="record 1 is damaged, or this is no TFRecord file"):
        list(tfrecord.records(path))


@pytest.mark.parametrize("length", [tfrecord.SIZE_LIMIT + 1, 2**40, 2**64 - 1])
def test_a_long_record_is_refused_before_it_is_read(tmp_path, length):
    path = tmp_path / "long.tfrecord"
    header = struct.pack("<Q", length)
    path.write_bytes(header + struct.pack("<I", tfrecord.checksum(header)))
    with pytest.raises(InputError, match="record 1 is longer than 4096 bytes"):
        list(tfrecord.records(path))


def test_a_message_is_decoded_by_field_number():
    """The examples of the encoding's documentation, and a double."""
    assert tfrecord.decode(b"\x08\x96\x01") == {1: [150]}
    assert tfrecord.decode(b"\x12\x07testing") == {2: [b"testing"]}
    assert tfrecord.decode(b"\x1a\x03\x08\x96\x01\x1a\x00") == {3: [b"\x08\x96\x01", b""]}
    assert tfrecord.decode(b"\x21" + struct.pack("<d", 0.25)) == {4: [0.25]}
    assert tfrecord.decode(b"") == {}


@pytest.mark.parametrize(
    "message", [b"\x08", b"\x08\x96", b"\x12\x07test", b"\x21\x00", b"\x0f", b"\x08" + b"\xff" * 11]
)
def test_a_malformed_message_is_a_value_error(message):
    with pytest.raises(ValueError):
        tfrecord.decode(message)


@given(message=st.binary())
def test_any_bytes_are_a_message_or_a_value_error(message):
    with suppress(ValueError):
        tfrecord.decode(message)
