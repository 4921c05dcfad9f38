"""Who scores the architectures of a search: a proxy, an aggregate or the benchmark itself, each alike.

An objective is a fixed function of an architecture, but for trainings that successive halving stops. A proxy is one of
its repetitions; an aggregate ranks its members' scores among those, of repetition 0, of the evaluated sample, so that
neither the order nor the company in which architectures come changes what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gennas import catalogue, spaces
from gennas.aggregates import Labels
from gennas.costs import Constants, Costs
from gennas.errors import InputError
from gennas.scoring import Score
from gennas.searches.base import Scores
from gennas.searches.halving import Halving
from gennas.stats import rank_among
from stages.support import scores as tables
from stages.support.ground_truth import GroundTruth
from stages.support.inputs import read_ground_truth, read_images, read_quality
from stages.support.workers import Scorer, Workers, make_scorer


class Objective:
    """Scores architectures, each once; one that asks the benchmark counts its queries, one per architecture.

    A cost is known of every architecture, and no query.
    """

    def __init__(
        self, score: Callable[[Sequence[str]], Iterable[Score]], queries: bool = False, is_cost: bool = False
    ) -> None:
        self._score = score
        self._counts = queries
        self.is_cost = is_cost
        self.known: dict[str, Score] = {}

    def __call__(self, architectures: Sequence[str]) -> list[float]:
        new = list(dict.fromkeys(a for a in architectures if a not in self.known))
        if new:
            self.known.update(zip(new, self._score(new), strict=True))
        return [self.known[architecture].score for architecture in architectures]

    def queries(self, architecture: str) -> int:
        """How many queries had been made with that of an architecture which has been scored."""
        return list(self.known).index(architecture) + 1 if self._counts else 0


def by_proxy(workers: Workers, scorer: Scorer, halving: Halving | None = None) -> Objective:
    """A repetition of a proxy; trainings that are behind half of those before them stop if there is `halving`."""

    def score(architectures: Sequence[str]) -> Iterable[Score]:
        limited = replace(scorer, limits=halving.limits()) if halving else scorer
        for found in workers.scores(limited, architectures):
            if halving:
                halving.tell(found.losses)
            yield found

    return Objective(score)


def by_benchmark(truth: GroundTruth) -> Objective:
    """A column of the benchmark, higher being better."""
    quality = truth.quality

    def score(architectures: Sequence[str]) -> Iterable[Score]:
        for architecture in architectures:
            if architecture not in quality:
                raise InputError(
                    f"params.yaml: search_architecture.candidates: the benchmark has not trained {architecture}; "
                    "search those that it has trained (benchmark)"
                )
            yield Score(quality[architecture])

    is_cost = truth.target.is_cost
    return Objective(score, queries=not is_cost, is_cost=is_cost)


def by_cost(costs: Costs) -> Objective:
    """A cost that is computed, less being better."""

    def score(architectures: Sequence[str]) -> Iterable[Score]:
        yield from (Score(-value) for value in costs(architectures)[:, 0].tolist())

    return Objective(score, is_cost=True)


@dataclass(frozen=True)
class Reference:
    """What an aggregate's members say of the architectures (n, members) among which it ranks others."""

    scores: np.ndarray
    labels: Labels | None = None

    def ranks(self, values: np.ndarray) -> np.ndarray:
        """The relative ranks of members' scores (m, members)."""
        pairs = zip(self.scores.T, values.T, strict=True)
        return np.stack([rank_among(reference, own) for reference, own in pairs], axis=1)


def read_reference(
    members: Sequence[str], sample: Sequence[Path], labelled: Sequence[Path], quality: Mapping[str, float]
) -> Reference:
    """The members' scores, repetition 0, of the evaluated sample; and if there are any, of the labelled architectures.

    Ranks are then those among both, to mean the same.
    """
    _, evaluated = tables.of_members(tables.read(sample), members, repetition=0)
    if not labelled:
        return Reference(evaluated)
    ids, known = tables.of_members(tables.read(labelled), members, repetition=0)
    every = Reference(np.concatenate([known, evaluated]))
    return replace(every, labels=Labels(every.ranks(known), np.array([quality[architecture] for architecture in ids])))


