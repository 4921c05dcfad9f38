"""What ranks FlexiBERT's transformers: layers times hidden size, counts, and the proxies published with NAS-Bench-BERT.

`python -m measurements.flexibert` needs the benchmark's two files (GENNAS_MIRROR, or the network) and takes seconds. It
prints the tables of docs/spaces.md: Spearman's rho with the GLUE score and its 95 % bootstrap interval, over all, and
within the networks of two and of four layers, where the number of layers cannot help. First each network once, with the
means over its trainings; then each training by itself. Last, whether the operations that the file states, but that the
released code never looks at, explain anything.

The published proxies were computed on networks that were not trained: those that the file describes, all of hidden size
256 and feed-forward size 1024.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import f as f_distribution

from gennas.benchmarks import flexibert as source
from gennas.errors import InputError
from gennas.files.documents import read_json
from gennas.files.fetch import File, fetch
from gennas.spaces import flexibert
from gennas.spaces.flexibert.architecture import DEPTHS, Architecture
from gennas.stats import interval, spearman
from stages.report.summary import markdown_table

SEED = 2021
PUBLISHED = File(
    "flexibert/BERT_results_activation.csv",
    source.RELEASE + "BERT_results_activation.csv",
    sha256="95fb60a0e702102d6b09a60d13745068270aa28183b7cc8dacb79d5ec6a4b36d",
)
#: Columns of the published table that are no scores of a network.
OTHERS = ("ID", "GLUE Score")


class Row(NamedTuple):
    """A training, or the mean of a network's trainings: the network, its GLUE score, and what is to rank it."""

    architecture: Architecture
    glue: float
    scores: Mapping[str, float]


def parameters(architecture: Architecture) -> float:
    """How many the network has, without the embedding of words."""
    with torch.device("meta"):
        return float(sum(weight.numel() for weight in flexibert.build(architecture).parameters()))


#: What is computed here, of the networks as they were trained.
COMPUTED: Mapping[str, Callable[[Architecture], float]] = {
    "layers x hidden size": lambda architecture: len(architecture.layers) * architecture.hidden,
    "hidden size": lambda architecture: architecture.hidden,
    "layers": lambda architecture: len(architecture.layers),
    "parameters": parameters,
}


def read_published(path: Path, count: int) -> list[dict[str, float]]:
    """The published scores of each of `count` trainings, in the order of the benchmark's file."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if [row["ID"] for row in rows] != [str(number) for number in range(count)]:
        raise InputError(f"{path}: not the scores of the trainings 0 to {count - 1} in order; get the file again")
    return [{name: float(value) for name, value in row.items() if name not in OTHERS} for row in rows]


def trainings(benchmark: Path, published: Path) -> list[Row]:
    """Every training that has a GLUE score."""
    found = source.read_rows(benchmark)
    computed = {one: {name: of(one) for name, of in COMPUTED.items()} for one in {one for one, _ in found}}
    return [
        Row(
            architecture,
            scores[source.GLUE],
            {**computed[architecture], **{f"{k}, published": v for k, v in own.items()}},
        )
        for (architecture, scores), own in zip(found, read_published(published, len(found)), strict=True)
        if source.GLUE in scores
    ]


def networks(rows: Sequence[Row]) -> list[Row]:
    """The trainings of a network as one, with the means of their scores."""
    together: dict[Architecture, list[Row]] = {}
    for row in rows:
        together.setdefault(row.architecture, []).append(row)
    return [
        Row(
            architecture,
            float(np.mean([row.glue for row in of])),
            {name: float(np.mean([row.scores[name] for row in of])) for name in of[0].scores},
        )
        for architecture, of in together.items()
    ]


def cell(rows: Sequence[Row], name: str) -> str:
    """Rho of a score and its interval; - where the score is constant."""
    scores, glue = np.array([row.scores[name] for row in rows]), np.array([row.glue for row in rows])
    if np.ptp(scores) == 0:
        return "-"
    low, high = interval(scores, glue, SEED)
    return f"{float(spearman(scores, glue)):.3f} [{low:.3f}, {high:.3f}]"


def table(rows: Sequence[Row]) -> str:
    """A line for each score, the best over all first; a column for all rows, and one for each number of layers."""
    groups = {
        "all": rows,
        **{f"{n} layers": [row for row in rows if len(row.architecture.layers) == n] for n in DEPTHS},
    }
    glue = np.array([row.glue for row in rows])
    rho = {name: float(spearman(np.array([row.scores[name] for row in rows]), glue)) for name in rows[0].scores}
    lines = [[name, *(cell(of, name) for of in groups.values())] for name in sorted(rho, key=lambda one: -rho[one])]
    return markdown_table(("score", *(f"{title} ({len(of)})" for title, of in groups.items())), lines)


# --- do operations explain anything? --------------------------------------------------------------

OPERATIONS = (("SA", "SDP"), ("SA", "WMA"), ("LT", "DFT"), ("LT", "DCT"), ("DSC", 5), ("DSC", 9))


def centred(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Values (n, ...) less the mean of their group."""
    found = values.astype(float)
    for group in np.unique(groups):
        found[groups == group] -= found[groups == group].mean(axis=0)
    return found


