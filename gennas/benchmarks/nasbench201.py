_TABLES = "https://raw.githubusercontent.com/leeyeehoo/GenNAS-Zero/791b2b287d9007f781f90b8731624a833964d79f/data/nb201/"
SOURCES: dict[str, tuple[File | PackageFile, ...]] = {
    # Every cell trained on CIFAR-10, and what becomes of it on analogue hardware.
    "analog-nasbench": (
        PackageFile(
            "analog-nasbench",
            "0.1.3",
            "analognasbench/data.anb",
            sha256="85f3435b877aa2d36268d55ce07f6ff6d73643d17a840f1941745da5eb80db32",
        ),
    ),
    # Validation accuracies of NAS-Bench-201 itself, mean over its seeds.
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
TABLE_LIMIT = 1 << 23  # bytes; the tables have 0.7 MB
MEND = "get the file again"
#: Column of each table of the source `nasbench201`, in the order of its files.
_TABLE_TARGETS = (
    "cifar10_validation_accuracy_percent",
    "cifar100_validation_accuracy_percent",
    "imagenet16_120_validation_accuracy_percent",
)


def _read_table(path: Path) -> dict[Architecture, float]:
    """Accuracies per cell; rows are [[[a], [b, c], [d, e, f]], accuracy], operations per node in our order."""
    table: dict[Architecture, float] = {}
    for nodes, accuracy in read_json(path, MEND, TABLE_LIMIT):
        cell = tuple(itertools.chain(*nodes))
        if cell in table:
            raise ValueError(f"{nodes} is listed twice")
        table[cell] = percentage(accuracy)
    return table


def _complete(path: Path, read_cells: Callable[[Path], dict[Architecture, T]]) -> dict[Architecture, T]:
    """What a file says of every cell of the space."""
    try:
        table = read_cells(path)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: not a table of NAS-Bench-201's cells ({error!r}); {MEND}") from error
    if table.keys() != set(all_architectures()):
        raise InputError(f"{path}: {len(table)} architectures, not the {len(all_architectures())}; {MEND}")
    return table


def read(source: str, paths: list[Path]) -> list[Trained]:
    """See `Space.read`; in lexicographic order of the operation indices."""
    if source == "analog-nasbench":
        table = _complete(paths[0], _read_analog)
        return [Trained(cell, table[cell]) for cell in all_architectures()]
    columns = {target: _complete(path, _read_table) for target, path in zip(_TABLE_TARGETS, paths, strict=True)}
    return [Trained(cell, {target: column[cell] for target, column in columns.items()}) for cell in all_architectures()]
