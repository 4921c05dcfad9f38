"""Ageing (regularised) evolution: every child pushes the oldest member out of the population, however good.

Source: Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019, algorithm 1. The
parent of a child is the best of a tournament: the highest score; with several objectives, one that none of the others
dominates (see `gennas.searches.pareto`).
"""

from __future__ import annotations

from collections import deque
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
        "population": {"type": "integer", "minimum": 1, "description": "members at a time, first drawn at random"},
        "tournament": {"type": "integer", "minimum": 1, "description": "members of which the best one is mutated"},
    },
    "at_most": {"tournament": "population", "population": "evaluations"},
}


class AgeingEvolution(Generic[Candidate]):
    """A population that is a queue.

    Candidates are drawn at random until `population` have been evaluated; each further one is a mutation
    of the best of `tournament` members drawn without replacement. Several may be asked for before
    they are evaluated, a generation; the algorithm of the paper has generations of one.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        draw: Callable[[np.random.Generator], Candidate],
        mutate: Callable[[Candidate, np.random.Generator], Candidate],
        population: int,
        tournament: int,
    ) -> None:
        self.rng = rng
        self.draw = draw
        self.mutate = mutate
        self.tournament = tournament
        self.members: deque[tuple[Candidate, Scores]] = deque(maxlen=population)

    def ask(self, count: int) -> list[Candidate]:
        """Random candidates until the population is full, then children."""
        make = self._child if len(self.members) == self.members.maxlen else lambda: self.draw(self.rng)
        return [make() for _ in range(count)]

    def _child(self) -> Candidate:
        """A mutation of the best of a tournament."""
        size = min(self.tournament, len(self.members))
        drawn = [self.members[i] for i in self.rng.choice(len(self.members), size=size, replace=False)]
        parent, _ = drawn[pareto.best([scores for _, scores in drawn])]
        return self.mutate(parent, self.rng)

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[Scores]) -> None:
        """New members, the oldest ones dying."""
        self.members.extend(zip(candidates, scores, strict=True))


def run(context: SearchContext) -> Iterator[Step]:
    """Evolve the candidates."""
    candidates, options = context.candidates, context.options
    evolution = AgeingEvolution(
        context.rng, candidates.draw, candidates.mutate, options["population"], options["tournament"]
    )
    return driver.search(evolution, context)
