"""The cells of NAS-Bench-101 in GenNAS's experiments: 2,500 and 20 labelled ones on CIFAR-10, 500 on ImageNet.

Source: the tables released with Li et al., "Generic Neural Architecture Search via Regression", NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gennas.benchmarks import Trained
from gennas.benchmarks._nasbench101 import MALFORMED, from_matrix
from gennas.errors import InputError
from gennas.files.documents import read_json
from gennas.files.fetch import File
from gennas.files.values import up_to
from gennas.spaces.nasbench101.cell import Architecture, to_id
from gennas.targets import ACCURACY

DECLARATION = {"spaces": ["nasbench101"]}
_TABLES = "https://raw.githubusercontent.com/leeyeehoo/GenNAS-Zero/791b2b287d9007f781f90b8731624a833964d79f/data/nb101/"
FILES: Mapping[str, tuple[File, ...]] = {
    # The cells of the paper's experiments: 2,500 and the 20 labelled ones on CIFAR-10, 500 on ImageNet.
    "nasbench101": (
        File(
            "nasbench101/nasbench1_2500.json",
            _TABLES + "nasbench1_2500.json",
            sha256="cc87cc0c5c2c20c6e9bb5adddd84db873ca97c1fa0b171bb1af13f8eed7844da",
        ),
        File(
            "nasbench101/nasbench1_20.json",
            _TABLES + "nasbench1_20.json",
            sha256="9e88c6fba724f216a163211bd99d26d2981ea4501d1050063a69d7fed3dad44b",
        ),
        File(
            "nasbench101/nasbench1_imgnet.json",
            _TABLES + "nasbench1_imgnet.json",
            sha256="68dbec138fb986c0304f8e0607a2d263204c26f5eb3cb42bcf6f1db7b3cd1e48",
        ),
    ),
}
TEST, IMAGENET = "cifar10_test_accuracy_percent", "imagenet_accuracy_percent"
TARGETS = {TEST: ACCURACY, IMAGENET: ACCURACY}
TABLE_LIMIT = 1 << 23  # bytes of a table; the largest has 0.7 MB


def _read_table(path: Path, highest: float) -> dict[Architecture, float]:
    """Rows are [[adjacency matrix, names of the vertices], accuracy of at most `highest`]."""
    table: dict[Architecture, float] = {}
    try:
        for (matrix, names), accuracy in read_json(path, "fetch it again", TABLE_LIMIT):
            architecture = from_matrix(matrix, names)
            if architecture in table:
                raise ValueError(f"{to_id(architecture)} is listed twice")
            table[architecture] = up_to(highest, accuracy)
    except MALFORMED as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not a table of NAS-Bench-101 cells ({reason}); fetch it again") from error
    return table


def read(space: str, paths: list[Path]) -> list[Trained]:
    """In the order of the files. Five cells have both targets.

    CIFAR-10: fractions, of one of the benchmark's three runs for the 2,500 cells, the mean of ten draws
    from these runs for the 20 labelled ones. Nothing says so, but the 2,500 are of the test set: failed
    runs, which predict one class, are right for 999 of 9,984 images, and for 949 of the validation set.
    The 20 are taken to be of it, too. ImageNet: percent.
    """
    evaluated, labelled, imagenet = map(_read_table, paths, (1, 1, 100))
    cifar10 = {architecture: 100 * fraction for architecture, fraction in (evaluated | labelled).items()}
    columns = {TEST: cifar10, IMAGENET: imagenet}
    return [
        Trained(
            architecture,
            {target: column[architecture] for target, column in columns.items() if architecture in column},
            labelled=architecture in labelled,
        )
        for architecture in cifar10 | imagenet
    ]
