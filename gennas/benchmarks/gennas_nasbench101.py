_TABLES = "https://raw.githubusercontent.com/leeyeehoo/GenNAS-Zero/791b2b287d9007f781f90b8731624a833964d79f/data/nb101/"
SOURCES: dict[str, tuple[File | PackageFile, ...]] = {
    # The cells of the paper's experiments: 2,500 and the 20 labelled ones on CIFAR-10, 500 on ImageNet.
    "gennas": (
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
    # The benchmark itself (523 MB): every cell, mean of three runs of 108 epochs.
    "official": (
        File(
            "nasbench101/nasbench_only108.tfrecord",
            "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",
            sha256="4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
        ),
    ),
}
VALIDATION, TEST, IMAGENET = (
    "cifar10_validation_accuracy_percent",
    "cifar10_test_accuracy_percent",
    "imagenet_accuracy_percent",
)
EPOCHS = 108
#: What reading a file of another form raises.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
TABLE_LIMIT = 1 << 23  # bytes of a table; the largest has 0.7 MB


def from_matrix(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> Architecture:
    """The architecture of an adjacency matrix and the names of its vertices, as the files have them.

    Raises ValueError for a cell outside the space.
    """
    vertices = range(len(names))
    if len(names) < 2 or names[0] != "input" or names[-1] != "output" or set(names[1:-1]) - set(OPERATIONS):
        raise ValueError("a cell whose vertices are not input, operations and output")
    if [len(row) for row in matrix] != [len(names)] * len(names):
        raise ValueError("a cell whose adjacency matrix does not fit its vertices")
    if any(matrix[s][t] not in ((0, 1) if s < t else (0,)) for s in vertices for t in vertices):
        raise ValueError("a cell whose adjacency matrix is not an upper triangle of zeros and ones")
    edges = [(s, t) for s in vertices for t in vertices if matrix[s][t]]
    return canonical([OPERATIONS.index(name) for name in names[1:-1]], edges)


def _read_table(path: Path, highest: float) -> dict[Architecture, float]:
    """Rows are [[adjacency matrix, names of the vertices], accuracy of at most `highest`]."""
    table: dict[Architecture, float] = {}
    try:
        for (matrix, names), accuracy in read_json(path, "fetch it again", TABLE_LIMIT):
            architecture = from_matrix(matrix, names)
            if architecture in table:
                raise ValueError(f"{to_id(architecture)} is listed twice")
            table[architecture] = up_to(highest, accuracy)
    except _MALFORMED as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not a table of NAS-Bench-101 cells ({reason}); fetch it again") from error
    return table


def _read_tables(paths: list[Path]) -> list[Trained]:
    """The tables released with GenNAS. Five cells have both targets.

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
