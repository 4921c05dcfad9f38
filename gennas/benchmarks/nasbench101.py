EPOCHS = 108
#: What reading a file of another form raises.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
TABLE_LIMIT = 1 << 23  # bytes of a table; the largest has 0.7 MB


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


def _read_official(path: Path) -> list[Trained]:
    """Each record is JSON: [hash, epochs, adjacency matrix, operations, base64 of a ModelMetrics message]."""
    runs: dict[Architecture, list[tuple[float, float, int]]] = defaultdict(list)
    for number, record in enumerate(tfrecord.records(path), start=1):
        try:
            _, epochs, adjacency, names, message = parse_json(record)
            if epochs == EPOCHS:
                runs[_from_text(adjacency, names)].append(_read_run(base64.b64decode(message)))
        except _MALFORMED as error:
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


def read(source: str, paths: list[Path]) -> list[Trained]:
    """See `Space.read`; in the order of the files."""
    return _read_official(paths[0]) if source == "official" else _read_tables(paths)
