"""Ageing (regularised) evolution: Real et al., "Regularized Evolution for Image Classifier
Architecture Search", AAAI 2019, algorithm 1."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic

import numpy as np

from gennas.searches.base import Candidate


class AgeingEvolution(Generic[Candidate]):
    """A population that is a queue: every child pushes the oldest member out, however good.

    Candidates are drawn at random until `population` have been told; each further one is a mutation
    of the best of `tournament` members drawn without replacement. Several may be asked for before
    they are told, a generation; the algorithm of the paper has generations of one.
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
        self.members: deque[tuple[Candidate, float]] = deque(maxlen=population)

    def ask(self) -> Candidate:
        if len(self.members) < (self.members.maxlen or 0):
            return self.draw(self.rng)
        size = min(self.tournament, len(self.members))
        rivals = self.rng.choice(len(self.members), size=size, replace=False)
        parent, _ = max((self.members[i] for i in rivals), key=lambda member: member[1])
        return self.mutate(parent, self.rng)

    def tell(self, candidate: Candidate, score: float) -> None:
        self.members.append((candidate, score))
