_ANALOG_OPERATIONS = (1, 0, 3, 2, 4)  # its 0 skip, 1 none, 2 conv3x3, 3 conv1x1, 4 avgpool
_ANALOG_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


class _Record(metaclass=pickles.Sealed):
    """Stands in for the classes of analog-nasbench's pickle: attributes and nothing else."""

    value: float  # of a drift measurement
    uncertainty: float


def from_analog(encoding: tuple[int, ...]) -> Architecture:
    """The architecture of an analog-nasbench tuple."""
    if not all(type(op) is int and 0 <= op < len(_ANALOG_OPERATIONS) for op in encoding):
        raise ValueError(f"{encoding!r} is not a cell")
    by_edge = {edge: _ANALOG_OPERATIONS[op] for edge, op in zip(_ANALOG_EDGES, encoding, strict=True)}
    return tuple(by_edge[edge] for edge in EDGES)


def _read_analog(path: Path) -> dict[Architecture, dict[str, float]]:
    """Accuracies per cell: fully trained on CIFAR-10, quantised, with analogue noise and drift."""
    allowed = {("analognasbench.data", name): _Record for name in ("Architecture", "DriftMeasurement")}
    with path.open("rb") as file:
        records = pickles.load(file, allowed)
    table = {from_analog(encoding): _analog_targets(record) for encoding, record in records.items()}
    if len({tuple(targets) for targets in table.values()}) > 1:
        raise ValueError("cells of different figures")
    return table


def _analog_targets(record: Any) -> dict[str, float]:
    """One column per figure; a drift measurement is a value and its uncertainty."""
    if not isinstance(record, _Record):
        raise ValueError(f"{record!r} is not the record of a cell")
    targets = {}
    for name, value in vars(record).items():
        if name == "architecture":
            continue
        if not re.fullmatch("[a-z0-9_]+", name):
            raise ValueError(f"{name!r} is not the name of a figure")
        target = f"cifar10_{name.removeprefix('baseline_accuracy') or 'accuracy'}_percent"
        if isinstance(value, _Record):
            targets[target] = percentage(value.value)
            targets[target.replace("_percent", "_uncertainty_percent")] = percentage(value.uncertainty)
        else:
            targets[target] = percentage(value)
    return targets
