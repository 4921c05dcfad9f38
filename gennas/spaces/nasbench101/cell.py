"""Cells of NAS-Bench-101: their canonical form, strings and graphs, and how to draw, change and encode them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np

from gennas.spaces.common.base import Vertex

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
MAX_VERTICES, MAX_EDGES = 7, 9
MAX_INNER = MAX_VERTICES - 2
#: Of the vertices of `graph`.
LABELS = ("input", *OPERATIONS, "output")
#: (source, target) of each possible edge: the upper triangle of the adjacency matrix, column by column.
EDGES = tuple((source, target) for target in range(MAX_VERTICES) for source in range(target))

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A cell as `canonical` makes it: equal exactly when isomorphic.

    Vertex 0 is the input and the last one the output; those between have one operation each.
    """

    operations: tuple[int, ...]  # index into OPERATIONS of vertices 1, 2, ...
    edges: tuple[Edge, ...]  # in the order of EDGES

    @property
    def output(self) -> int:
        """The last vertex."""
        return len(self.operations) + 1

    def sources(self, target: int) -> list[int]:
        """The vertices with an edge to `target`, ascending."""
        return [source for source, t in self.edges if t == target]


@lru_cache(maxsize=1 << 16)
def _smallest_order(vertices: int, edges: tuple[Edge, ...]) -> tuple[tuple[Edge, ...], list[tuple[int, ...]]]:
    """The smallest edges among all topological orders of a graph, and the orders of the inner vertices that give them.

    Smallest as a binary number whose lowest bit is the first of EDGES.
    """
    found: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for order in permutations(range(1, vertices - 1)):
        position = {vertex: i for i, vertex in enumerate((0, *order, vertices - 1))}
        relabelled = [(position[source], position[target]) for source, target in edges]
        if all(source < target for source, target in relabelled):
            found[sum(1 << EDGES.index(edge) for edge in relabelled)].append(order)
    smallest = min(found)
    return tuple(edge for i, edge in enumerate(EDGES) if smallest >> i & 1), found[smallest]


def canonical(operations: Sequence[int], edges: Iterable[Edge]) -> Architecture:
    """The architecture of a cell whose edges all lead from a lower to a higher vertex.

    Vertices that are not on a path from the input to the output are removed. Of all isomorphic cells
    it is the one that the benchmark lists and trained: the order of vertices matters where channels
    do not divide evenly. The benchmark enumerates the edges as binary numbers, then the operations,
    and keeps the first of each kind. Raises ValueError for a cell outside the space.
    """
    ascending = sorted(set(edges))
    from_input, to_output = {0}, {len(operations) + 1}
    for source, target in ascending:
        if source in from_input:
            from_input.add(target)
    for source, target in reversed(ascending):
        if target in to_output:
            to_output.add(source)
    if 0 not in to_output:
        raise ValueError("a cell whose input is not connected to its output")
    kept = sorted(from_input & to_output)
    number = {vertex: i for i, vertex in enumerate(kept)}
    pruned = tuple((number[s], number[t]) for s, t in ascending if s in number and t in number)
    if len(kept) > MAX_VERTICES or len(pruned) > MAX_EDGES:
        raise ValueError(f"a cell of more than {MAX_VERTICES} vertices or {MAX_EDGES} edges")
    inner = [operations[vertex - 1] for vertex in kept[1:-1]]
    smallest, orders = _smallest_order(len(kept), pruned)
    return Architecture(min(tuple(inner[vertex - 1] for vertex in order) for order in orders), smallest)


def to_id(architecture: Architecture) -> str:
    """Each vertex and where its input comes from, e.g. ``conv3x3-bn-relu~0|maxpool3x3~0+1|output~1+2``."""
    names = [*(OPERATIONS[op] for op in architecture.operations), "output"]
    sources = ["+".join(map(str, architecture.sources(target))) for target in range(1, len(names) + 1)]
    return "|".join(f"{name}~{source}" for name, source in zip(names, sources, strict=True))


_VERTEX = re.compile(r"([a-z0-9-]+)~([0-5](?:\+[0-5])*)")


