"""NAS-Bench-201 itself: validation and test accuracies on three data sets, means over its seeds, as CSV of NASGraph.

Select by validation, report by test. CIFAR-10's networks are those that the benchmark trained on half of its training
images to validate on the other half: their test accuracies end at 91.5 %, not at the 94.4 % of the full training set.

Sources: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020;
Huang et al., "NASGraph", 2024, who released the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from gennas.benchmarks import Trained
from gennas.benchmarks._nasbench201 import complete, read_csv
from gennas.files.fetch import File
from gennas.files.values import percentage
from gennas.spaces.common.nasbench201.cell import Architecture, all_architectures, from_id
from gennas.targets import ACCURACY

DECLARATION = {"spaces": ["nasbench201"]}
_TABLES = (
    "https://raw.githubusercontent.com/Zhenhan-Huang/NASGraph-Public/1f8fd621c60a48728fcc890818b6b94eee62e4dc/data/"
)
FILES: Mapping[str, tuple[File, ...]] = {
    "nasbench201": (
        File(
            "nasbench201-means/nasbench201_cifar10.csv",
            _TABLES + "nasbench201_cifar10.csv",
            sha256="c82e70b5ffb0dba0f09d88ecc8df5a6d3ce8da8a99ad223285104f4537314033",
        ),
        File(
            "nasbench201-means/nasbench201_cifar100.csv",
            _TABLES + "nasbench201_cifar100.csv",
            sha256="87a42005d7005fdb5e4a938ed83dd306d907523f23e70af907dfd276dd5fe35d",
        ),
        File(
            "nasbench201-means/nasbench201_ImageNet16-120.csv",
            _TABLES + "nasbench201_ImageNet16-120.csv",
            sha256="f5225573584977b283f473b0ded7fe51ae599a67063b3bd02b18de36b29fcd6b",
        ),
    ),
}
#: Of each file, in their order.
DATA_SETS = ("cifar10", "cifar100", "imagenet16_120")
ROLES = ("validation", "test")
TARGETS = {f"{data}_{role}_accuracy_percent": ACCURACY for data in DATA_SETS for role in ROLES}


def _read_row(row: Mapping[str, str]) -> tuple[Architecture, list[float]]:
    """A cell and its accuracies, one for each role."""
    return from_id(row["arch str"]), [percentage(float(row[f"{role} accuracy"])) for role in ROLES]


def read(space: str, paths: list[Path]) -> list[Trained]:
    """Every cell, in lexicographic order of the operation indices."""
    tables = [complete(path, partial(read_csv, read_row=_read_row)) for path in paths]
    return [
        Trained(cell, dict(zip(TARGETS, (value for table in tables for value in table[cell]), strict=True)))
        for cell in all_architectures()
    ]
