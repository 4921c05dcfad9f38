"""The networks that NDS sampled from a design space and trained on CIFAR-10."""

from __future__ import annotations

from pathlib import Path

from gennas.benchmarks import Trained, _nds
from gennas.targets import ACCURACY

DECLARATION = {
    "spaces": [
        "nds_amoeba",
        "nds_darts",
        "nds_darts_fix",
        "nds_enas",
        "nds_enas_fix",
        "nds_nasnet",
        "nds_pnas",
        "nds_pnas_fix",
        "nds_resnet",
        "nds_resnext_a",
        "nds_resnext_b",
    ]
}
FILES = _nds.files()
TARGETS = {"cifar10_accuracy_percent": ACCURACY}


def read(space: str, paths: list[Path]) -> list[Trained]:
    """In the order of the file; the accuracy of the best epoch."""
    return _nds.read(_nds.parser(space), paths[0], *TARGETS)
