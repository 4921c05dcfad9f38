"""NAS-Bench-BERT: 500 trainings of transformers of FlexiBERT's space, and what each reached on GLUE.

A network is pre-trained as ELECTRA is, on OpenWebText for 100,000 steps, then trained further for each of GLUE's eight
tasks and looked at on that task's development set. What to know of it:

- The networks were not trained as the file describes them, see `gennas.spaces.flexibert`. Of 500 descriptions, 301 are
  different as trained. Networks that are the same have the mean of their trainings.
- One training, of RTE by the row of id 47, states an accuracy of 0 for questions of yes or no: it failed. That value,
  and the GLUE score that it lowers by 8 points, are not among what is averaged; the network has four other rows.
- CoLA is exactly 0 in 53 rows, all of two layers, as of a network that says the same of every sentence. That is kept.

The file states no numbers of parameters. Those published beside it are of other networks.

Source: Serianni and Kalita, "Training-free Neural Architecture Search for RNNs and Transformers", ACL 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from gennas.benchmarks import Trained
from gennas.errors import InputError
from gennas.files.documents import read_json
from gennas.files.fetch import File
from gennas.spaces.flexibert.architecture import DEPTHS, HEADS, HIDDEN, Architecture, Layer
from gennas.targets import ACCURACY, SCORE

DECLARATION = {"spaces": ["flexibert"]}
RELEASE = (
    "https://raw.githubusercontent.com/aaronserianni/training-free-nas/2d76e01b9586cad7340e8268dadba3056efd070b/data/"
)
FILES: Mapping[str, tuple[File, ...]] = {
    "flexibert": (
        File(
            "flexibert/BERT_benchmark.json",
            RELEASE + "BERT_benchmark.json",
            sha256="fa2ff7198dcd71e0b8021ed2ace1c221672c33cc56931b6dff31fda3d044784f",
        ),
    )
}
GLUE = "glue_score"
#: By the file's names. GLUE's score is the mean of the others; CoLA's and STS-B's are correlations, times 100.
COLUMNS = {
    "glue": GLUE,
    "cola": "cola_score",
    "sts": "sts_score",
    **{task: f"{task}_accuracy_percent" for task in ("mnli", "mrpc", "qnli", "qqp", "rte", "sst")},
}
TARGETS = {column: SCORE if column.endswith("_score") else ACCURACY for column in COLUMNS.values()}
SIZE_LIMIT = 1 << 22  # bytes of a file; this one has 0.45 MB
HINT = "get the file again"


def _one_of(choices: tuple[int, ...], value: Any, name: str) -> int:
    """The value itself. Raises ValueError unless it is one of the choices."""
    if type(value) is not int or value not in choices:
        raise ValueError(f"{name} is {value!r}, not one of {', '.join(map(str, choices))}")
    return value


def _read_layer(stated: Mapping[str, Any]) -> Layer:
    """A layer as trained, of the described one: its operation made no difference."""
    heads = _one_of(HEADS, stated["num_operation_heads"], "num_operation_heads")
    count = _one_of((1, 3), stated["num_feed_forward"], "num_feed_forward")
    size = _one_of((512, 1024), stated["feed_forward_dimension"], "feed_forward_dimension")
    return Layer(heads, f"f3-{size}" if count == 3 else "f1")  # of one layer, the size is never used


def read_architecture(entry: Mapping[str, Any]) -> Architecture:
    """The network of a row, as it was trained. Raises LookupError, TypeError or ValueError for other rows."""
    stated = entry["hparams"]["model_hparam_overrides"]
    hidden = _one_of(HIDDEN, stated["hidden_size"], "hidden_size")
    layers = stated["nas_config"]["encoder_layers"]
    _one_of(DEPTHS, len(layers), "the number of layers")
    return Architecture(hidden, tuple(map(_read_layer, layers)))


def _read_scores(stated: Mapping[str, Any]) -> dict[str, float]:
    """The scores of a row by column, without those of a training that failed."""
    found = {}
    for name, column in COLUMNS.items():
        value, target = stated[name], TARGETS[column]
        if type(value) not in (int, float) or not target.low <= value <= target.high:
            raise ValueError(f"{name} is {value!r}, not a number from {target.low:g} to {target.high:g}")
        found[column] = float(value)
    failed = {column for column, value in found.items() if TARGETS[column] is ACCURACY and not value}
    return {column: value for column, value in found.items() if column not in ({GLUE, *failed} if failed else ())}


def read_rows(path: Path) -> list[tuple[Architecture, dict[str, float]]]:
    """The network and the scores of each row, in the order of the file."""
    content = read_json(path, HINT, SIZE_LIMIT)
    if not (isinstance(content, list) and content):
        raise InputError(f"{path}: not a list of trained networks; {HINT}")
    rows = []
    for number, entry in enumerate(content):
        try:
            rows.append((read_architecture(entry), _read_scores(entry["scores"])))
        except (LookupError, TypeError, ValueError) as error:
            raise InputError(f"{path}: entry {number} is no trained network ({error!r}); {HINT}") from error
    return rows


def read(space: str, paths: list[Path]) -> list[Trained]:
    """Each network once, in the order of the file, with the mean of every score over its trainings."""
    rows: dict[Architecture, list[dict[str, float]]] = {}
    for architecture, scores in read_rows(paths[0]):
        rows.setdefault(architecture, []).append(scores)
    return [Trained(architecture, _means(of)) for architecture, of in rows.items()]


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each column that any row has."""
    columns = {column: [row[column] for row in rows if column in row] for column in TARGETS}
    return {column: fmean(values) for column, values in columns.items() if values}
