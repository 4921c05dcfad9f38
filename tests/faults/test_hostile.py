"""What SECURITY.md promises: hostile files and names end in one line, and run, overwrite and use up nothing."""

from __future__ import annotations

import ast
import gzip
import io
import json
import os
import pickle
import re
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from conftest import PROJECT, new_study

from gennas import benchmarks, spaces
from gennas.benchmarks import analog_nasbench, nasbench_nlp
from gennas.benchmarks import nasbench201 as tables
from gennas.data import images as datasets
from gennas.errors import InputError
from gennas.files import documents, pickles
from gennas.files import fetch as sources
from gennas.files.fetch import File, PackageFile
from gennas.spaces import nasbench201
from stages import download, retrain
from stages.support import artifacts, params

SECONDS = 5  # that any refusal may take
ZEROS = 1 << 26  # bytes of a bomb's repeated part


@pytest.fixture(autouse=True)
def soon():
    """Every test ends soon: what is refused is not unpacked first."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 60


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path) -> Path:
    """A cache of the test's own, and no mirror."""
    monkeypatch.delenv("GENNAS_MIRROR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gennas"


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    """The message, which is of one short line without control characters."""
    message = str(error.value)
    assert message.isprintable() and len(message) < 2100
    return message


# --- JSON and YAML ------------------------------------------------------------------------------

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[" * 100_000, "nested more than 32 deep"),
        (b'{"a":' * 20_000, "nested more than 32 deep"),
        (b"[" * 40 + b"]" * 40, "nested more than 32 deep"),
        (b"9" * 5000, "integer string conversion"),
        (b"[18446744073709551616]", "an integer of more than 64 bits"),
        (b"[NaN]", "the number nan"),
        (b"[-Infinity]", "the number -inf"),
        (b"[1e999]", "the number inf"),
        (b'{"a": 1, "a": 2}', "a key that is there twice"),
        (b"\xef\xbb\xbf[]", "BOM"),
        ("[]".encode("utf-16"), "can't decode"),
        (b'["\xff"]', "can't decode"),
        (b"[1]\0", "Extra data"),
        (b'["\0"]', "Invalid control character"),
        (b"", "Expecting value"),
        (b" " * (documents.SIZE_LIMIT + 1), "more than 131072 bytes"),
    ],
)
def test_json_has_limits(tmp_path, content, complaint):
    path = tmp_path / "best.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(path))) as error:
        documents.read_json(path)
    assert complaint in one_line(error)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (LAUGHS, "aliases that multiply it"),
        ("a: &a {x: 1}\nb: {<<: *a}\n", "the merge key <<"),
        ("a: &a [*a]\n", "nested more than 32 deep"),
        ("a: &a {b: *a}\n", "nested more than 32 deep"),
        ("[" * 50_000, "nested more than 32 deep"),
        ("- " * 5_000, "nested more than 32 deep"),
        ("a: 1\nb: 2\na: 3\n", "a key that is there twice in the mapping of line 1"),
        ("1: one\n", "the key 1, which is no string"),
        ("yes: one\n", "the key True, which is no string"),
        ("a: .nan\n", "the number nan"),
        ("a: -.inf\n", "the number -inf"),
        ("a: 18446744073709551616\n", "an integer of more than 64 bits"),
        ("a: !!python/object/apply:os.mkdir [evil]\n", "could not determine a constructor"),
        ("a: !!timestamp never\n", ""),
        ("a: !!bool maybe\n", ""),
        ("a: 2021-99-99\n", "month must be in 1..12"),
        ("a: \0\n", "special characters are not allowed"),
        ("a: \x1b[31mred\n", "special characters are not allowed"),
        ("a: b: c\n", "mapping values are not allowed here"),
        ("#" * (documents.SIZE_LIMIT + 1), "more than 131072 bytes"),
    ],
)
def test_yaml_has_limits(tmp_path, monkeypatch, text, complaint):
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    Path("params.yaml").write_text(text)
    with pytest.raises(InputError, match=r"^params\.yaml: ") as error:
        params.load(Path("params.yaml"))
    assert complaint in one_line(error)
    assert time.monotonic() - start < SECONDS and not Path("evil").exists()


