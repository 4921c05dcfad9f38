"""NAS-Bench-101 itself (523 MB): every cell, mean of three trainings of 108 epochs on CIFAR-10.

Source: Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019.
"""

from __future__ import annotations

import base64
import math
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from statistics import fmean

from gennas.benchmarks import Trained
from gennas.benchmarks._nasbench101 import MALFORMED, from_matrix
from gennas.errors import InputError
from gennas.files import tfrecord
from gennas.files.documents import parse_json
from gennas.files.fetch import File
from gennas.files.values import count, up_to
from gennas.spaces.nasbench101.cell import Architecture
from gennas.targets import ACCURACY

DECLARATION = {"spaces": ["nasbench101"]}
FILES: Mapping[str, tuple[File, ...]] = {
    "nasbench101": (
        File(
            "nasbench101/nasbench_only108.tfrecord",
            "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",
            sha256="4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
        ),
    ),
}
VALIDATION, TEST = "cifar10_validation_accuracy_percent", "cifar10_test_accuracy_percent"
TARGETS = {VALIDATION: ACCURACY, TEST: ACCURACY}
EPOCHS = 108


@lru_cache(maxsize=1024)  # a cell has three records
def _from_text(adjacency: str, names: str) -> Architecture:
    """The architecture of a matrix written row after row without separators, and of comma-separated names."""
    size = max(1, math.isqrt(len(adjacency)))
    matrix = [[int(bit) for bit in adjacency[i : i + size]] for i in range(0, len(adjacency), size)]
    return from_matrix(matrix, names.split(","))


def _read_run(message: bytes) -> tuple[float, float, int]:
    """Validation and test accuracy in percent, and trainable parameters, of a ModelMetrics message.

    Its fields: 1 the evaluations (before, halfway, after training), 2 the parameters. The fields of
    an evaluation: 4 the validation and 5 the test accuracy, as fractions.
    """
    metrics = tfrecord.decode(message)
    after = tfrecord.decode(metrics[1][2])
    return 100 * up_to(1, after[4][0]), 100 * up_to(1, after[5][0]), count(metrics[2][0], "field 2")


def read(space: str, paths: list[Path]) -> list[Trained]:
    """In the order of the file, means over runs.

    Each record is JSON: [hash, epochs, adjacency matrix, operations, base64 of a ModelMetrics message].
    """
    (path,) = paths
    runs: dict[Architecture, list[tuple[float, float, int]]] = defaultdict(list)
    for number, record in enumerate(tfrecord.records(path), start=1):
        try:
            _, epochs, adjacency, names, message = parse_json(record)
            if epochs == EPOCHS:
                runs[_from_text(adjacency, names)].append(_read_run(base64.b64decode(message)))
        except MALFORMED as error:
            reason = f"{type(error).__name__}: {error}"
            raise InputError(f"{path}: record {number} is no NAS-Bench-101 run ({reason}); fetch it again") from error
    if not runs:
        raise InputError(f"{path}: has no run of {EPOCHS} epochs; fetch it again")
    trained = []
    for architecture in list(runs):
        validation, test, parameters = zip(*runs.pop(architecture), strict=True)
        targets = {VALIDATION: fmean(validation), TEST: fmean(test)}
        trained.append(Trained(architecture, targets, parameters=parameters[0]))
    return trained