def read_known(sample: Sequence[Path], member: str) -> dict[str, Score]:
    """Repetition 0 of a proxy's scores of the evaluated sample, which need not be computed again."""
    architectures, values = tables.of_members(tables.read(sample), [member], repetition=0)
    return dict(zip(architectures, map(Score, values[:, 0].tolist()), strict=True))


def by_aggregate(kind: str, members: Sequence[Objective], reference: Reference) -> Objective:
    """An aggregate's combination of its members' ranks among the reference."""
    combine = catalogue.load_module("aggregates", kind).combine

    def score(architectures: Sequence[str]) -> Iterable[Score]:
        values = np.array([member(architectures) for member in members]).T  # (m, members)
        for row in reference.ranks(values):  # one by one: in a batch, sums could round differently
            yield Score(float(combine(row[None], reference.labels)[0]))

    return Objective(score)


class Objectives:
    """One or several objectives together."""

    def __init__(self, each: Sequence[Objective]) -> None:
        self.each = each

    def __call__(self, architectures: Sequence[str]) -> list[Scores]:
        """A number per objective for each architecture."""
        return list(zip(*(objective(architectures) for objective in self.each), strict=True))

    @property
    def costs(self) -> dict[int, Objective]:
        """Those that are costs, by their position."""
        return {position: one for position, one in enumerate(self.each) if one.is_cost}

    def queries(self, architecture: str) -> int:
        """Queries of the benchmark, of all objectives together, once an architecture has been scored."""
        return sum(objective.queries(architecture) for objective in self.each)


@dataclass(frozen=True)
class Sources:
    """What objectives are made from; each file is read when one needs it."""

    space: str
    seed: int
    target: str
    benchmark: Sequence[Path]
    images: Sequence[Path]
    sample: Sequence[Path]  # scores of the evaluated sample
    labelled: Sequence[Path]  # scores of the labelled architectures
    constants: Constants = field(default_factory=dict)  # of costs

    @cached_property
    def quality(self) -> Mapping[str, float]:
        """The target, higher being better: what aggregates learn from."""
        return read_quality(self.benchmark[0], self.target)

    @cached_property
    def pictures(self) -> np.ndarray:
        """The unlabelled images."""
        return read_images(self.images[0])

    def scorer(self, given: Mapping[str, Any], repetition: int) -> Scorer:
        """A repetition of a proxy."""
        values = {key: value for key, value in given.items() if key != "task"}
        task = Path(given["task"]) if "task" in given else None
        return make_scorer(values, self.space, self.pictures, self.seed, repetition, task)

    def make(
        self, given: Mapping[str, Any], workers: Workers, repetition: int = 0, halving: Halving | None = None
    ) -> Objective:
        """The objective of a specification of `stages.support.scorers`."""
        if "benchmark" in given:
            return by_benchmark(read_ground_truth(self.benchmark[0], given["benchmark"]))
        if "cost" in given:
            return by_cost(Costs(spaces.load(self.space), [given["cost"]], self.constants))
        if "proxy" in given:
            return by_proxy(workers, self.scorer(given["proxy"], repetition), halving)
        members = given["members"]
        quality, labelled = (self.quality, self.labelled) if given["labels"] else ({}, [])
        reference = read_reference(list(members), self.sample, labelled, quality)
        each = [by_proxy(workers, self.scorer(member, repetition)) for member in members.values()]
        if repetition == 0:
            for member, objective in zip(members, each, strict=True):
                objective.known |= read_known(self.sample, member)
        return by_aggregate(given["aggregate"], each, reference)


@contextmanager
def open_workers(count: int, given: Sequence[Mapping[str, Any]]) -> Iterator[Workers]:
    """Workers, which are started only if there is an objective that computes something."""
    workers = Workers(count)
    if all("benchmark" in one or "cost" in one for one in given):
        yield workers
    else:
        with workers:
            yield workers