def test_a_byte_order_mark_is_no_part_of_yaml(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert documents.read_yaml(path) == {"a": 1}


def test_yaml_that_is_not_utf_8_is_one_line(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(InputError, match=r"params\.yaml: not readable as YAML \('utf-8' codec can't decode"):
        documents.read_yaml(path)


def test_messages_are_one_line_without_control_characters():
    assert str(InputError("a\nb\x1b[2J\ud800")) == "a\\nb\\x1b[2J\\ud800"
    assert len(str(InputError("x" * 10**6))) == 2005


# --- names in params.yaml ----------------------------------------------------------------------

NAMES = [
    "../nasbench201", "nasbench201/..", "/etc/passwd", "a b", "a;touch pwned", "$(touch pwned)", "`touch pwned`",
    "a'b", 'a"b', "a\nb", "a\n", "a\\", "{wildcards.space}", "*", "-rf", "", "é", "a" * 65, "__init__", "A",
]  # fmt: skip


def study(**changes: Any) -> dict[str, Any]:
    return {**yaml.safe_load((PROJECT / "params.yaml").read_text()), **changes}


def places(name: str) -> dict[str, dict[str, Any]]:
    """A study for each place where a name can be."""
    good = study()
    space, protocols = good["nasbench201"], good["protocols"]

    def section(stage: str, **changes: Any) -> dict[str, Any]:
        return study(nasbench201={**space, stage: {**space[stage], **changes}})

    return {
        "a space": study(**{name: space}),
        "base.spaces": study(base={"seed": 1, "spaces": [name]}),
        "a protocol": study(protocols={**protocols, name: protocols["reduced"]}),
        "a proxy": section("train_proxy", proxies={name: {"kind": "flops", "seeds": 1}}),
        "a proxy's kind": section("train_proxy", proxies={"mine": {"kind": name, "seeds": 1}}),
        "a task": section("search_architecture", task=f"tasks/{name}.yaml"),
        "a target": study(nasbench201={**space, "target": name}),
        "a source": section("download", sources=[f"{name}:"]),
        "a data set": section("retrain", dataset=name),
    }


@pytest.mark.parametrize("name", NAMES)
def test_names_that_could_reach_a_shell_or_a_path_are_refused(monkeypatch, name):
    monkeypatch.chdir(PROJECT)
    for place, changed in places(name).items():
        if place == "a target" and re.fullmatch("[a-z0-9_]+", name):
            continue
        with pytest.raises(InputError, match=r"^params\.yaml: ") as error:
            params.check(changed, Path("params.yaml"))
        one_line(error)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("sample", "evaluate", 10.0), ("sample", "evaluate", True), ("sample", "evaluate", 10**12),
        ("retrain", "learning_rate", "0.1"), ("retrain", "dataset", "../\0"),
    ],
)  # fmt: skip
def test_numbers_are_what_they_seem(monkeypatch, section, key, value):
    monkeypatch.chdir(PROJECT)
    changed = study()
    changed["nasbench201"][section][key] = value
    with pytest.raises(InputError, match=rf"^params\.yaml: nasbench201\.{section}\.{key}: "):
        params.check(changed, Path("params.yaml"))


def test_both_doors_are_closed_to_a_name_that_is_a_command(tmp_path):
    """DVC puts names into its commands unquoted; this one's module is there, once `..` is resolved."""
    hostile, evil = new_study(tmp_path / "study"), "a; touch pwned; /../nasbench201"
    content = yaml.safe_load(hostile.path("params.yaml").read_text())
    # As DVC looks for `<name>.download`.
    content |= {"a; touch pwned; /": {"": {"/nasbench201": content["nasbench201"]}}}
    content |= {evil: content["nasbench201"], "base": {"seed": 1, "spaces": [evil]}}
    hostile.path("params.yaml").write_text(yaml.safe_dump(content))
    for command in (("snakemake", "-n"), ("dvc", "repro")):
        code, output = hostile.run(*command)
        assert code != 0 and re.search(r"^error: params\.yaml: .*touch pwned.* not allowed", output, re.MULTILINE), (
            output
        )
    assert not hostile.path("pwned").exists()


