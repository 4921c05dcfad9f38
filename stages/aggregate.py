"""Combine the scores of several proxies into one: from the ranks of the architectures by each, see `gennas.aggregates`.

A proxy's score is the mean of its repetitions. Ranks depend on which architectures there are; those of an aggregate
that learns labels are ranks among the labelled and the evaluated ones together, to mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gennas import catalogue
from gennas.aggregates import Labels
from gennas.stats import relative_ranks
from stages.support import artifacts
from stages.support import scores as tables
from stages.support.command import logger, run
from stages.support.inputs import read_quality


def rank(
    evaluated: np.ndarray, labelled: Sequence[Path], members: Sequence[str], quality: Mapping[str, float]
) -> tuple[np.ndarray, Labels | None]:
    """The ranks of the evaluated architectures (n, members), and what is known of labelled ones, if there are any."""
    if not labelled:
        return relative_ranks(evaluated), None
    ids, known = tables.of_members(tables.read(labelled), members)
    ranks = relative_ranks(np.concatenate([known, evaluated]))
    labels = Labels(ranks[: len(known)], np.array([quality[architecture] for architecture in ids]))
    return ranks[len(known) :], labels


def describe(learnt: dict[str, Any], members: Sequence[str]) -> dict[str, Any]:
    """What an aggregate learnt, its weights by member."""
    return {**learnt, "weights": dict(zip(members, learnt["weights"], strict=True))}


def combine(
    section: Mapping[str, Any], table: pa.Table, labelled: Sequence[Path], quality: Mapping[str, float]
) -> tuple[list[str], list[float], dict[str, Any] | None]:
    """An aggregate's score of each architecture; and what it learnt, if it learns."""
    kind, members = section["kind"], section["members"]
    ids, evaluated = tables.of_members(table, members)
    module = catalogue.load_module("aggregates", kind)
    learns = catalogue.declaration("aggregates", kind)["labels"]
    ranks, labels = rank(evaluated, labelled if learns else [], members, quality)
    learnt = describe(module.learnt(labels), members) if learns else None
    return ids, module.combine(ranks, labels).tolist(), learnt


def aggregate(
    scores: Path, labelled: list[Path], benchmark: Path, aggregates: Path, fits: Path,
    section: dict[str, dict[str, Any]], target: str,
) -> None:  # fmt: skip
    """Write the aggregates' scores, and what those that learn labels have learnt."""
    table = artifacts.read_parquet(scores, artifacts.SCORES)
    quality = read_quality(benchmark, target) if labelled else {}
    rows: list[dict[str, Any]] = []
    fitted = {}
    for name, one in section.items():
        ids, values, learnt = combine(one, table, labelled, quality)
        if learnt:
            fitted[name] = learnt
            logger.info("%s: rho %s on labelled architectures left out", name, learnt["cross_validated_rho"])
        for position, (architecture, score) in enumerate(zip(ids, values, strict=True)):
            rows.append(artifacts.row(artifacts.SCORES, name, 0, position, architecture, score, "ok", []))
    artifacts.write_rows(rows, artifacts.SCORES, aggregates)
    artifacts.write_json(fitted, fits)


if __name__ == "__main__":
    run(aggregate)
