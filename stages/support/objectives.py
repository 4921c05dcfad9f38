"""Who scores the architectures of a search: a proxy, an aggregate or the benchmark itself, each alike.

An objective is a fixed function of an architecture, but for trainings that successive halving stops. A proxy is its
repetition 0 (the finals take later ones); an aggregate ranks its members' scores, likewise of repetition 0, among those
of the evaluated sample, so that neither the order nor the company in which architectures come changes what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gennas import catalogue
from gennas.aggregates import Labels
from gennas.errors import InputError
from gennas.searches.base import Scores
from gennas.searches.halving import Halving
from gennas.stats import rank_among
from stages.support import scores as tables
from stages.support.workers import Scorer, Workers


class Objective:
    """Scores architectures, each once; one that asks the benchmark counts its queries, one per architecture."""

    def __init__(self, score: Callable[[Sequence[str]], Iterable[float]], queries: bool = False) -> None:
        self._score = score
        self._counts = queries
        self.known: dict[str, float] = {}

    def __call__(self, architectures: Sequence[str]) -> list[float]:
        new = list(dict.fromkeys(a for a in architectures if a not in self.known))
        if new:
            self.known.update(zip(new, self._score(new), strict=True))
        return [self.known[architecture] for architecture in architectures]

    def queries(self, architecture: str) -> int:
        """How many queries had been made with that of an architecture which has been scored."""
        return list(self.known).index(architecture) + 1 if self._counts else 0


def by_proxy(workers: Workers, scorer: Scorer, halving: Halving | None = None) -> Objective:
    """A repetition of a proxy; trainings that are behind half of those before them stop if there is `halving`."""

    def score(architectures: Sequence[str]) -> Iterable[float]:
        limited = replace(scorer, limits=halving.limits()) if halving else scorer
        for found in workers.scores(limited, architectures):
            if halving:
                halving.tell(found.losses)
            yield found.score

    return Objective(score)


def by_benchmark(quality: Mapping[str, float]) -> Objective:
    """The ground truth, higher being better."""

    def score(architectures: Sequence[str]) -> Iterable[float]:
        for architecture in architectures:
            if architecture not in quality:
                raise InputError(
                    f"params.yaml: search_architecture: the benchmark has not trained {architecture}; "
                    "set candidates: benchmark"
                )
            yield quality[architecture]

    return Objective(score, queries=True)


@dataclass(frozen=True)
class Reference:
    """What an aggregate's members say of the sample (n, members): ranks are those among them."""

    scores: np.ndarray
    labels: Labels | None = None


def read_reference(
    members: Sequence[str], sample: Path, labelled: Sequence[Path], quality: Mapping[str, float]
) -> Reference:
    """The members' scores, repetition 0, of the evaluated sample; and if there are any, of the labelled architectures.

    Ranks are then those among both, to mean the same.
    """
    _, evaluated = members_scores([sample], members)
    if not labelled:
        return Reference(evaluated)
    ids, known = members_scores(labelled, members)
    every = np.concatenate([known, evaluated])
    labels = Labels(rank_among(known, every), np.array([quality[architecture] for architecture in ids]))
    return Reference(every, labels)


def members_scores(paths: Sequence[Path], members: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The architectures, and each member's score of them (n, members), its repetition 0."""
    own = tables.by_proxy(tables.read(paths))
    return own[members[0]].architectures, np.stack([own[member].matrix[0] for member in members], axis=1)


def by_aggregate(kind: str, members: Sequence[Objective], reference: Reference) -> Objective:
    """An aggregate's combination of its members' ranks among the reference."""
    combine = catalogue.load_module("aggregates", kind).combine

    def score(architectures: Sequence[str]) -> Iterable[float]:
        values = np.array([member(architectures) for member in members]).T  # (n, members)
        for row in rank_among(values, reference.scores):  # one by one: in a batch, sums could round differently
            yield float(combine(row[None], reference.labels)[0])

    return Objective(score)


class Objectives:
    """One or several objectives together."""

    def __init__(self, each: Sequence[Objective]) -> None:
        self.each = each

    def __call__(self, architectures: Sequence[str]) -> list[Scores]:
        """A number per objective for each architecture."""
        return list(zip(*(objective(architectures) for objective in self.each), strict=True))

    def queries(self, architecture: str) -> int:
        """Queries of the benchmark, of all objectives together."""
        return sum(objective.queries(architecture) for objective in self.each)