@pytest.mark.parametrize("rules", sorted((PROJECT / "workflow" / "rules").glob("*.smk")), ids=lambda path: path.stem)
def test_every_value_in_a_shell_command_is_quoted_or_a_checked_number(rules):
    numbers = {"params.seed", "params.label", "threads", "wildcards.first", "wildcards.last"}
    commands = re.findall(r"^    shell:\n((?:        .*\n)+)", rules.read_text(), re.MULTILINE)
    assert len(commands) == len(re.findall(r"^rule ", rules.read_text(), re.MULTILINE))
    for value in re.findall(r"\{([^}]*)\}", "".join(commands)):
        assert value.endswith(":q") or value in numbers, value


# --- pickles ------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


#: What each would do to Python's own unpickler is in the name.
PICKLES = {
    "overflows the C stack when a tuple is hashed": b"\x80\x04}" + b")" + b"\x85" * 3_000_000 + b"Ns.",
    "takes 2^40 steps to hash a tuple": b"\x80\x04})" + b"q\x00h\x00\x86" * 40 + b"Ns.",
    "takes 2^40 steps with no memo": b"\x80\x04})" + b"2\x86" * 40 + b"Ns.",
    "allocates 32 GB for the memo": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "allocates 16 EB for bytes": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.",
    "allocates 1 TB for a bytearray": b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".",
    "allocates 2 GB for a string": b"\x80\x02T\xff\xff\xff\x7f.",
    "imports by number": b"\x80\x02\x82\x01.",
    "asks for a persistent object": b"\x80\x02U\x01xQ.",
    "makes a directory": pickle.dumps(Evil()),
    "makes a directory, as Python 1 wrote it": b"(S'evil'\nios\nmkdir\n.",
    "changes a class": b"\x80\x02canalognasbench.data\nArchitecture\nN}U\x05valueK\x01s\x86b.",
    "makes an array of 2^40 objects": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x8a\x06\0\0\0\0\0\x01\x85U\x01O\x87R."
    ),
}


@pytest.mark.parametrize("harm", PICKLES)
def test_a_pickle_does_no_harm(tmp_path, monkeypatch, harm):
    monkeypatch.chdir(tmp_path)
    allowed = {("analognasbench.data", "Architecture"): analog_nasbench._Record} | datasets.CIFAR10_GLOBALS
    start = time.monotonic()
    try:
        loaded = pickles.load(io.BytesIO(PICKLES[harm]), allowed, "table.bin")
    except InputError as error:
        assert str(error).startswith("table.bin: ") and str(error).isprintable()
    else:
        assert type(loaded) is datasets._PickledBytes  # the array is never made
    assert time.monotonic() - start < SECONDS
    assert not Path("evil").exists() and "value" not in vars(analog_nasbench._Record)


def test_only_stand_ins_that_cannot_be_changed_are_allowed():
    assert all(isinstance(stand_in, pickles.Sealed) for stand_in in datasets.CIFAR10_GLOBALS.values())
    assert isinstance(analog_nasbench._Record, pickles.Sealed)


def test_a_large_pickle_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(pickles, "SIZE_LIMIT", 1000)
    with pytest.raises(InputError, match=r"table\.bin: a pickle of more than 1000 bytes"):
        pickles.load(io.BytesIO(pickle.dumps("x" * 1000)), {}, "table.bin")