def f_test(counts: np.ndarray, values: np.ndarray, groups: np.ndarray) -> tuple[float, int, int, float]:
    """Whether counts (n, k) explain values (n,) within groups: F, its degrees of freedom, p."""
    x, y = centred(counts, groups), centred(values, groups)
    weights, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    left = float(((y - x @ weights) ** 2).sum())
    free = len(y) - len(np.unique(groups)) - int(rank)
    found = (float((y**2).sum()) - left) / rank / (left / free)
    return found, int(rank), free, float(f_distribution.sf(found, rank, free))


def t_values(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Of each of columns (n, k) in a linear model of values (n,) with a constant, the estimate in standard errors."""
    x = np.column_stack([columns, np.ones(len(values))])
    weights = np.linalg.lstsq(x, values, rcond=None)[0]
    variance = float(((values - x @ weights) ** 2).sum()) / (len(values) - x.shape[1])
    found: np.ndarray = weights / np.sqrt(np.diag(np.linalg.inv(x.T @ x)) * variance)
    return found[:-1]


def layers_of(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The layers of a row as the file describes them."""
    found: list[Mapping[str, Any]] = entry["hparams"]["model_hparam_overrides"]["nas_config"]["encoder_layers"]
    return found


def wide(entry: Mapping[str, Any], count: int) -> int:
    """Of how many layers of so many feed-forward ones the file says that these have 1,024 units."""
    return sum((one["num_feed_forward"], one["feed_forward_dimension"]) == (count, 1024) for one in layers_of(entry))


def evidence(entries: Sequence[Mapping[str, Any]]) -> str:
    """Of the GLUE score and of the seconds of training: F of the operations among equal networks; t of two sizes."""
    networks = [source.read_architecture(entry) for entry in entries]
    groups = np.unique([flexibert.to_id(one) for one in networks], return_inverse=True)[1]
    stated = [[(one["operation_type"], one["operation_parameter"]) for one in layers_of(entry)] for entry in entries]
    counts = np.array([[own.count(operation) for operation in OPERATIONS] for own in stated])
    heads = [sum(layer.heads for layer in one.layers) for one in networks]
    threes = [sum(layer.feed_forward != "f1" for layer in one.layers) for one in networks]
    sizes = [[wide(entry, 3), wide(entry, 1)] for entry in entries]
    settings = [[one.hidden, len(one.layers)] for one in networks]
    columns = np.column_stack([sizes, settings, heads, threes])
    lines = []
    for name, values in {
        "GLUE score": [entry["scores"]["glue"] for entry in entries],
        "seconds of training": [entry["time_to_train"] for entry in entries],
    }.items():
        f, rank, free, p = f_test(counts, np.array(values), groups)
        three, one = t_values(columns, np.array(values))[:2]
        lines.append([name, f"F({rank}, {free}) = {f:.2f}, p = {p:.2f}", f"{three:.1f}", f"{one:.1f}"])
    return markdown_table(("", "operations, among equal networks", "t of 1,024 units: of three", "of one"), lines)


def main() -> None:
    benchmark = fetch(source.FILES["flexibert"][0])
    rows = trainings(benchmark, fetch(PUBLISHED))
    for title, of in (("networks", networks(rows)), ("trainings", rows)):
        print(f"{title}:\n\n{table(of)}\n")
    print(evidence(read_json(benchmark, source.HINT, source.SIZE_LIMIT)))


if __name__ == "__main__":
    main()
