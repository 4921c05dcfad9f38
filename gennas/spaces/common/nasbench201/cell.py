"""Cells of NAS-Bench-201: their strings and graphs, and how to draw, change and encode them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import numpy as np

from gennas.spaces.common.base import Vertex

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
#: (source node, target node) of each edge, in the order of the string form.
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
#: Of `graph`: labels of vertices, and how many vertices there are.
LABELS = ("input", *OPERATIONS, "output")
VERTICES = len(EDGES) + 2

#: One operation index per edge, in the order of `EDGES`.
Architecture = tuple[int, ...]


def to_id(architecture: Architecture) -> str:
    """The benchmark's own string, e.g. ``|none~0|+|skip_connect~0|none~1|+|...|``."""
    edges = [f"{OPERATIONS[op]}~{source}" for op, (source, _) in zip(architecture, EDGES, strict=True)]
    return f"|{edges[0]}|+|{edges[1]}|{edges[2]}|+|{edges[3]}|{edges[4]}|{edges[5]}|"


def from_id(architecture_id: str) -> Architecture:
    """Parse `to_id`'s string. Raises ValueError for anything it would not have written."""
    names = re.findall(r"[|+]([a-z0-9_]+)~", architecture_id)
    unknown = set(names) - set(OPERATIONS)
    if unknown:
        raise ValueError(f"unknown operation {sorted(unknown)[0]!r} (known: {', '.join(OPERATIONS)})")
    architecture = tuple(OPERATIONS.index(name) for name in names)
    if len(architecture) != len(EDGES) or to_id(architecture) != architecture_id:
        raise ValueError("not a NAS-Bench-201 string of the form |op~0|+|op~0|op~1|+|op~0|op~1|op~2|")
    return architecture


def encode(architecture: Architecture) -> tuple[int, ...]:
    """The operation index of each edge."""
    return architecture


def layers(architecture: Architecture) -> tuple[int, ...]:
    """Its operations, wherever they are: a network builds and runs those that lead nowhere, too."""
    return tuple(sorted(architecture))


def _edges_into(node: int) -> tuple[int, ...]:
    """The vertices of `graph` that a node sums."""
    return tuple(i for i, (_, target) in enumerate(EDGES, start=1) if target == node) or (0,)


#: The sources of each vertex of `graph`.
SOURCES = ((), *(_edges_into(source) for source, _ in EDGES), _edges_into(3))


def graph(architecture: Architecture) -> dict[str, list[Vertex]]:
    """The cell's line graph: a vertex for each edge, `none` included, between the input and the output.

    Its arcs are those of every cell. An edge reads the edges into the node that it starts from.
    """
    labels = ("input", *(OPERATIONS[op] for op in architecture), "output")
    return {"cell": [Vertex(label, sources) for label, sources in zip(labels, SOURCES, strict=True)]}


def from_graph(vertices: Sequence[Vertex]) -> Architecture:
    """The cell of its line graph; a ValueError for any other graph."""
    labels = [vertex.label for vertex in vertices]
    if tuple(vertex.sources for vertex in vertices) != SOURCES:
        raise ValueError("not the arcs of a NAS-Bench-201 cell")
    if labels[0] != "input" or labels[-1] != "output" or not {*labels[1:-1]} <= {*OPERATIONS}:
        raise ValueError("not an input, six operations and an output")
    return tuple(OPERATIONS.index(label) for label in labels[1:-1])


def random_architecture(rng: np.random.Generator) -> Architecture:
    """Draw a cell uniformly from the 15,625."""
    return tuple(int(op) for op in rng.integers(len(OPERATIONS), size=len(EDGES)))


def mutate(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Replace the operation of one random edge by another one."""
    edge = int(rng.integers(len(EDGES)))
    others = [op for op in range(len(OPERATIONS)) if op != architecture[edge]]
    return (*architecture[:edge], int(rng.choice(others)), *architecture[edge + 1 :])


def neighbours(architecture: Architecture) -> list[Architecture]:
    """The 24 cells that differ in the operation of one edge."""
    places = itertools.product(range(len(EDGES)), range(len(OPERATIONS)))
    changed = ((*architecture[:edge], op, *architecture[edge + 1 :]) for edge, op in places)
    return [cell for cell in changed if cell != architecture]


def all_architectures() -> list[Architecture]:
    """Every cell of the space, in lexicographic order of its operation indices."""
    return list(itertools.product(range(len(OPERATIONS)), repeat=len(EDGES)))