def from_id(architecture_id: str) -> Architecture:
    """Parse `to_id`'s string. Raises ValueError for anything it would not have written."""
    parts = architecture_id.split("|", MAX_VERTICES)
    vertices = [match.groups() for part in parts if (match := _VERTEX.fullmatch(part))]
    if len(vertices) < len(parts) or len(parts) >= MAX_VERTICES:
        raise ValueError("not a NAS-Bench-101 cell of the form conv3x3-bn-relu~0|maxpool3x3~0+1|output~1+2")
    *names, last = (name for name, _ in vertices)
    unknown = set(names) - set(OPERATIONS)
    if unknown:
        raise ValueError(f"unknown operation {min(unknown)!r} (known: {', '.join(OPERATIONS)})")
    edges = [(int(source), target) for target, (_, s) in enumerate(vertices, start=1) for source in s.split("+")]
    if last != "output" or any(source >= target for source, target in edges):
        raise ValueError("a cell without output at its end, or with an edge that does not lead forward")
    architecture = canonical([OPERATIONS.index(name) for name in names], edges)
    if to_id(architecture) != architecture_id:
        raise ValueError(f"not canonical; this cell is written {to_id(architecture)}")
    return architecture


def encode(architecture: Architecture) -> tuple[int, ...]:
    """The upper triangle of the adjacency matrix (21 bits), and the operations (0 for none), of seven vertices.

    The output is always the seventh, so that edges to it are the same bits for cells of all sizes.
    """
    present = {(s, MAX_VERTICES - 1 if t == architecture.output else t) for s, t in architecture.edges}
    operations = [op + 1 for op in architecture.operations]
    return (*(int(edge in present) for edge in EDGES), *operations, *[0] * (MAX_INNER - len(operations)))


def graph(architecture: Architecture) -> dict[str, list[Vertex]]:
    """The cell's vertices; an operation reads the sum of its sources."""
    labels = ["input", *(OPERATIONS[op] for op in architecture.operations), "output"]
    return {"cell": [Vertex(label, tuple(architecture.sources(i))) for i, label in enumerate(labels)]}


def from_graph(vertices: Sequence[Vertex]) -> Architecture:
    """The cell of a graph, in its canonical form; a ValueError if it is none of the space."""
    labels = [vertex.label for vertex in vertices]
    if len(labels) < 2 or labels[0] != "input" or labels[-1] != "output" or not {*labels[1:-1]} <= {*OPERATIONS}:
        raise ValueError("not an input, operations and an output")
    edges = [(source, target) for target, vertex in enumerate(vertices) for source in vertex.sources]
    return canonical([OPERATIONS.index(label) for label in labels[1:-1]], edges)


def random_architecture(rng: np.random.Generator) -> Architecture:
    """Draw a cell as the benchmark's authors do: random edges and operations, until they are valid."""
    while True:
        present = rng.integers(2, size=len(EDGES))
        operations = rng.integers(len(OPERATIONS), size=MAX_INNER).tolist()
        with suppress(ValueError):
            return canonical(operations, [edge for edge, bit in zip(EDGES, present, strict=True) if bit])


def _spread(architecture: Architecture, rng: np.random.Generator) -> tuple[list[int], set[Edge]]:
    """Operations and edges of the cell with seven vertices: unconnected ones are added at random places."""
    places = sorted(rng.choice(range(1, MAX_VERTICES - 1), size=len(architecture.operations), replace=False).tolist())
    operations = rng.integers(len(OPERATIONS), size=MAX_INNER).tolist()
    for place, op in zip(places, architecture.operations, strict=True):
        operations[place - 1] = op
    moved = (0, *places, MAX_VERTICES - 1)
    return operations, {(moved[source], moved[target]) for source, target in architecture.edges}


def mutate(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Change the cell as the benchmark's authors do, until it is valid and another one.

    Of seven vertices, each edge is flipped with probability 1/7, each operation replaced with 1/5.
    """
    while True:
        operations, edges = _spread(architecture, rng)
        steps = rng.integers(1, len(OPERATIONS), size=MAX_INNER) * (rng.random(MAX_INNER) < 1 / MAX_INNER)
        operations = [(op + step) % len(OPERATIONS) for op, step in zip(operations, steps.tolist(), strict=True)]
        flips = rng.random(len(EDGES)) < 1 / MAX_VERTICES
        edges ^= {edge for edge, flip in zip(EDGES, flips, strict=True) if flip}
        with suppress(ValueError):
            child = canonical(operations, edges)
            if child != architecture:
                return child
