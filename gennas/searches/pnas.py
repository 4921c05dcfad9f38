"""PNAS: a beam of growing architectures, of which those are evaluated that a predictor thinks the best.

Source: Liu et al., "Progressive Neural Architecture Search", ECCV 2018, algorithm 1, which evaluates all architectures
of the first level, then at each level the K best-predicted expansions of those before. Here the predictor is that of
`gennas.searches.growth`, there an ensemble of recurrent networks; it learns after each batch, there after each level;
and constraints, which the paper has not, count as they do for `epnas`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gennas.searches import driver
from gennas.searches.base import SearchContext, Step
from gennas.searches.growth import Growth

DECLARATION = {"scores": True, "objectives": "one", "supernet": False, "growth": True, "options": {}}
#: Architectures of a level that are expanded, the best that may grow: all of them, if it had few.
BEAM = 25


class Pnas:
    """Asks for what is predicted to be the best."""

    def __init__(self, context: SearchContext) -> None:
        self.growth = Growth(context)
        self.rng = context.rng
        self.parents: list[Any] = [self.growth.space.ROOT]
        self.spare: list[Any] = []  # parents that have not been evaluated, for need
        self.eligible = self.growth.eligible
        self.tell = self.growth.tell

    def ask(self, count: int) -> list[Any]:
        """The best-predicted expansions of the beam, at the next level if this one is done; any, if none is known."""
        growth = self.growth
        children = self._expand()
        while not growth.last and (growth.room() <= 0 or not children):
            self.parents = self._best_first(growth.here, growth.rewards(growth.here))
            self.spare = self._best_first(children, growth.predicted_rewards(children))
            growth.ascend()
            children = self._expand()
        if not children:
            growth.check()
        return self._best_first(children, growth.predicted_rewards(children))[: growth.limit(count)]

    def _expand(self) -> list[Any]:
        """What the beam may grow into."""
        return self._fresh(self.parents) or self._fresh(self.spare)

    def _fresh(self, parents: Sequence[Any]) -> list[Any]:
        beam = itertools.islice(filter(None, map(self.growth.grown, parents)), BEAM)
        return self.growth.fresh(itertools.chain.from_iterable(beam))

    def _best_first(self, architectures: Sequence[Any], rewards: np.ndarray) -> list[Any]:
        """The highest reward first, equal ones in random order."""
        order = np.lexsort((self.rng.random(len(rewards)), -rewards))
        return [architectures[i] for i in order]


def run(context: SearchContext) -> Iterator[Step]:
    """Grow the beam."""
    return driver.search(Pnas(context), context)
