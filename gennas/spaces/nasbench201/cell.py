"""Cells of NAS-Bench-201: their strings, and how to draw, change, encode and picture them."""

from __future__ import annotations

import itertools
import re

import numpy as np

from gennas.spaces.common.base import Vertex

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
#: (source node, target node) of each edge, in the order of the string form.
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))

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


def graph(architecture: Architecture) -> dict[str, list[Vertex]]:
    """The cell's nodes, each the sum of its edges; those that are `none` are left out."""
    vertices = [Vertex("input")]
    for node in (1, 2, 3):
        edges = [(op, s) for op, (s, t) in zip(architecture, EDGES, strict=True) if t == node and op]
        label = " + ".join(f"{OPERATIONS[op]}({source})" for op, source in edges)
        vertices.append(Vertex(label or "zeros", tuple(source for _, source in edges)))
    return {"cell": vertices}


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
