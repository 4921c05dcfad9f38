"""The logs of NAS-Bench-NLP: one training per file of an archive, several of which can be of one cell."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from gennas.benchmarks import Trained
from gennas.errors import InputError
from gennas.files.documents import parse_json
from gennas.files.fetch import check_packing
from gennas.files.values import count, text, up_to
from gennas.spaces.nasbench_nlp.canonical_form import Cell, canonical, h
from gennas.targets import LOG_PERPLEXITY, Target

RELEASE = "https://raw.githubusercontent.com/fmsnew/nas-bench-nlp-release/a6d90a3b19e3966b1d009c0970b3761aa46707d1/"
_LOGS_LIMIT, _LOG_LIMIT = 1 << 16, 1 << 16  # logs per archive, bytes per log; Penn Treebank's: 14,322 and 6,014


def targets(dataset: str) -> dict[str, Target]:
    """The columns of a data set, see `read`."""
    names = (
        f"{dataset}_log_perplexity",
        f"{dataset}_finished_log_perplexity",
        f"{dataset}_finished_test_log_perplexity",
    )
    return dict.fromkeys(names, LOG_PERPLEXITY)


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


def _trained(cell: Cell, names: list[str], runs: list[_Run], parameters: bool) -> Trained:
    """The outcome of a cell's trainings; failed if none finished."""
    any_finished, finished_only, test = names
    values = {any_finished: math.inf}
    if finished := [run for run in runs if run.status == "ok"]:
        values[any_finished] = values[finished_only] = fmean(run.validation for run in finished)
        values[test] = fmean(run.test for run in finished)
    status = min((run.status for run in runs), key=lambda status: status != "ok")
    return Trained(cell, values, status, runs[0].parameters if parameters else None)


def read(path: Path, dataset: str, parameters: bool) -> list[Trained]:
    """In the order of the logs. `parameters` says whether to state those of the language models.

    Targets are the lowest loss of the epochs in nats per token, mean over a cell's finished trainings:
    `<data>_log_perplexity` on the validation text, infinite if none finished; `<data>_finished_log_perplexity`, the
    same, left out if none finished; and `<data>_finished_test_log_perplexity` on the test text, which GenNAS ranks by.
    """
    runs: dict[Cell, list[_Run]] = {}
    for cell, run in _read_archive(path):
        runs.setdefault(cell, []).append(run)
    return [_trained(cell, [*targets(dataset)], of, parameters) for cell, of in runs.items()]
