"""TFRecord files and protocol-buffer messages, read without TensorFlow.

A TFRecord file is a sequence of records: the length of the data (uint64), the checksum of these
eight bytes (uint32), the data, and its checksum, all little-endian. A checksum is a CRC-32C
(RFC 3720, appendix B.4), rotated and shifted so that checksums of checksums are harmless.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gennas.errors import InputError

#: Longest data that is read, in bytes. It bounds what a hostile file can make us allocate.
SIZE_LIMIT = 4096
_HEADER, _CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")
_ALL_ONES = 0xFFFFFFFF


@cache
def _crc_tables() -> tuple[np.ndarray, list[int]]:
    """What each byte adds to a CRC, (SIZE_LIMIT * 256,): 256 values for each place, the last place last.

    And what the register's start value adds, by the number of bytes.
    """
    table: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(0x82F63B78), np.uint32(0))
    of_byte, of_start = [table], [_ALL_ONES]
    for _ in range(SIZE_LIMIT):  # one more byte follows
        of_byte.append((of_byte[-1] >> 8) ^ table[of_byte[-1] & 0xFF])
        of_start.append((of_start[-1] >> 8) ^ int(table[of_start[-1] & 0xFF]))
    return np.concatenate(of_byte[-2::-1]), of_start


def crc32c(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of at most `SIZE_LIMIT` bytes.

    A CRC is linear over GF(2): it is the exclusive or of what each byte adds, which numpy sums up
    ten times faster than a loop over the bytes.
    """
    of_byte, of_start = _crc_tables()
    place = np.arange(256 * (SIZE_LIMIT - len(data)), 256 * SIZE_LIMIT, 256)
    added = np.bitwise_xor.reduce(of_byte[place + np.frombuffer(data, np.uint8)])
    return int(added) ^ of_start[len(data)] ^ _ALL_ONES


def checksum(data: bytes) -> int:
    """The masked CRC-32C that TFRecord files carry."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _ALL_ONES


def records(path: Path) -> Iterator[bytes]:
    """The data of each record, checked. An InputError names the first record that is damaged or too long."""
    with path.open("rb") as file:
        number = 0
        while header := file.read(_HEADER.size):
            number += 1
            if len(header) < _HEADER.size:
                raise InputError(f"{path}: record {number} is cut off; fetch the file again")
            length, expected = _HEADER.unpack(header)
            if checksum(header[:8]) != expected:
                raise InputError(f"{path}: record {number} is damaged, or this is no TFRecord file; fetch it again")
            if length > SIZE_LIMIT:
                raise InputError(f"{path}: record {number} is longer than {SIZE_LIMIT} bytes; use another file")
            body = file.read(length + _CHECKSUM.size)
            if len(body) < length + _CHECKSUM.size:
                raise InputError(f"{path}: record {number} is cut off; fetch the file again")
            data = body[:length]
            if (checksum(data),) != _CHECKSUM.unpack(body[length:]):
                raise InputError(f"{path}: record {number} is damaged; fetch the file again")
            yield data


def _varint(message: bytes, start: int) -> tuple[int, int]:
    """An integer of seven bits per byte, lowest first, and where it ends."""
    value = 0
    for i, byte in enumerate(message[start : start + 10]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, start + i + 1
    raise ValueError("a varint without an end")


def decode(message: bytes) -> dict[int, list[Any]]:
    """The values of each field of a protocol-buffer message by its number, in their order.

    Varints are unsigned integers, 64-bit fields floats (of type double), strings and messages bytes.
    Raises ValueError for anything else.
    """
    fields: dict[int, list[Any]] = {}
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        value: Any
        match key & 7:
            case 0:
                value, position = _varint(message, position)
            case 1 if position + 8 <= len(message):
                (value,) = struct.unpack_from("<d", message, position)
                position += 8
            case 2:
                length, position = _varint(message, position)
                value = message[position : position + length]
                position += length
                if len(value) < length:
                    raise ValueError("a field that is cut off")
            case kind:
                raise ValueError(f"a field of wire type {kind} that is unknown or cut off")
        fields.setdefault(key >> 3, []).append(value)
    return fields
