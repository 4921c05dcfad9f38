"""The networks that NDS sampled from a design space and trained on ImageNet."""

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
        "nds_nasnet",
        "nds_pnas",
        "nds_resnext_a",
        "nds_resnext_b",
    ]
}
FILES = _nds.files("_in")
TARGETS = {"imagenet_accuracy_percent": ACCURACY}


def read(space: str, paths: list[Path]) -> list[Trained]:
    """In the order of the file; the accuracy of the best epoch."""
    return _nds.read(_nds.parser(space), paths[0], *TARGETS)
