"""What is fuzzed: every parser of what comes from elsewhere, by name.

A target takes bytes. They are good input, and what is made of them keeps its promises; or they are
bad input, and there is an InputError of one line. Anything else, a hang included, is a finding.
Readers of archives and checksummed files also have a target that wraps the bytes in a valid file,
which random changes would hardly ever leave.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gennas import benchmarks, spaces
from gennas.benchmarks import analog_nasbench, flexibert, hw_nas_bench, nasbench101
from gennas.data import images as datasets
from gennas.data.texts import read_text
from gennas.errors import LONGEST, InputError
from gennas.files import documents, pickles, tfrecord
from gennas.files import fetch as sources
from gennas.regression.genes import load_task
from gennas.spaces.nasbench101.cell import OPERATIONS
from stages import download
from stages.support import artifacts, command, params

PROJECT = Path(__file__).parent.parent.parent.parent


@dataclass(frozen=True)
class Target:
    """A parser, valid inputs of it to begin with, and pieces that inputs are made of."""

    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    words: tuple[str, ...] = ()

    def __call__(self, data: bytes) -> None:
        try:
            self.parse(data)
        except InputError as error:
            line = str(error)
            assert line.isprintable() and len(line) <= LONGEST + 5, line


@contextmanager
def file_of(data: bytes, name: str = "input") -> Iterator[Path]:
    """A file that holds the bytes; the one line about it has to name it."""
    folder = Path(os.environ.get("FUZZ_FOLDER") or tempfile.gettempdir())
    path = folder / f"gennas-fuzz-{os.getpid()}-{name}"
    path.write_bytes(data)
    try:
        yield path
    except InputError as error:
        assert str(path) in str(error), error
        raise
    finally:
        path.unlink()


# --- architectures ----------------------------------------------------------------------------


def architecture_id(name: str, data: bytes) -> None:
    """An id that is parsed is the canonical one of its architecture."""
    space, text = spaces.load(name), data.decode("utf-8", "surrogateescape")
    architecture = spaces.parse(space, text)
    assert space.to_id(architecture) == text
    assert all(-128 <= value <= 127 for value in space.encode(architecture))
    space.graph(architecture)


def id_target(name: str) -> Target:
    space = spaces.load(name)
    rng = np.random.default_rng(0)
    seeds = tuple(space.to_id(space.random_architecture(rng)).encode() for _ in range(5))
    words = {word for seed in seeds for word in seed.decode().replace("|", " ").replace("~", " ").split()}
    return Target(partial(architecture_id, name), seeds, tuple(sorted(words))[:50])


# --- JSON and YAML ----------------------------------------------------------------------------


def json_argument(data: bytes) -> None:
    value = command.json_object(data.decode("utf-8", "surrogateescape"), "values")
    assert documents.parse_json(json.dumps(value)) == value


def json_file(data: bytes) -> None:
    with file_of(data) as path:
        documents.read_json(path)


def yaml_file(data: bytes) -> None:
    with file_of(data) as path:
        json.dumps(documents.read_yaml(path), allow_nan=False, default=str)


def params_file(data: bytes) -> None:
    with file_of(data) as path:
        study = params.load(path)
        assert json.loads(json.dumps(study, allow_nan=False)) == study


def task_file(data: bytes) -> None:
    with file_of(data) as path:
        load_task(str(path))


def text_file(data: bytes) -> None:
    with file_of(data) as path:
        assert read_text(path).strip()


# --- benchmarks -------------------------------------------------------------------------------


def benchmark(space: str, source: str, data: bytes, others: tuple[bytes, ...] = ()) -> None:
    """A table that is made has ids of its space, and values within their ranges."""
    module = spaces.load(space)
    with file_of(data) as path:
        rest = [path.with_name(f"{path.name}-{i}") for i in range(len(others))]
        for other, content in zip(rest, others, strict=True):
            other.write_bytes(content)
        try:
            table = download.to_table(benchmarks.read(space, source, [path, *rest]))
        finally:
            for other in rest:
                other.unlink()
    for name in table["architecture"].to_pylist():
        assert module.to_id(module.from_id(name)) == name
    for value in table["parameters"].drop_null().to_pylist():
        assert value > 0


def record(data: bytes) -> bytes:
    """A TFRecord of the data, with its checksums."""
    if len(data) > tfrecord.SIZE_LIMIT:
        return b""
    length = struct.pack("<Q", len(data))
    return b"".join(part + struct.pack("<I", tfrecord.checksum(part)) for part in (length, data))


def records_file(data: bytes) -> None:
    with file_of(data) as path:
        for content in tfrecord.records(path):
            assert len(content) <= tfrecord.SIZE_LIMIT


def message(data: bytes) -> None:
    """The data as the protocol-buffer message of a record."""
    row = ["0" * 32, nasbench101.EPOCHS, "0100", "input,output", base64.b64encode(data).decode()]
    benchmark("nasbench101", "nasbench101", record(json.dumps(row).encode()))


def zipped(data: bytes, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of one log."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", packing) as archive:
        archive.writestr(zipfile.ZipInfo("logs/log_0.json"), data, packing)
    return packed.getvalue()


def member(data: bytes) -> None:
    """A file is taken out of a mirror's archive only with its hash, and only to its place in the cache."""
    file = sources.File(
        "a/b.json", None, sha256=hashlib.sha256(b"{}").hexdigest(), member=("a.zip", "logs/log_0.json"), size_limit=9999
    )
    with tempfile.TemporaryDirectory(dir=os.environ.get("FUZZ_FOLDER")) as folder:
        mirror, cache = Path(folder, "mirror"), Path(folder, "cache")
        mirror.mkdir()
        (mirror / "a.zip").write_bytes(data)
        before = {name: os.environ.get(name) for name in ("GENNAS_MIRROR", "XDG_CACHE_HOME")}
        os.environ |= {"GENNAS_MIRROR": str(mirror), "XDG_CACHE_HOME": str(cache)}
        try:
            assert sources.fetch(file).read_bytes() == b"{}"
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
            found = {path for path in Path(folder).rglob("*") if path.is_file()} - {mirror / "a.zip"}
            assert found <= {cache / "gennas/a/b.json"}


