"""Test accuracies of 64 networks of `imc_blocks` after a few epochs on small images: an example, not a benchmark.

The table comes with the library; `measurements/imc_blocks.py` made it, and has the protocol. Targets are means over
three trainings, uncertainties their standard deviations.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev

from gennas import spaces
from gennas.benchmarks import Trained
from gennas.errors import InputError
from gennas.files.values import percentage
from gennas.targets import ACCURACY

DECLARATION = {"spaces": ["imc_blocks"]}
FILES: Mapping[str, tuple[Path, ...]] = {"imc_blocks": (Path(__file__).with_suffix(".csv"),)}
#: Data sets of `gennas.data.images`.
DATA_SETS = ("digits", "cifar10_subset")
TARGETS = {f"{data}_accuracy_percent": ACCURACY for data in DATA_SETS}
UNCERTAINTIES = {f"{data}_accuracy_uncertainty_percent": f"{data}_accuracy_percent" for data in DATA_SETS}


def read(space: str, paths: list[Path]) -> list[Trained]:
    """Rows `architecture,dataset,seed,accuracy_percent` under a line of titles, one for each training."""
    try:
        accuracies = _read_accuracies(paths[0])
        return [Trained(spaces.load(space).from_id(one), _targets(own)) for one, own in accuracies.items()]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{paths[0]}: not a table of trainings ({error!r}); get the file again") from error


def _read_accuracies(path: Path) -> dict[str, dict[str, list[float]]]:
    """By architecture and data set, those of the seeds, in the order of the file."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: {data: [] for data in DATA_SETS})
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["architecture"]][row["dataset"]].append(percentage(float(row["accuracy_percent"])))
    return found


def _targets(accuracies: Mapping[str, list[float]]) -> dict[str, float]:
    """Means and standard deviations. Raises ValueError where there are fewer than two trainings."""
    return {
        **{f"{data}_accuracy_percent": fmean(own) for data, own in accuracies.items()},
        **{f"{data}_accuracy_uncertainty_percent": stdev(own) for data, own in accuracies.items()},
    }
