"""Every cell of NAS-Bench-101: 423,624 of them, in a few seconds.

A cell is a graph and its inner vertices' operations. Its canonical form (`cell.canonical`) has the smallest edges, as a
binary number, among its topological orders, and then the smallest operations among the orders that give those edges. So
the cells of a number of vertices are the graphs that no order makes smaller, each with the operations that no such
order makes smaller.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

import numpy as np

from gennas.spaces.nasbench101.cell import EDGES, MAX_EDGES, MAX_VERTICES, OPERATIONS, Architecture

Order = tuple[int, ...]


@cache
def population() -> tuple[Architecture, ...]:
    """All cells, by their number of vertices."""
    return tuple(cell for vertices in range(2, MAX_VERTICES + 1) for cell in cells(vertices))


def cells(vertices: int) -> Iterator[Architecture]:
    """The cells of a number of vertices."""
    possible = [edge for edge in EDGES if edge[1] < vertices]
    graphs, orders = _canonical_graphs(vertices)
    inner = vertices - 2
    choices = len(OPERATIONS) ** inner
    operations = np.indices([len(OPERATIONS)] * inner).reshape(inner, choices).T  # (choices, inner), ascending
    for number, own in zip(graphs.tolist(), orders, strict=True):
        edges = tuple(edge for bit, edge in enumerate(possible) if number >> bit & 1)
        for chosen in _smallest(operations, own).tolist():
            yield Architecture(tuple(chosen), edges)


def _canonical_graphs(vertices: int) -> tuple[np.ndarray, list[list[Order]]]:
    """The graphs (G,) that no order makes smaller, and the orders of the inner vertices that keep each as it is."""
    graphs = _graphs(vertices)
    smallest = np.ones(len(graphs), bool)
    keeping: dict[Order, np.ndarray] = {}
    for order in itertools.permutations(range(1, vertices - 1)):
        relabelled = _relabelled(graphs, vertices, order)
        smallest &= relabelled >= graphs
        keeping[order] = relabelled == graphs
    orders = [[order for order, keeps in keeping.items() if keeps[row]] for row in np.flatnonzero(smallest)]
    return graphs[smallest], orders


def _graphs(vertices: int) -> np.ndarray:
    """Graphs (G,) as binary numbers, bit i being the i-th of EDGES, of at most nine edges; none has a loose end."""
    possible = [edge for edge in EDGES if edge[1] < vertices]
    numbers = np.arange(1 << len(possible))
    bits = [numbers >> bit & 1 for bit in range(len(possible))]
    valid = sum(bits) <= MAX_EDGES
    for end, ends in ((0, range(vertices - 1)), (1, range(1, vertices))):  # what leaves a vertex, what enters it
        for vertex in ends:
            valid &= np.any([bit for bit, edge in zip(bits, possible, strict=True) if edge[end] == vertex], axis=0)
    found: np.ndarray = numbers[valid]
    return found


def _relabelled(graphs: np.ndarray, vertices: int, order: Order) -> np.ndarray:
    """The graphs (G,) in another order of the inner vertices; a huge number where that is no topological order."""
    place = {vertex: i for i, vertex in enumerate((0, *order, vertices - 1))}
    found, backward = np.zeros_like(graphs), np.zeros(len(graphs), bool)
    for bit, (source, target) in enumerate(edge for edge in EDGES if edge[1] < vertices):
        present = graphs >> bit & 1
        if place[source] < place[target]:
            found |= present << EDGES.index((place[source], place[target]))
        else:
            backward |= present.astype(bool)
    return np.where(backward, np.iinfo(graphs.dtype).max, found)


def _smallest(operations: np.ndarray, orders: list[Order]) -> np.ndarray:
    """Those operations (K, inner) that none of the orders makes smaller; they ascend."""
    base = len(OPERATIONS) ** np.arange(operations.shape[1])[::-1]
    rank = operations @ base
    kept = np.ones(len(operations), bool)
    for order in orders:
        kept &= operations[:, [vertex - 1 for vertex in order]] @ base >= rank
    found: np.ndarray = operations[kept]
    return found
