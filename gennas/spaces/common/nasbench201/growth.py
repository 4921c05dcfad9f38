"""Cells of NAS-Bench-201 grown node by node: 5, 125, then all 15,625."""

from __future__ import annotations

import itertools

from gennas.spaces.common.nasbench201.cell import EDGES, OPERATIONS, Architecture

#: Nodes that are decided one after another.
LEVELS = 3
NONE, SKIP = OPERATIONS.index("none"), OPERATIONS.index("skip_connect")
#: No node is decided yet: the output is the input.
ROOT: Architecture = tuple(SKIP if edge == (0, LEVELS) else NONE for edge in EDGES)


def expansions(prefix: Architecture, level: int) -> list[Architecture]:
    """Each way to decide the node after the first `level` ones: an operation on each edge into it.

    Until the last node is decided, it is a copy of the one that was decided last.
    """
    node = level + 1

    def decide(edge: int, operations: tuple[int, ...]) -> int:
        source, target = EDGES[edge]
        if target == node:
            return operations[source]
        if target < node:
            return prefix[edge]
        return SKIP if (source, target) == (node, LEVELS) else NONE

    every = itertools.product(range(len(OPERATIONS)), repeat=node)
    return [tuple(decide(edge, operations) for edge in range(len(EDGES))) for operations in every]