def test_a_checkpoint_runs_no_code(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    torch.save({"fingerprint": "study", "progress": Evil()}, "retrain.pt")
    assert retrain.Checkpoint(Path("retrain.pt"), "study").progress == {}
    assert "not a readable checkpoint, ignored" in caplog.text and not Path("evil").exists()


# --- archives -----------------------------------------------------------------------------------


def write_tar(path: Path, *members: tuple[str, dict[str, Any]]) -> Path:
    """A tar.gz archive of members without content."""
    with tarfile.open(path, "w:gz") as tar:
        for name, attributes in members:
            info = tarfile.TarInfo(name)
            for key, value in attributes.items():
                setattr(info, key, value)
            tar.addfile(info)
    return path


BATCH = datasets.CIFAR10_BATCHES[0]


@pytest.mark.parametrize(
    "members",
    [
        [(BATCH, {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})],
        [(BATCH, {"type": tarfile.SYMTYPE, "linkname": Path(BATCH).name})],  # to itself
        [(BATCH, {"type": tarfile.LNKTYPE, "linkname": BATCH})],
        [(BATCH, {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5})],  # /dev/zero
        [(BATCH, {"type": tarfile.FIFOTYPE})],
        [(BATCH, {"type": tarfile.DIRTYPE})],
        [(f"../{BATCH}", {}), (f"/{BATCH}", {}), ("../../evil", {})],
        [(f"member-{i}", {}) for i in range(200)],
    ],
    ids=["link", "link to itself", "hard link", "device", "pipe", "folder", "outside", "many"],
)
def test_a_tar_archive_is_read_in_memory_and_links_and_devices_are_not_followed(tmp_path, members):
    path = write_tar(tmp_path / "cifar.tar.gz", *members)
    with pytest.raises(InputError, match=r"cifar\.tar\.gz: not the archive of CIFAR-10 \(.+\); get the file again"):
        datasets.read_cifar10_archive(path)
    assert [*tmp_path.iterdir()] == [path]


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """Nothing in here takes more memory."""
    tracemalloc.start()
    try:
        yield
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < megabytes << 20


@pytest.mark.parametrize("name", [BATCH, "padding"])
def test_a_tar_archive_of_10_gb_of_zeros_is_stopped(tmp_path, name):
    info = tarfile.TarInfo(name)
    info.size = 160 * ZEROS
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf()) + 160 * gzip.compress(bytes(ZEROS), 1))
    assert path.stat().st_size < 60 << 20
    with pytest.raises(InputError, match=r"bomb\.tar\.gz: .*more than [0-9]+ bytes"), at_most(200):
        datasets.read_cifar10_archive(path)