# --- pickles and images -----------------------------------------------------------------------

ANALOG = {("analognasbench.data", name): analog_nasbench._Record for name in ("Architecture", "DriftMeasurement")}


def unpickled(data: bytes) -> None:
    pickles.load(io.BytesIO(data), ANALOG | datasets.CIFAR10_GLOBALS, "input")


def tarred(batch: bytes) -> bytes:
    """CIFAR-10's archive, every batch of it the same."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in (*datasets.CIFAR10_BATCHES, datasets.CIFAR10_TEST_BATCH):
            info = tarfile.TarInfo(name)
            info.size = len(batch)
            tar.addfile(info, io.BytesIO(batch))
    return packed.getvalue()


def images(data: bytes) -> None:
    """An archive, before gzip."""
    with file_of(gzip.compress(data, 1)) as path:
        check_images(datasets.read_cifar10_archive(path))


def gzipped_images(data: bytes) -> None:
    with file_of(data) as path:
        check_images(datasets.read_cifar10_archive(path))


def check_images(labelled: datasets.Labelled) -> None:
    assert labelled.train_images.shape[1:] == (32, 32, 3) and labelled.train_images.dtype == np.uint8
    assert len(labelled.train_labels) == len(labelled.train_images) and labelled.classes <= 10


def images_batch(data: bytes) -> None:
    images(tarred(data))


# --- artifacts --------------------------------------------------------------------------------


def parquet(data: bytes) -> None:
    with file_of(data) as path:
        artifacts.read_parquet(path, artifacts.SCORES).to_pylist()


# --- what they begin with ---------------------------------------------------------------------


def analog_pickle() -> bytes:
    """Two cells as analog-nasbench pickles them; its classes are those of a module that is not there."""
    import sys
    from types import ModuleType

    module = ModuleType("analognasbench.data")
    classes = [type(name, (), {"__module__": module.__name__}) for name in ("Architecture", "DriftMeasurement")]
    for cls in classes:
        setattr(module, cls.__name__, cls)
    table = {}
    for encoding in ((0,) * 6, (1, 2, 3, 4, 0, 1)):
        architecture, drift = (cls() for cls in classes)
        drift.__dict__ |= {"value": 60.5, "uncertainty": 0.5}
        architecture.__dict__ |= {"architecture": encoding, "baseline_accuracy": 90.5, "analog_drift_60": drift}
        table[encoding] = architecture
    sys.modules |= {"analognasbench": ModuleType("analognasbench"), module.__name__: module}
    try:
        return pickle.dumps(table, protocol=4)
    finally:
        for name in ("analognasbench", module.__name__):
            del sys.modules[name]


def graph_pickle(accuracy: float) -> bytes:
    """Two cells as NAS-Bench-Graph pickles them; its scalars name numpy's old module."""
    entry = {"valid_perf": 0.5, "perf": accuracy, "latency": 0.002, "para": 1.5}
    content = pickle.dumps({1111: entry, 77016: entry}, protocol=3)
    return content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def batch_pickle() -> bytes:
    """A batch of one image."""
    return pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [3]}, protocol=2)


