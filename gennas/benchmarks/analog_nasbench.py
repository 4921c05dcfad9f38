"""Analog-NASBench: every cell of NAS-Bench-201 trained on CIFAR-10, and its accuracy on analogue hardware.

Accuracies after training, quantisation (after or during training), training with noise, and on the simulated
hardware; the latter also after it has drifted for a minute, an hour, a day and a month, with an uncertainty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gennas.benchmarks import Trained
from gennas.benchmarks._nasbench201 import complete, from_encoding
from gennas.files import pickles
from gennas.files.fetch import PackageFile
from gennas.files.values import percentage
from gennas.spaces.common.nasbench201.cell import Architecture, all_architectures
from gennas.targets import ACCURACY

DECLARATION = {"spaces": ["nasbench201"]}
FILES: Mapping[str, tuple[PackageFile, ...]] = {
    "nasbench201": (
        PackageFile(
            "analog-nasbench",
            "0.1.3",
            "analognasbench/data.anb",
            sha256="85f3435b877aa2d36268d55ce07f6ff6d73643d17a840f1941745da5eb80db32",
        ),
    ),
}
#: By network, trained as usual or with noise, and the seconds of drift.
_DRIFTS = [f"cifar10_{kind}_drift_{time}" for kind in ("baseline", "analog") for time in (60, 3600, 86400, 2592000)]
TARGETS = {
    "cifar10_accuracy_percent": ACCURACY,
    "cifar10_ptq_accuracy_percent": ACCURACY,
    "cifar10_qat_accuracy_percent": ACCURACY,
    "cifar10_noisy_accuracy_percent": ACCURACY,
    "cifar10_analog_accuracy_percent": ACCURACY,
    **{f"{drift}_percent": ACCURACY for drift in _DRIFTS},
}
UNCERTAINTIES = {f"{drift}_uncertainty_percent": f"{drift}_percent" for drift in _DRIFTS}


class _Record(metaclass=pickles.Sealed):
    """Stands in for the classes of analog-nasbench's pickle: attributes and nothing else."""

    value: float  # of a drift measurement
    uncertainty: float


def _read_records(path: Path) -> dict[Architecture, dict[str, float]]:
    """Accuracies per cell: fully trained on CIFAR-10, quantised, with analogue noise and drift."""
    allowed = {("analognasbench.data", name): _Record for name in ("Architecture", "DriftMeasurement")}
    with path.open("rb") as file:
        records = pickles.load(file, allowed)
    table = {from_encoding(encoding): _targets(record) for encoding, record in records.items()}
    if len({tuple(targets) for targets in table.values()}) > 1:
        raise ValueError("cells of different figures")
    return table


def _targets(record: Any) -> dict[str, float]:
    """One column per figure; a drift measurement is a value and its uncertainty."""
    if not isinstance(record, _Record):
        raise ValueError(f"{record!r} is not the record of a cell")
    targets = {}
    for name, value in vars(record).items():
        if name == "architecture":
            continue
        if not re.fullmatch("[a-z0-9_]+", name):
            raise ValueError(f"{name!r} is not the name of a figure")
        figure = f"cifar10_{name.removeprefix('baseline_accuracy') or 'accuracy'}"
        if isinstance(value, _Record):
            targets[f"{figure}_percent"] = percentage(value.value)
            targets[f"{figure}_uncertainty_percent"] = percentage(value.uncertainty)
        else:
            targets[f"{figure}_percent"] = percentage(value)
    return targets


def read(space: str, paths: list[Path]) -> list[Trained]:
    """Every cell, in lexicographic order of the operation indices."""
    table = complete(paths[0], _read_records)
    return [Trained(cell, table[cell]) for cell in all_architectures()]
