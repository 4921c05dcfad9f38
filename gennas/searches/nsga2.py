"""NSGA-II: evolution by non-dominated sorting, for several objectives.

Source: Deb, Pratap, Agarwal and Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE
Transactions on Evolutionary Computation, 2002, section III. Parents and children compete for the next population: the
lower front first, the less crowded of a front. A parent is the better of two. Children are mutations; there is no
crossover, which not every space has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic

import numpy as np

from gennas.searches import driver, pareto
from gennas.searches.base import Candidate, Scores, SearchContext, Step

DECLARATION = {
    "scores": True,
    "objectives": "several",
    "supernet": False,
    "options": {
        "population": {"type": "integer", "minimum": 2, "description": "members, first drawn at random"},
    },
    "at_most": {"population": "evaluations"},
}


class Nsga2(Generic[Candidate]):
    """A population, and the children that have been evaluated since it was selected."""

    def __init__(
        self,
        rng: np.random.Generator,
        draw: Callable[[np.random.Generator], Candidate],
        mutate: Callable[[Candidate, np.random.Generator], Candidate],
        size: int,
    ) -> None:
        self.rng, self.draw, self.mutate, self.size = rng, draw, mutate, size
        self.members: list[tuple[Candidate, Scores]] = []  # best first, once there are enough
        self.children: list[tuple[Candidate, Scores]] = []

    def ask(self, count: int) -> list[Candidate]:
        """Random candidates until the population is full, then children."""
        make = self._child if len(self.members) == self.size else lambda: self.draw(self.rng)
        return [make() for _ in range(count)]

    def _child(self) -> Candidate:
        """A mutation of the better of two members."""
        parent = self.rng.choice(self.size, size=2, replace=False).min()
        return self.mutate(self.members[parent][0], self.rng)

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[Scores]) -> None:
        """New children; a generation of them competes with its parents."""
        self.children += zip(candidates, scores, strict=True)
        if len(self.children) >= self.size:
            every = [*self.members, *self.children]
            order = selection([own for _, own in every])
            self.members, self.children = [every[i] for i in order[: self.size]], []


def selection(scores: Sequence[Scores]) -> list[int]:
    """All indices, best first: front by front, the less crowded of a front first."""
    front = pareto.fronts(scores)
    crowding = [0.0] * len(scores)
    for level in set(front):
        own = [i for i, other in enumerate(front) if other == level]
        for i, apart in zip(own, pareto.crowding([scores[i] for i in own]), strict=True):
            crowding[i] = apart
    return sorted(range(len(scores)), key=lambda i: (front[i], -crowding[i]))


def run(context: SearchContext) -> Iterator[Step]:
    """Evolve the candidates."""
    candidates = context.candidates
    evolution = Nsga2(context.rng, candidates.draw, candidates.mutate, context.options["population"])
    return driver.search(evolution, context)