def table_201(*rows: tuple[list[list[int]], Any]) -> bytes:
    return json.dumps(rows or [[[[0], [0, 0], [0, 0, 0]], 9.5], [[[1], [2, 3], [4, 0, 1]], 90]]).encode()


def devices_201() -> bytes:
    """A table of HW-NAS-Bench of two cells."""
    columns = ["net", *(figure.rpartition("_")[0] for figure in hw_nas_bench.FIGURES)]
    rows = [f'"({net})",' + ",".join("0.5" for _ in columns[1:]) for net in ("0, 0, 0, 0, 0, 0", "1, 2, 3, 4, 0, 1")]
    return "\n".join([",".join(columns), *rows]).encode()


def tasks_201() -> bytes:
    """A table of HW-NAS-Bench-360 of two cells."""
    rows = [
        {
            "arch_idx": index, "device": "pi5", "framework": runtime, "task": task,
            "lat_ms_median": 1.5, "energy_mj": 2.5, "accuracy": 0.5,
        }
        for index in range(2)
        for task in ("cifar100", "ninapro", "darcy")
        for runtime in ("litert", "onnx", "torchmobile")
    ]  # fmt: skip
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), content, compression="none", use_dictionary=False)
    return content.getvalue()


def table_101() -> bytes:
    matrix = [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    return json.dumps([[[matrix, ["input", "conv3x3-bn-relu", "maxpool3x3", "output"]], 0.925]]).encode()


def nds(net: dict[str, Any]) -> bytes:
    entry = {"net": net, "params": 1000, "min_test_top1": 5.5, "test_ep_top1": [9.0, 5.5]}
    return json.dumps([entry, entry]).encode()


def glue_scores() -> bytes:
    layer = {"num_operation_heads": 2, "num_feed_forward": 3, "feed_forward_dimension": 512, "operation_type": "SA"}
    overrides = {"hidden_size": 128, "nas_config": {"encoder_layers": [layer, layer]}}
    scores = dict.fromkeys(flexibert.COLUMNS, 50.5)
    return json.dumps([{"scores": scores, "hparams": {"model_hparam_overrides": overrides}}] * 2).encode()


def cell_net(name: str) -> dict[str, Any]:
    space: Any = spaces.load(name)
    found = space.random_architecture(np.random.default_rng(0))
    nodes = list(range(2, 2 + space.nodes))
    return {
        "genotype": {"normal": found.normal, "normal_concat": nodes, "reduce": found.reduce, "reduce_concat": nodes},
        "width": found.width, "depth": found.depth,
    }  # fmt: skip


ANYNET = {
    "block_type": "res_bottleneck_block", "bot_muls": [0.0, 0.25, 0.5, 0.25], "ds": [1, 2, 2, 2],
    "num_gs": [1, 2, 4, 2], "ss": [8, 1, 2, 2], "ws": [64, 16, 128, 128],
}  # fmt: skip
CELL_LOG = {
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "g": {"op": "activation_sigm", "input": ["f"]},
    "h_new_0": {"op": "blend", "input": ["g", "h_prev_0", "f"]},
}
LOG = json.dumps(
    {"recepie": json.dumps(CELL_LOG), "num_params": 9, "status": "OK", "val_losses": [5.5], "test_losses": [5.0]}
).encode()
EVALUATION = b"".join(bytes([n << 3 | 1]) + struct.pack("<d", 0.5) for n in range(1, 6))
MESSAGE = (b"\x0a" + bytes([len(EVALUATION)]) + EVALUATION) * 3 + b"\x10\x80\x08"
ROW = ["0" * 32, 108, "0100", "input,output", base64.b64encode(MESSAGE).decode()]
JSON_WORDS = ('"', "[", "]", "{", "}", ":", ",", "null", "true", "NaN", "1e999", "-Infinity", "9" * 30, "\\ud800")
YAML_WORDS = ("&a ", "*a", "<<: ", "!!", "? ", "- ", ".nan", ".inf", "0x", "1:2", "!!python/name:os.system", "|\n", "%")
PICKLE_WORDS = (
    "canalognasbench.data\nArchitecture\n", "cnumpy\ndtype\n", "cnumpy\nndarray\n", "c_codecs\nencode\n",
    "cos\nsystem\n",
    "(", ")", "}", "]", "R", "b", "2", "0", "q\x00", "h\x00", "N", "s", "u", "t", "e", "a", "\x88", "K\x01",
)  # fmt: skip


def scores_parquet(packing: str) -> bytes:
    """A table of one score; in pages that are packed, hardly any change is left."""
    row = ("single", 0, 0, "|none~0|", -0.5, "ok", [0.5, 0.25])
    table = pa.Table.from_pylist([dict(zip(artifacts.SCORES.names, row, strict=True))], artifacts.SCORES)
    content = io.BytesIO()
    pq.write_table(table, content, compression=packing, use_dictionary=packing != "none")
    return content.getvalue()


TARGETS: dict[str, Target] = {
    **{f"id-{name}": id_target(name) for name in spaces.NAMES},
    "json": Target(json_file, (b'{"a": [1, -2.5, null, true, "b"]}',), JSON_WORDS),
    "json-argument": Target(json_argument, (b'{"kind": "flops", "seeds": 1}',), JSON_WORDS),
    "yaml": Target(yaml_file, (b"a: &x [1, 2.5, ~]\nb: {c: *x, d: 'e'}\n",), YAML_WORDS),
    "params": Target(params_file, ((PROJECT / "tests/toy/params.yaml").read_bytes(),), YAML_WORDS),
    "task": Target(
        task_file,
        tuple((PROJECT / "gennas/regression/tasks" / name).read_bytes() for name in ("single.yaml", "nlp.yaml")),
        YAML_WORDS,
    ),
    "text": Target(text_file, (b"one line\nanother\n",)),
    "nasbench201-table": Target(
        lambda data: benchmark("nasbench201", "nasbench201", data, (table_201(), table_201())),
        (table_201(),), JSON_WORDS,
    ),
    "nasbench201-analog": Target(
        partial(benchmark, "nasbench201", "analog-nasbench"), (analog_pickle(),), PICKLE_WORDS
    ),
    "nasbench201-devices": Target(
        lambda data: benchmark("nasbench201", "hw-nas-bench", data, (devices_201(), devices_201())),
        (devices_201(),), ('"', ",", "\n", "-1", "-2", "nan", "inf", "(", ")", "9" * 30),
    ),
    "nasbench201-tasks": Target(partial(benchmark, "nasbench201", "nasbench360"), (tasks_201(),)),
    "nasbench_graph-table": Target(
        lambda data: benchmark("nasbench_graph", "nasbench-graph", data, (pickle.dumps({}),) * 8),
        (graph_pickle(0.25), graph_pickle(np.float64(0.25))), (*PICKLE_WORDS, "cnumpy.core.multiarray\nscalar\n"),
    ),
    "nasbench101-table": Target(
        lambda data: benchmark("nasbench101", "gennas-nasbench101", data, (b"[]", b"[]")),
        (table_101(),), (*JSON_WORDS, *OPERATIONS),
    ),
    "nasbench101-record": Target(
        lambda data: benchmark("nasbench101", "nasbench101", record(data)), (json.dumps(ROW).encode(),), JSON_WORDS
    ),
    "nasbench101-message": Target(message, (MESSAGE,)),
    "nasbench101-tfrecord": Target(records_file, (record(b"first") + record(b"second"),)),
    "nds-cells": Target(partial(benchmark, "nds_darts", "nds-cifar10"), (nds(cell_net("nds_darts")),), JSON_WORDS),
    "nds-anynet": Target(partial(benchmark, "nds_resnext_a", "nds-cifar10"), (nds(ANYNET),), JSON_WORDS),
    "flexibert": Target(partial(benchmark, "flexibert", "flexibert"), (glue_scores(),), JSON_WORDS),
    "nasbench_nlp-log": Target(
        lambda data: benchmark("nasbench_nlp", "nasbench-nlp", zipped(data, zipfile.ZIP_STORED)), (LOG,), JSON_WORDS
    ),
    "nasbench_nlp-zip": Target(
        partial(benchmark, "nasbench_nlp", "nasbench-nlp"), (zipped(LOG), zipped(LOG, zipfile.ZIP_STORED))
    ),
    "zip-member": Target(member, (zipped(b"{}"), zipped(b"{}", zipfile.ZIP_STORED))),
    "pickle": Target(unpickled, (analog_pickle(), batch_pickle()), PICKLE_WORDS),
    "cifar10-batch": Target(images_batch, (batch_pickle(),), PICKLE_WORDS),
    "cifar10-tar": Target(images, (tarred(batch_pickle()),)),
    "cifar10-gzip": Target(gzipped_images, (gzip.compress(tarred(batch_pickle()), mtime=0),)),
    "parquet": Target(parquet, (scores_parquet("zstd"), scores_parquet("none"))),
}  # fmt: skip
