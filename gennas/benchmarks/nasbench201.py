"""NAS-Bench-201 itself: validation accuracies on three data sets, mean over its seeds, as released with GenNAS.

Source: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

from gennas.benchmarks import Trained
from gennas.benchmarks._nasbench201 import FIX, complete
from gennas.files.documents import read_json
from gennas.files.fetch import File
from gennas.files.values import percentage
from gennas.spaces.common.nasbench201.cell import Architecture, all_architectures
from gennas.targets import ACCURACY

DECLARATION = {"spaces": ["nasbench201"]}
_TABLES = "https://raw.githubusercontent.com/leeyeehoo/GenNAS-Zero/791b2b287d9007f781f90b8731624a833964d79f/data/nb201/"
FILES: Mapping[str, tuple[File, ...]] = {
    "nasbench201": (
        File(
            "nasbench201/cifar10valid.json",
            _TABLES + "cifar10valid.json",
            sha256="dbbee315739bd0c44acc0b1bb85c9e6396582cdb24f57f6debd8228782368bef",
        ),
        File(
            "nasbench201/cifar100.json",
            _TABLES + "cifar100.json",
            sha256="59128e7b0e634be4748b386915990bf762d916b667118eef5774cfafc43cd724",
        ),
        File(
            "nasbench201/tinyimagenet.json",
            _TABLES + "tinyimagenet.json",
            sha256="afeaf220f5ef6517442e73f166577db9bf38387a3e47a24ffa4b21662e92bc8d",
        ),
    ),
}
#: Of each file, in their order.
TARGETS = {
    "cifar10_validation_accuracy_percent": ACCURACY,
    "cifar100_validation_accuracy_percent": ACCURACY,
    "imagenet16_120_validation_accuracy_percent": ACCURACY,
}
TABLE_LIMIT = 1 << 23  # bytes; the tables have 0.7 MB


def _read_table(path: Path) -> dict[Architecture, float]:
    """Accuracies per cell; rows are [[[a], [b, c], [d, e, f]], accuracy], operations per node in our order."""
    table: dict[Architecture, float] = {}
    for nodes, accuracy in read_json(path, FIX, TABLE_LIMIT):
        cell = tuple(itertools.chain(*nodes))
        if cell in table:
            raise ValueError(f"{nodes} is listed twice")
        table[cell] = percentage(accuracy)
    return table


def read(space: str, paths: list[Path]) -> list[Trained]:
    """Every cell, in lexicographic order of the operation indices."""
    columns = {target: complete(path, _read_table) for target, path in zip(TARGETS, paths, strict=True)}
    return [Trained(cell, {target: column[cell] for target, column in columns.items()}) for cell in all_architectures()]
