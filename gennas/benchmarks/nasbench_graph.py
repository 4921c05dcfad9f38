"""NAS-Bench-Graph: its cells trained on nine graphs, from the package nas-bench-graph; means of three seeds.

What to know of it:

- Validation accuracies are means of three that were rounded to three decimals: many are equal.
- Trainings that failed are there as the accuracy of chance, and nothing marks them.
- On proteins 2,021 cells were trained, those of `gcn`, `sage`, `arma`, `fc` and `skip`, and their figure is the area
  under the ROC curve.
- Latencies, of a pass over the whole graph, were measured on different GPUs.
- The parameter counts of 1,567 cells on physics are not those of any network of the benchmark. All counts here are our
  own, of Cora's networks; they equal the stated ones.

Source: Qin et al., "NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search", NeurIPS 2022.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from gennas.benchmarks import Trained
from gennas.errors import InputError
from gennas.files import pickles
from gennas.files.fetch import PackageFile
from gennas.files.values import up_to
from gennas.spaces.nasbench_graph.cell import Cell, from_id
from gennas.spaces.nasbench_graph.sizes import SIZES, parameters
from gennas.targets import ACCURACY, LATENCY, Target

DECLARATION = {"spaces": ["nasbench_graph"]}
#: By data set, in the order of `SIZES`.
_SHA256 = {
    "cora": "5e69b2f9bb08d8927d9ffd4921f8494a3cea349c9c3a461334cb9dc9e11701a8",
    "citeseer": "99c7f79b73372636305bf73fb32a58b63c57bd1871a152dd62ec72d984c8c50f",
    "pubmed": "10b4dcf6cfd3a24f6059f7d541a4a872960b4adac0b3dba26abed1bb9a3d904d",
    "cs": "71ae8469930517160b024f52db6000a4897f1aff5d765beb27bb60952ed5bd31",
    "physics": "1e309bafee0b832c8b84fa3c039c36992bc0a910238b128f26b7e9190d7f2aea",
    "photo": "5511b4dc3f63fa988792177227db7901290fb9b27fc6c02e3036b29e134ed6df",
    "computers": "fdb3dc0cf405d62322f0ab9614b2083c2a5e6576c2f43e4f2214be64bc62b1b3",
    "arxiv": "7ee21a7653297a806c0ed1be3efe6ecc06acc84e48e942da0bfde0e5d287debe",
    "proteins": "b9e7fb0902bda44fec32c948e5fde822fb22d38d674c52e43ace5197378f2d21",
}
FILES: Mapping[str, tuple[PackageFile, ...]] = {
    "nasbench_graph": tuple(
        PackageFile("nas-bench-graph", "1.4.0", f"nas_bench_graph/light/{data}.bench", sha256=sha256)
        for data, sha256 in _SHA256.items()
    ),
}
LONGEST = 3600  # seconds of a pass; all there are take less than one
#: Of the data set whose networks have more than one right label a node.
ROC_AUC = replace(ACCURACY, quantity="area under the ROC curve")


def _quality(data: str) -> tuple[str, Target]:
    """The end of a column's name, and what it is."""
    return ("roc_auc_percent", ROC_AUC) if data == "proteins" else ("accuracy_percent", ACCURACY)


TARGETS = {
    f"{data}_{column}": target
    for data in _SHA256
    for column, target in (
        (f"test_{_quality(data)[0]}", _quality(data)[1]),
        (f"validation_{_quality(data)[0]}", _quality(data)[1]),
        ("latency_ms", LATENCY),
    )
}


class _Dtype(metaclass=pickles.Sealed):
    """Stands in for numpy's dtype, of which there is one: little-endian numbers of eight bytes."""

    def __init__(self, name: object, *_: object) -> None:
        if name != "f8":
            raise ValueError(f"numbers of another kind, {name!r}")

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or "<" not in state[:2]:
            raise ValueError("numbers in another byte order")


class _Scalar(metaclass=pickles.Sealed):
    """Stands in for numpy's scalars, eight bytes each."""

    def __new__(cls, dtype: object, content: bytes) -> float:  # type: ignore[misc]  # makes a plain number
        if not isinstance(dtype, _Dtype):
            raise ValueError(f"a number of the kind {dtype!r}")
        (number,) = struct.unpack("<d", content)
        return float(number)


_ALLOWED = {("numpy.core.multiarray", "scalar"): _Scalar, ("numpy", "dtype"): _Dtype}


def _figures(data: str, record: Any) -> dict[str, float]:
    """The columns of a cell on a data set, whose figures are shares and seconds."""
    quality = _quality(data)[0]
    return {
        f"{data}_test_{quality}": 100 * up_to(1, record["perf"], "perf"),
        f"{data}_validation_{quality}": 100 * up_to(1, record["valid_perf"], "valid_perf"),
        f"{data}_latency_ms": 1000 * up_to(LONGEST, record["latency"], "latency"),
    }


#: A cell is in nine tables, and takes longest to check.
_cell = cache(from_id)


def _read_table(path: Path, data: str) -> dict[Cell, dict[str, float]]:
    """The cells that were trained on a data set, and their figures."""
    with path.open("rb") as file:
        records = pickles.load(file, _ALLOWED)
    try:
        return {_cell(str(number)): _figures(data, record) for number, record in records.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a table of NAS-Bench-Graph ({error}); get it again") from error


def read(space: str, paths: list[Path]) -> list[Trained]:
    """Every cell, by its id."""
    tables = [_read_table(path, data) for path, data in zip(paths, _SHA256, strict=True)]
    cells = sorted({cell for table in tables for cell in table}, key=lambda cell: cell.number)
    return [
        Trained(
            cell,
            {column: value for table in tables for column, value in table.get(cell, {}).items()},
            parameters=parameters(cell, SIZES["cora"]),
        )
        for cell in cells
    ]
