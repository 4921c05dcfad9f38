"""NAS-Bench-360's tasks on the cells of NAS-Bench-201, and their latency and energy on a Raspberry Pi 5.

The table is that of HW-NAS-Bench-360. What to know of it:

- **NinaPro** (electromyography): one training, chosen and reported on one held-out set of 659 samples. Do not call it
  a test accuracy. Its standard error is 1.2 points at 90 %.
- **Darcy** (a value per pixel): one training, judged on one held-out set, of another skeleton than NAS-Bench-201's. The
  cells are not down-sampled; there are 17 of them: the space `nasbench201_dense`, which has this target alone. Beside
  the others in `nasbench201`, it is of the same cell in another network. The file states 1 minus the relative L2 error;
  we state the error.
- **CIFAR-100**: NAS-Bench-201's own test accuracy, mean over its seeds, as in `nasbench201_means`.
- **Pi 5**: one core, the median of 40 runs; energy is that of the core's supply alone. Isomorphic cells were measured
  once, and share the figures.

Left out: Darcy's latency and energy, which were measured on a classifier, not on the network that has the error; and
the Pixel's latencies, a run on NNAPI that was renamed to LiteRT.

Sources: Tu et al., "NAS-Bench-360: Benchmarking Neural Architecture Search on Diverse Tasks", NeurIPS 2022 (Datasets
and Benchmarks); HW-NAS-Bench-360, which released the table.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gennas.benchmarks import Trained
from gennas.benchmarks._nasbench201 import FIX, by_index, complete
from gennas.errors import InputError
from gennas.files.fetch import File
from gennas.files.values import percentage, up_to
from gennas.spaces.common.nasbench201.cell import Architecture, all_architectures, to_id
from gennas.targets import ACCURACY, ENERGY_MJ, LATENCY, RELATIVE_ERROR

DECLARATION = {"spaces": ["nasbench201", "nasbench201_dense"]}
FILES: Mapping[str, tuple[File, ...]] = dict.fromkeys(
    DECLARATION["spaces"],
    (
        File(
            "nasbench360/dataset.parquet",
            "https://raw.githubusercontent.com/roldebijvank/HW-NAS-Bench-360/"
            "a9b243e07fb8f0671ee56587696e7b8ef1ca702d/results/dataset.parquet",
            sha256="d3ce4198e31564486b7194ba28507bea3867cb16a2587d68d82e3b62cfff4cce",
        ),
    ),
)
ERROR = "darcy_relative_error"
#: By the file's name of a task.
ACCURACIES = {"ninapro": "ninapro_accuracy_percent", "cifar100": "cifar100_test_accuracy_percent"}
_RUNS = [f"{task}_pi5_{runtime}" for task in ACCURACIES for runtime in ("litert", "onnx", "torchmobile")]
TARGETS = {
    **dict.fromkeys(ACCURACIES.values(), ACCURACY),
    ERROR: RELATIVE_ERROR,
    **{f"{run}_latency_ms": LATENCY for run in _RUNS},
    **{f"{run}_energy_mj": ENERGY_MJ for run in _RUNS},
}
_COLUMNS = ["arch_idx", "framework", "task", "lat_ms_median", "energy_mj", "accuracy"]


def _rows(path: Path) -> list[dict[str, Any]]:
    """The Pi 5's rows: one for each cell, task and runtime."""
    try:
        import pyarrow as pa  # no dependency of the library
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise InputError(f"{path}: Parquet needs {error.name}; pip install 'gennas[pipeline]'") from error
    try:
        rows: list[dict[str, Any]] = pq.read_table(path, columns=_COLUMNS, filters=[("device", "=", "pi5")]).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}); {FIX}") from error
    return rows


def _targets(row: Mapping[str, Any]) -> dict[str, float]:
    """What a row says of its cell."""
    task = row["task"]
    if task == "darcy":
        return {ERROR: up_to(math.inf, 1 - row["accuracy"], ERROR)}
    run = f"{task}_pi5_{row['framework']}"
    return {
        ACCURACIES[task]: percentage(row["accuracy"], ACCURACIES[task]),
        f"{run}_latency_ms": up_to(math.inf, row["lat_ms_median"], f"{run}_latency_ms"),
        f"{run}_energy_mj": up_to(math.inf, row["energy_mj"], f"{run}_energy_mj"),
    }


def _read_table(path: Path) -> dict[Architecture, dict[str, float]]:
    """The targets of each cell, every one of them."""
    cells = by_index()
    table: dict[Architecture, dict[str, float]] = defaultdict(dict)
    for row in _rows(path):
        cell = cells[row["arch_idx"]]
        for target, value in _targets(row).items():
            if table[cell].setdefault(target, value) != value:
                raise ValueError(f"{to_id(cell)} has {target} {table[cell][target]} and {value}")
    for cell, targets in table.items():
        if missing := sorted(TARGETS.keys() - targets.keys()):
            raise ValueError(f"{to_id(cell)} has no {missing[0]}")
    return table


def read(space: str, paths: list[Path]) -> list[Trained]:
    """Every cell, in lexicographic order of the operation indices."""
    table = complete(paths[0], _read_table)
    names = [ERROR] if space == "nasbench201_dense" else [*TARGETS]
    return [Trained(cell, {name: table[cell][name] for name in names}) for cell in all_architectures()]
