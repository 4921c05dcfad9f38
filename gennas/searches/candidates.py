"""What is searched: the architectures of a space, or only those of a benchmark's table, as a space of its own.

So GenNAS searches the spaces of which only some architectures have been trained (section 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from gennas.spaces import Space

#: How many neighbours a row of a table has, or are sampled in a space that cannot enumerate them: as many as
#: cells of NAS-Bench-201 differ from one in one operation.
NEIGHBOURS = 24
#: Mutations drawn for each of them before a space is taken to have no more.
PATIENCE = 10


class Candidates(Protocol):
    """How to draw, mutate and name candidates, which are whatever suits those that make them."""

    def draw(self, rng: np.random.Generator) -> Any:
        """Any candidate."""

    def mutate(self, candidate: Any, rng: np.random.Generator) -> Any:
        """One that resembles the given one."""

    def neighbours(self, candidate: Any, rng: np.random.Generator) -> list[Any]:
        """Those that resemble it most, in random order."""

    def to_id(self, candidate: Any) -> str:
        """Its architecture's id."""


class OfSpace:
    """Every architecture of a space.

    A space that can enumerate the architectures one edit away has a member `neighbours(architecture)`; of any other
    one, distinct mutations are sampled.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.draw = space.random_architecture
        self.mutate = space.mutate
        self.to_id = space.to_id

    def neighbours(self, candidate: Any, rng: np.random.Generator) -> list[Any]:
        """All architectures one edit away; or up to `NEIGHBOURS` mutations."""
        if hasattr(self.space, "neighbours"):
            found = list(self.space.neighbours(candidate))
            return [found[i] for i in rng.permutation(len(found))]
        sampled: dict[str, Any] = {}
        for _ in range(PATIENCE * NEIGHBOURS):
            mutant = self.mutate(candidate, rng)
            sampled.setdefault(self.to_id(mutant), mutant)
            if len(sampled) == NEIGHBOURS:
                break
        return list(sampled.values())


class OfTable:
    """The rows of a table of architectures: `encodings` (N, features), integers, and their ids.

    Two candidates, which are row indices, are as far apart as they differ in many features (the Hamming distance).
    """

    def __init__(self, encodings: np.ndarray, ids: Sequence[str]) -> None:
        self.encodings = encodings
        self.ids = ids

    def draw(self, rng: np.random.Generator) -> int:
        """Any row."""
        return int(rng.integers(len(self.encodings)))

    def _nearest(self, row: int, rng: np.random.Generator) -> np.ndarray:
        """The rows nearest to another one; among equally distant ones, chance decides which count."""
        distance = (self.encodings != self.encodings[row]).sum(axis=1)  # (N,)
        order = np.lexsort((rng.random(len(distance)), distance))
        nearest: np.ndarray = order[order != row][:NEIGHBOURS]
        return nearest

    def mutate(self, candidate: int, rng: np.random.Generator) -> int:
        """One of the nearest rows."""
        return int(rng.choice(self._nearest(candidate, rng)))

    def neighbours(self, candidate: int, rng: np.random.Generator) -> list[int]:
        """The nearest rows, in random order."""
        found: list[int] = rng.permutation(self._nearest(candidate, rng)).tolist()
        return found

    def to_id(self, candidate: int) -> str:
        """The id of a row."""
        return self.ids[candidate]
