"""Random search: the baseline that any search must beat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

import numpy as np

from gennas.searches.base import Candidate


class RandomSearch(Generic[Candidate]):
    """Draws every candidate anew."""

    def __init__(self, rng: np.random.Generator, draw: Callable[[np.random.Generator], Candidate]) -> None:
        self.rng = rng
        self.draw = draw

    def ask(self) -> Candidate:
        return self.draw(self.rng)

    def tell(self, candidate: Candidate, score: float) -> None:
        """A random search learns nothing."""
