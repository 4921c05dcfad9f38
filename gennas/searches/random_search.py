"""Random search: the baseline that any search must beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic

import numpy as np

from gennas.searches import driver
from gennas.searches.base import Candidate, Scores, SearchContext, Step

DECLARATION = {"scores": True, "objectives": "several", "supernet": False, "options": {}}


class RandomSearch(Generic[Candidate]):
    """Draws every candidate anew."""

    def __init__(self, rng: np.random.Generator, draw: Callable[[np.random.Generator], Candidate]) -> None:
        self.rng = rng
        self.draw = draw

    def ask(self, count: int) -> list[Candidate]:
        """Any candidates."""
        return [self.draw(self.rng) for _ in range(count)]

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[Scores]) -> None:
        """A random search learns nothing."""


def run(context: SearchContext) -> Iterator[Step]:
    """Draw candidates at random."""
    return driver.search(RandomSearch(context.rng, context.candidates.draw), context)
