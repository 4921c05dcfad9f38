_RELEASE = "https://raw.githubusercontent.com/fmsnew/nas-bench-nlp-release/a6d90a3b19e3966b1d009c0970b3761aa46707d1/"
_PTB = File(
    "nasbench-nlp-official/logs.zip",
    _RELEASE + "train_logs_single_run/logs.zip",
    git_blob="53e2e0dc72a1c22519b240e6d3fc77b513de7ea8",
    repacked=File(
        "nasbench-nlp/logs.zip", None, sha256="4542874806491cb31509abd28bbc820f4234e1a17239b1e3c44da3f5ac5fa14f"
    ),
)
_WIKITEXT2 = File(
    "nasbench-nlp-wikitext2/logs.zip",
    _RELEASE + "train_logs_wikitext-2/logs.zip",
    git_blob="7177f880232265cf4e16da0c907379ebaa35d568",
)
SOURCES: dict[str, tuple[File, ...]] = {
    "ptb": (_PTB,),
    "ptb+wikitext2": (_PTB, _WIKITEXT2),
}
_DATASETS = ("ptb", "wikitext2")  # of a source's files, in order
_LOGS_LIMIT, _LOG_LIMIT = 1 << 16, 1 << 16  # logs per archive, bytes per log; Penn Treebank's: 14,322 and 6,014


@dataclass(frozen=True)
class _Run:
    """One training: the lowest losses of its epochs in nats, and the size of the language model."""

    status: str
    validation: float
    test: float
    parameters: int


def _read_cell(nodes: Mapping[str, Mapping[str, Any]]) -> Cell:
    """The cell of a log: nodes by name, of which h_new_0, ... compute the states; inputs x, h_prev_0, ... or nodes."""
    graph: dict[Hashable, tuple[str, Sequence[Hashable]]] = {}
    for name, node in nodes.items():
        operation = node["op"].removeprefix("activation_").removeprefix("elementwise_")
        matches = [(source, re.fullmatch("h_prev_([0-9])", source)) for source in node["input"]]
        graph[name] = operation, [h(int(match[1])) if match else source for source, match in matches]
    states = sum(re.fullmatch("h_new_[0-9]", name) is not None for name in nodes)
    return canonical(graph, [f"h_new_{k}" for k in range(states)])


def _lowest(losses: Any) -> float:
    """The lowest loss of a training's epochs. Raises ValueError unless all of them are numbers."""
    if not (isinstance(losses, list) and losses):
        raise ValueError("finished without a loss")
    return min(up_to(math.inf, loss, "loss") for loss in losses)


def _read_log(content: bytes) -> tuple[Cell, _Run]:
    """A log is a JSON object; the cell in it is a string of JSON."""
    log = parse_json(content, finite=False)
    finished = log["status"] == "OK"
    validation, test = (_lowest(log[f"{part}_losses"]) if finished else math.inf for part in ("val", "test"))
    if finished and not (math.isfinite(validation) and math.isfinite(test)):
        raise ValueError("finished without a loss")
    run = _Run(
        "ok" if finished else text(log["status"], "status"), validation, test, count(log["num_params"], "num_params")
    )
    return _read_cell(parse_json(text(log["recepie"], "recepie"))), run


def _logs(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every log of a zip archive, one at a time: its members that end in .json, in whatever folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".json") and "__MACOSX" not in m.filename]
            if not 0 < len(members) <= _LOGS_LIMIT:
                raise ValueError(f"{len(members)} logs, not 1 to {_LOGS_LIMIT}")
            for member in members:
                if member.file_size > _LOG_LIMIT:
                    raise ValueError(f"{member.filename!r} has more than {_LOG_LIMIT} bytes")
                with archive.open(check_packing(member)) as file:
                    content = file.read(_LOG_LIMIT)  # of which zipfile unpacks no more, whatever size the member states
                yield member.filename, content
    except Exception as error:  # a broken archive can raise anything: BadZipFile, zlib.error, RuntimeError...
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: cannot be read as a zip archive of logs ({reason}); replace it") from error


def _read_archive(path: Path) -> Iterator[tuple[Cell, _Run]]:
    """The cell and the training of each log of an archive."""
    for name, content in _logs(path):
        try:
            yield _read_log(content)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise InputError(f"{path}: {name!r} is no log of NAS-Bench-NLP ({error!r}); replace it") from error


def _trained(cell: Cell, by_dataset: Mapping[str, list[_Run]]) -> Trained:
    """What became of a cell; its status is that of its trainings on the first data set there are any of."""
    targets: dict[str, float] = {}
    for dataset, runs in by_dataset.items():
        targets[f"{dataset}_log_perplexity"] = math.inf
        if finished := [run for run in runs if run.status == "ok"]:
            mean = fmean(run.validation for run in finished)
            targets[f"{dataset}_log_perplexity"] = targets[f"{dataset}_finished_log_perplexity"] = mean
            targets[f"{dataset}_finished_test_log_perplexity"] = fmean(run.test for run in finished)
    first = next(iter(by_dataset.values()))
    status = min((run.status for run in first), key=lambda status: status != "ok")
    return Trained(cell, targets, status, by_dataset["ptb"][0].parameters if "ptb" in by_dataset else None)


def read(source: str, paths: list[Path]) -> list[Trained]:
    """See `Space.read`; in the order of the logs, several of which can be of one cell with other names.

    Targets are the lowest loss of the epochs in nats per token, mean over a cell's finished trainings:
    `<data>_log_perplexity` on the validation text, infinite if none finished; `<data>_finished_log_perplexity`, the
    same, left out if none finished; and `<data>_finished_test_log_perplexity` on the test text, which GenNAS ranks by.
    `parameters` are those of the language model of Penn Treebank: also 10,000 embeddings and biases of the decoder.
    """
    runs: dict[Cell, dict[str, list[_Run]]] = {}
    for dataset, path in zip(_DATASETS, paths, strict=False):
        for cell, run in _read_archive(path):
            runs.setdefault(cell, {}).setdefault(dataset, []).append(run)
    return [_trained(cell, by_dataset) for cell, by_dataset in runs.items()]