def zip_bomb(path: Path, name: str, stated: int) -> Path:
    """A zip archive of one member that states a size, and unpacks to 10 GB of zeros."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = 160 * (packer.compress(bytes(ZEROS)) + packer.flush(zlib.Z_FULL_FLUSH))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, packed)
    content = bytearray(path.read_bytes())
    central = content.rindex(b"PK\x01\x02")
    for method in (8, central + 10):
        content[method : method + 2] = zipfile.ZIP_DEFLATED.to_bytes(2, "little")
    content[central + 24 : central + 28] = stated.to_bytes(4, "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("stated", [100, 0xFFFFFFFE])
def test_a_zip_archive_of_10_gb_of_zeros_is_stopped(tmp_path, monkeypatch, own_cache, stated):
    (tmp_path / "mirror").mkdir()
    path = zip_bomb(tmp_path / "mirror" / "logs.zip", "log_0.json", stated)
    assert path.stat().st_size < 60 << 20
    with pytest.raises(InputError, match=r"logs\.zip"), at_most(100):
        nasbench_nlp.read("nasbench_nlp", [path])
    monkeypatch.setenv("GENNAS_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(InputError, match=r"logs\.zip"), at_most(100):
        sources.fetch(File("a.json", None, sha256="0" * 64, member=("logs.zip", "log_0.json"), size_limit=1 << 20))
    assert not [found for found in own_cache.rglob("*") if found.is_file()]


@pytest.mark.parametrize("name", ["../log.json", "/log.json", "C:\\log.json", "log.json"])
def test_names_in_a_zip_archive_are_no_paths(tmp_path, name):
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o120777 << 16  # a link
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match=r"logs\.zip: .* is no log of NAS-Bench-NLP"):
        nasbench_nlp.read("nasbench_nlp", [path])
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_packings_that_may_take_gigabytes_to_undo_are_refused(tmp_path, packing):
    with zipfile.ZipFile(tmp_path / "logs.zip", "w", packing) as archive:
        archive.writestr("log.json", "{}")
    with pytest.raises(InputError, match=r"logs\.zip: .*packed in another way than deflate"):
        nasbench_nlp.read("nasbench_nlp", [tmp_path / "logs.zip"])


# --- hashes and addresses ----------------------------------------------------------------------

#: Every source file of the library, the stages and the workflow.
CODE = sorted(path for room in ("gennas", "stages", "workflow") for path in (PROJECT / room).rglob("*.py"))
BENCHMARKS = [
    (name, source)
    for name in spaces.NAMES
    for source in benchmarks.names(name)
    if all(isinstance(file, File) for file in benchmarks.load_source(name, source).FILES[name])
]


@pytest.mark.parametrize(("name", "source"), BENCHMARKS)
def test_a_file_whose_hash_differs_is_never_parsed(tmp_path, monkeypatch, name, source):
    parsed = []
    monkeypatch.setattr(benchmarks, "read", lambda *arguments: parsed.append(arguments))
    file = benchmarks.load_source(name, source).FILES[name][0]
    path = tmp_path / file.path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"[]")
    monkeypatch.setenv("GENNAS_MIRROR", str(tmp_path))
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: its hash differs"):
        download.read_benchmark(name, [source])
    assert parsed == []


@pytest.mark.parametrize("kind", ["cifar10", "cifar10_subset"])
def test_images_whose_hash_differs_are_never_parsed(tmp_path, monkeypatch, kind):
    parsed = []
    monkeypatch.setattr(datasets, "read_cifar10_archive", parsed.append)
    monkeypatch.setattr(np, "load", lambda path, **_: parsed.append(path))
    path = tmp_path / {"cifar10": datasets.CIFAR10, "cifar10_subset": datasets.CIFAR10_SUBSET}[kind].path
    path.parent.mkdir()
    path.write_bytes(b"PK")
    monkeypatch.setenv("GENNAS_MIRROR", str(tmp_path))
    with pytest.raises(InputError, match="its hash differs"):
        datasets.labelled(kind)
    assert parsed == []


def test_the_installed_table_is_the_expected_one_before_it_is_unpickled(tmp_path, monkeypatch):
    (file,) = analog_nasbench.FILES["nasbench201"]
    assert isinstance(file, PackageFile)
    other = PackageFile(file.distribution, file.version, file.path, "0" * 64)
    monkeypatch.setitem(analog_nasbench.FILES, "nasbench201", (other,))
    monkeypatch.setattr(pickles, "load", lambda *_: pytest.fail("unpickled"))
    with pytest.raises(InputError, match="its hash differs from the expected one; run: pip install analog-nasbench"):
        download.read_benchmark("nasbench201", ["analog-nasbench"])


def test_every_address_is_https_and_none_comes_from_parameters():
    files = [file for name, source in BENCHMARKS for file in benchmarks.load_source(name, source).FILES[name]]
    for file in [*files, datasets.CIFAR10, datasets.CIFAR10_SUBSET]:
        assert file.url is None or file.url.startswith("https://")
    code = "".join(path.read_text() for path in CODE)
    assert set(re.findall(r'"(http://[^"]*)"', code)) == {"http://"}  # whose adapter is removed


# --- artifacts ---------------------------------------------------------------------------------


def test_gaps_and_strings_that_are_no_text_are_named(tmp_path):
    path = tmp_path / "architectures.parquet"
    row = {"role": ["evaluate"], "position": [0], "architecture": [None]}
    table = pa.table(row, schema=pa.schema([field.with_nullable(True) for field in artifacts.ARCHITECTURES]))
    pq.write_table(table.replace_schema_metadata(artifacts.ARCHITECTURES.metadata), path)
    with pytest.raises(InputError, match=r"architectures\.parquet: column 'architecture' has gaps; delete the file"):
        artifacts.read_parquet(path, artifacts.ARCHITECTURES)
    artifacts.write_rows([{"role": "evaluate", "position": 0, "architecture": "x"}], artifacts.ARCHITECTURES, path)
    raw = pq.read_table(path)
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")]
    )
    pq.write_table(raw.set_column(2, raw.schema.field(2), broken), path)
    with pytest.raises(InputError, match=r"architectures\.parquet: not a readable Parquet file \(.*UTF8"):
        artifacts.read_parquet(path, artifacts.ARCHITECTURES)


# --- benchmarks --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cells_of_201() -> list[Any]:
    """A table of all cells."""
    return [[[[a], [b, c], [d, e, f]], 50.0] for a, b, c, d, e, f in nasbench201.all_architectures()]


CELL = [[0], [0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ([CELL, float("nan")], "the number nan"), ([CELL, -1], "accuracy is -1"), ([CELL, 101], "accuracy is 101"),
        ([CELL, "50"], "accuracy is '50'"), ([CELL, True], "accuracy is True"), ([CELL, None], "accuracy is None"),
        ([[[1], [0, 0], [0, 0, 0]], 50], "listed twice"), ([[[5], [0, 0], [0, 0, 0]], 50], "not the 15625"),
        ([CELL], "not a table"), ([[["0"], [0, 0], [0, 0, 0]], 50], "not the 15625"), (7, "not a table"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named(tmp_path, cells_of_201, row, complaint):
    path = tmp_path / "cifar100.json"
    path.write_text(json.dumps([row, *cells_of_201[1:]]))
    with pytest.raises(InputError, match=rf"cifar100\.json: .*{complaint}.*; get the file again"):
        tables.read("nasbench201", [path] * 3)


def test_the_second_table_is_named_when_it_lacks_a_cell(tmp_path, cells_of_201):
    paths = [tmp_path / name for name in ("cifar10valid.json", "cifar100.json", "tinyimagenet.json")]
    for path in paths:
        path.write_text(json.dumps(cells_of_201))
    read = tables.read("nasbench201", paths)
    assert len(read) == 15625 and {len(trained.targets) for trained in read} == {3}
    paths[1].write_text(json.dumps(cells_of_201[1:]))
    with pytest.raises(InputError, match=r"cifar100\.json: 15624 architectures, not the 15625; get the file again"):
        tables.read("nasbench201", paths)


# --- the code itself ---------------------------------------------------------------------------

FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads", "marshal.loads",
    "shelve.open", "yaml.unsafe_load", "yaml.full_load", "tempfile.mktemp", "tarfile.TarFile.extractall",
}  # fmt: skip
#: Calls that are safe with an argument of one value alone.
SAFE_WITH = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "yaml.load": None,  # see below
}


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call of a file, with the dotted name of what is called."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [(ast.unparse(node.func), node) for node in nodes if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(PROJECT)))
def test_code_that_could_run_what_a_file_says_is_not_used(path):
    for name, call in calls(path):
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert name not in FORBIDDEN and not name.endswith((".extract", ".extractall")), name
        assert given.get("shell", "False") == "False", name
        if name == "yaml.load":
            assert ast.unparse(call.args[1]) == "_Loader" and issubclass(documents._Loader, yaml.SafeLoader)
        elif name in SAFE_WITH:
            argument, value = SAFE_WITH[name]
            assert given.get(argument) == str(value), name


def test_untrusted_documents_are_read_in_one_place():
    """Python's own readers, which have no limits, are used on nothing but what the pipeline has made itself."""
    readers = {"json.load", "json.loads", "yaml.load", "yaml.safe_load"}
    found = {
        (path.relative_to(PROJECT).as_posix(), name) for path in CODE for name, _ in calls(path) if name in readers
    }
    assert found == {
        ("gennas/files/documents.py", "json.loads"),
        ("gennas/files/documents.py", "yaml.load"),
        ("stages/search_task.py", "json.loads"),  # a task that this process wrote
        ("workflow/bridge/records.py", "json.loads"),  # Snakemake's record of a job
        ("workflow/bridge/records.py", "yaml.safe_load"),  # dvc.yaml, a part of the code
        ("workflow/code.py", "yaml.safe_load"),  # the same
    }


def test_a_stage_refuses_hostile_json_in_one_message(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "stages.sample", "--benchmark", "x", "--label", "1", "--seed", "1",
         "--values", "[" * 100_000, "--architectures", str(tmp_path / "out")],
        capture_output=True, text=True, cwd=PROJECT,
    )  # fmt: skip
    assert done.returncode == 1 and "--values: not JSON (nested more than 32 deep)" in done.stderr
    assert "Traceback" not in done.stderr
