"""What is searched: the architectures of a space, or only those of a benchmark's table, as a space of its own.

So GenNAS searches the spaces of which only some architectures have been trained (section 4.3).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gennas.spaces import canonical

if TYPE_CHECKING:
    from gennas.spaces import Space

#: How many neighbours a row of a table has, or are sampled in a space that cannot enumerate them: as many as
#: cells of NAS-Bench-201 differ from one in one operation.
NEIGHBOURS = 24
#: Candidates that stand for a space which cannot enumerate its own: few enough to weigh each of them at every step.
POOL = 5_000
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

    def pool(self, rng: np.random.Generator, twins: bool = False) -> list[Any]:
        """All of them; or up to `POOL` random ones. Each network once, unless `twins`, its other names, count, too."""

    def encode(self, candidate: Any) -> Sequence[int]:
        """Its integers: in how many of them two candidates differ is their distance, 0 of two names of a network."""

    def to_id(self, candidate: Any) -> str:
        """Its architecture's id."""

    def from_id(self, architecture_id: str) -> Any | None:
        """The candidate of an architecture; None if it is none of them."""


class OfSpace:
    """Every architecture of a space.

    What a space may have, see `gennas.spaces.Space`, is used; else distinct mutations are sampled for neighbours, and
    distinct draws for the pool.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.draw = space.random_architecture
        self.mutate = space.mutate
        self.to_id = space.to_id
        self.canonical = canonical(space)

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

    def pool(self, rng: np.random.Generator, twins: bool = False) -> list[Any]:
        """All architectures of a space that lists them; or up to `POOL` random draws."""
        name = (lambda architecture: architecture) if twins else self.canonical
        if hasattr(self.space, "all_architectures"):
            return list(dict.fromkeys(map(name, self.space.all_architectures())))
        drawn: dict[str, Any] = {}
        for _ in range(PATIENCE * POOL):
            architecture = name(self.draw(rng))
            drawn.setdefault(self.to_id(architecture), architecture)
            if len(drawn) == POOL:
                break
        return list(drawn.values())

    def encode(self, candidate: Any) -> Sequence[int]:
        """The encoding of its network in the space."""
        return self.space.encode(self.canonical(candidate))

    def from_id(self, architecture_id: str) -> Any:
        """The one of the pool that is the same network."""
        return self.canonical(self.space.from_id(architecture_id))


class OfTable:
    """The rows of a table of architectures: `encodings` (N, features), integers, and their ids.

    Two candidates, which are row indices, are as far apart as they differ in many features (the Hamming distance).
    `networks` are equal for rows that are the same network; by default no two are.
    """

    def __init__(self, encodings: np.ndarray, ids: Sequence[str], networks: Sequence[Hashable] = ()) -> None:
        self.encodings = encodings
        self.ids = ids
        self.networks = networks or ids
        self.first: dict[Hashable, int] = {}  # row of each network
        for row, network in enumerate(self.networks):
            self.first.setdefault(network, row)
        self.rows = {one: self.first[network] for one, network in zip(ids, self.networks, strict=True)}

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

    def pool(self, rng: np.random.Generator, twins: bool = False) -> list[int]:
        """The first row of each network, or all rows."""
        return list(range(len(self.ids))) if twins else list(self.first.values())

    def encode(self, candidate: int) -> Sequence[int]:
        """The encoding of the first row of its network."""
        found: list[int] = self.encodings[self.first[self.networks[candidate]]].tolist()
        return found

    def to_id(self, candidate: int) -> str:
        """The id of a row."""
        return self.ids[candidate]

    def from_id(self, architecture_id: str) -> int | None:
        """The one of the pool that is the same network."""
        return self.rows.get(architecture_id)
