"""How good the fronts are that searches for two objectives found: a quality, and a cost.

The truth is that of all architectures of which the benchmark knows the quality. A hypervolume's reference point is
their median quality and their median cost: from the worst point, 100 random cells of NAS-Bench-201 already have 95 % of
it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gennas import costs, spaces
from gennas.stats import front, hypervolume, igd_plus
from stages.support import artifacts, scorers
from stages.support.ground_truth import GroundTruth, reported_by
from stages.support.inputs import read_ground_truth

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Spent:
    """A cost of architectures, by their ids."""

    name: str
    unit: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Problem:
    """A quality and a cost of all architectures of which both are known."""

    quality: str
    truth: GroundTruth
    spent: Spent

    @cached_property
    def ids(self) -> list[str]:
        """The architectures."""
        return [architecture for architecture in self.truth.values if architecture in self.spent.values]

    @cached_property
    def better(self) -> np.ndarray:
        """The objectives of each (n, 2), higher is better in both."""
        return np.array([(self.truth.quality[one], -self.spent.values[one]) for one in self.ids])

    @cached_property
    def row(self) -> Mapping[str, int]:
        """Where each architecture is."""
        return {architecture: i for i, architecture in enumerate(self.ids)}

    @cached_property
    def front(self) -> np.ndarray:
        """The true front's rows (k,), cheapest first."""
        rows = np.flatnonzero(front(self.better))
        ordered: np.ndarray = rows[np.argsort(-self.better[rows, 1], kind="stable")]
        return ordered

    @cached_property
    def reference(self) -> np.ndarray:
        """The medians (2,)."""
        medians: np.ndarray = np.median(self.better, axis=0)
        return medians

    @cached_property
    def volume(self) -> float:
        """The true front's hypervolume."""
        return hypervolume(self.better[self.front], self.reference)

    def rows_of(self, ids: Sequence[str]) -> np.ndarray:
        """The rows of architectures; those of which not both are known count for nothing."""
        return np.array([self.row[one] for one in ids if one in self.row], int)

    def judge(self, rows: np.ndarray) -> tuple[float, float, float]:
        """Of an answer: its share of the true hypervolume, its IGD+, the share of the true front that it has.

        The first is not a number where nothing is better than both medians. A point of the true front is found if one
        of the answer equals it, under whatever name.
        """
        true = self.better[self.front]
        own = self.better[rows]
        found = (true[:, None] == own[None]).all(axis=2).any(axis=1)  # (k, rows) to (k,)
        share = hypervolume(own, self.reference) / self.volume if self.volume else math.nan
        return share, igd_plus(own, true), float(found.mean())

    def members(self, search: str, seed: int, rows: np.ndarray) -> Iterator[dict[str, Any]]:
        """Rows of `artifacts.FRONT_MEMBERS`, cheapest first."""
        for row in rows[np.argsort(-self.better[rows, 1], kind="stable")]:
            one = self.ids[row]
            yield artifacts.row(
                artifacts.FRONT_MEMBERS, search, seed, self.quality, self.spent.name, one,
                self.truth.values[one], self.truth.target.unit, self.spent.values[one], self.spent.unit,
            )  # fmt: skip


def answers(steps: Rows) -> Iterator[list[str]]:
    """What a run has found after each step: the architectures that none dominates, as the search's scores say."""
    ids: list[str] = []
    scores = np.empty((0, len(steps[0]["scores"])))
    for step in steps:
        if step["architecture"] not in ids:
            ids.append(step["architecture"])
            scores = np.vstack([scores, step["scores"]])
            kept = front(scores)
            ids, scores = [one for one, keep in zip(ids, kept, strict=True) if keep], scores[kept]
        yield ids


@dataclass(frozen=True)
class Known:
    """What is known of all architectures of the benchmark; `constants` are those of costs, by their modules."""

    space: str
    benchmark: Path
    constants: costs.Constants

    @cached_property
    def table(self) -> pa.Table:
        """The benchmark."""
        return artifacts.read_parquet(self.benchmark, artifacts.BENCHMARK)

    def problems(self, judge: str, by: Sequence[str]) -> list[Problem]:
        """The problem of a search that is judged by a column; and another one of the test set, where there is one.

        None, unless exactly one of the two objectives that it scores `by` is a cost.
        """
        targets = artifacts.targets(self.table)
        columns = {f"{scorers.BENCHMARK}.{name}" for name, target in targets.items() if target.is_cost}
        costly = [name for name in by if name in columns or scorers.cost(name)]
        if len(by) != 2 or len(costly) != 1:
            return []
        qualities = [name for name in dict.fromkeys([judge, reported_by(judge)]) if name in targets]
        return [Problem(name, read_ground_truth(self.benchmark, name), self.spent(costly[0])) for name in qualities]

    def spent(self, name: str) -> Spent:
        """A cost, by the name that params.yaml gives it."""
        if measure := scorers.cost(name):
            ids = self.table["architecture"].to_pylist()
            values = costs.Costs(spaces.load(self.space), [measure], self.constants)(ids)[:, 0]
            return Spent(name, costs.unit(measure), dict(zip(ids, values.tolist(), strict=True)))
        truth = read_ground_truth(self.benchmark, name.removeprefix(f"{scorers.BENCHMARK}."))
        return Spent(name, truth.target.unit, truth.values)


def front_rows(problem: Problem, steps: Rows) -> Iterator[dict[str, Any]]:
    """How good the fronts of a search's runs are after each step (`artifacts.FRONTS`)."""
    for seed, run in runs(steps):
        for step, ids in zip(run, answers(run), strict=True):
            judged = problem.judge(problem.rows_of(ids))
            yield artifacts.row(
                artifacts.FRONTS, step["search"], seed, step["evaluation"], problem.quality, problem.spent.name, *judged
            )


def member_rows(problem: Problem, steps: Rows) -> Iterator[dict[str, Any]]:
    """The members of the fronts at the end of a search's runs (`artifacts.FRONT_MEMBERS`)."""
    for seed, run in runs(steps):
        (*_, ids) = answers(run)
        yield from problem.members(steps[0]["search"], seed, problem.rows_of(ids))


def runs(steps: Rows) -> Iterator[tuple[int, Rows]]:
    """The steps of each run, which are in order."""
    for seed, run in groupby(steps, key=lambda step: step["seed"]):
        yield seed, list(run)
