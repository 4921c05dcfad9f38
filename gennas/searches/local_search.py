"""Local search: from a random architecture uphill, neighbour by neighbour, and again from another one.

Source: White et al., "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021, algorithm 1: all
neighbours of the current architecture are evaluated in random order, and the best one is the next if it is better;
here each batch of them decides, so that a climb costs fewer evaluations ("query until an improvement is found", there
as well). Where no neighbour is better, the search starts anew at random. What it evaluated before, it does not again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic

import numpy as np

from gennas.searches import driver, pareto
from gennas.searches.base import Candidate, Scores, SearchContext, Step

DECLARATION = {"scores": True, "objectives": "one", "supernet": False, "options": {}}
#: Draws of a start that has not been evaluated, before one that has is taken.
PATIENCE = 100


class LocalSearch(Generic[Candidate]):
    """Best improvement among batches of neighbours, with restarts."""

    def __init__(
        self,
        rng: np.random.Generator,
        draw: Callable[[np.random.Generator], Candidate],
        neighbours: Callable[[Candidate, np.random.Generator], list[Candidate]],
        to_id: Callable[[Candidate], str],
    ) -> None:
        self.rng = rng
        self.draw = draw
        self.neighbours = neighbours
        self.to_id = to_id
        self.height: Scores | None = None  # the current candidate's, None before a climb
        self.waiting: list[Candidate] = []  # its neighbours that are not evaluated yet
        self.evaluated: set[str] = set()

    def ask(self, count: int) -> list[Candidate]:
        """The next neighbours; or a new start."""
        if not self.waiting:
            self.height = None
            return [self._start()]
        asked, self.waiting = self.waiting[:count], self.waiting[count:]
        return asked

    def _start(self) -> Candidate:
        """A random candidate, a new one if there is one."""
        start = self.draw(self.rng)
        for _ in range(PATIENCE):
            if self.to_id(start) not in self.evaluated:
                break
            start = self.draw(self.rng)
        return start

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[Scores]) -> None:
        """Move to the best of them if it is better."""
        self.evaluated.update(map(self.to_id, candidates))
        winner = pareto.best(scores)
        if self.height is None or scores[winner] > self.height:
            self.height = scores[winner]
            near = self.neighbours(candidates[winner], self.rng)
            self.waiting = [one for one in near if self.to_id(one) not in self.evaluated]


def run(context: SearchContext) -> Iterator[Step]:
    """Climb."""
    candidates = context.candidates
    return driver.search(LocalSearch(context.rng, candidates.draw, candidates.neighbours, candidates.to_id), context)
