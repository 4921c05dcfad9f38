"""PNAS: a beam of growing architectures, of which those are evaluated that a predictor thinks the best.

Source: Liu et al., "Progressive Neural Architecture Search", ECCV 2018, algorithm 1, which evaluates all architectures
of the first level, then at each level the K best-predicted expansions of those before. Here the predictor is that of
`gennas.searches.growth`, there an ensemble of recurrent networks; it learns after each batch, there after each level;
and constraints, which the paper has not, count as they do for `epnas`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gennas.searches import driver
from gennas.searches.base import SearchContext, Step
from gennas.searches.growth import Growth

DECLARATION = {"scores": True, "objectives": "one", "supernet": False, "growth": True, "options": {}}


class Pnas:
    """Asks for what is predicted to be the best."""

    def __init__(self, context: SearchContext) -> None:
        self.growth = Growth(context)
        self.rng = context.rng
        self.eligible = self.growth.eligible
        self.tell = self.growth.tell

    def ask(self, count: int) -> list[Any]:
        """The best-predicted expansions of the beam; any, while nothing is known."""
        beam = self.growth.beam()
        children = list(dict.fromkeys(child for _, grown in beam for child in grown))
        if not children:
            return []
        expected = self.growth.predicted_rewards(children)
        order = np.lexsort((self.rng.random(len(children)), -expected))  # equal ones in random order
        return [children[i] for i in order[: self.growth.limit(count)]]


def run(context: SearchContext) -> Iterator[Step]:
    """Grow the beam."""
    return driver.search(Pnas(context), context)
