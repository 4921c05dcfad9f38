"""Graphs of a space as tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gennas.spaces import Space, Vertex

#: The operation of a vertex that is not there.
ABSENT = -1


class Graphs(NamedTuple):
    """B graphs of N vertices or fewer, which come first; of the others, nothing is there."""

    operations: Tensor  # int8 (B, N): index of the vertex's label among the space's LABELS, or ABSENT
    arcs: Tensor  # bool (B, N, N): whether the second vertex reads the first

    def part(self, first: int, last: int | None) -> Graphs:
        """The graphs at positions first..last-1."""
        return Graphs(self.operations[first:last], self.arcs[first:last])

    @property
    def gaps(self) -> bool:
        """Whether some graphs are smaller than others."""
        return bool((self.operations == ABSENT).any())

    def batches(self, size: int) -> Iterator[Graphs]:
        """The same graphs, `size` at a time."""
        for first in range(0, len(self.operations), size):
            yield self.part(first, first + size)

    def features(self, labels: int) -> Tensor:
        """One-hot operations: float (B, N, labels), zero for a vertex that is not there."""
        return one_hot(self.operations.long() + 1, labels + 1)[..., 1:].float()


def read(space: Any, architectures: Iterable[Any]) -> Graphs:
    """The graphs of A architectures, all graphs of the first one first: (A * graphs of each, ...)."""
    number = {label: index for index, label in enumerate(space.LABELS)}
    cells = [cell for architecture in architectures for cell in space.graph(architecture).values()]
    operations = np.full((len(cells), space.VERTICES), ABSENT, np.int8)
    arcs = np.zeros((len(cells), space.VERTICES, space.VERTICES), bool)
    for row, cell in enumerate(cells):
        for target, vertex in enumerate(cell):
            operations[row, target] = number[vertex.label]
            arcs[row, vertex.sources, target] = True
    return Graphs(torch.from_numpy(operations), torch.from_numpy(arcs))


def to_vertices(operations: Tensor, arcs: Tensor, labels: Sequence[str]) -> list[Vertex]:
    """One graph (N,), (N, N) as a space would give it: what is not there is left out, and so are its arcs."""
    there = np.flatnonzero(operations.numpy() != ABSENT)
    inner = arcs.numpy()[np.ix_(there, there)]  # (V, V)
    return [
        Vertex(labels[int(operations[vertex])], tuple(np.flatnonzero(inner[:, target]).tolist()))
        for target, vertex in enumerate(there)
    ]


def can_enumerate(space: Space) -> bool:
    """Whether all architectures of a space can be had."""
    return hasattr(space, "all_architectures") or hasattr(space, "population")


def enumerate_all(space: Any) -> Sequence[Any]:
    """All architectures of a space that can enumerate them."""
    found: Sequence[Any] = space.all_architectures() if hasattr(space, "all_architectures") else space.population()
    return found
