"""Accuracies of PlainNet's networks on scikit-learn's digits, which docs/example/measure.py measured."""

from __future__ import annotations

import csv
from pathlib import Path

from gennas import spaces
from gennas.benchmarks import Trained
from gennas.errors import InputError
from gennas.files.fetch import File
from gennas.targets import ACCURACY

DECLARATION = {"spaces": ["plainnet"]}
FILES = {
    "plainnet": (
        File(
            "plainnet/plainnet.csv",
            url=None,  # no public address: GENNAS_MIRROR has it
            sha256="ae4673695dc771e978d052b3de3644a7293c9ec0c82796ac8dc5f96a5789b059",
        ),
    )
}
TARGETS = {"digits_accuracy": ACCURACY}


def read(space: str, paths: list[Path]) -> list[Trained]:
    """Rows `architecture,accuracy_percent` under a line of titles."""
    from_id = spaces.load(space).from_id
    with paths[0].open(newline="", encoding="utf-8") as file:
        try:
            rows = [(from_id(row["architecture"]), float(row["accuracy_percent"])) for row in csv.DictReader(file)]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{paths[0]}: not a table of architecture,accuracy_percent ({error})") from error
    return [Trained(architecture, {"digits_accuracy": accuracy}) for architecture, accuracy in rows]
