"""Which cells of NAS-Bench-201 are the same network: 15,625 names, 5,425 networks.

The benchmark's authors count 6,466 by comparing formulas (`to_unique_str` of their code). These keep some zeros, so
that equal networks differ; and they repeat what is read twice, so that one convolution read twice is the same as two
convolutions, which have other weights. Here the graphs are compared. Edges from a node without input count for nothing:
a convolution of zeros adds the shift of its batch normalisation, no more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from gennas.spaces.common.nasbench201.cell import EDGES, OPERATIONS, Architecture, all_architectures

#: (source node, target node, operation) of each edge that does something.
Wires = tuple[tuple[int, int, int], ...]
INPUT, OUTPUT = 0, 3
SKIP = OPERATIONS.index("skip_connect")
CONVOLUTIONS = tuple(map(OPERATIONS.index, ("nor_conv_1x1", "nor_conv_3x3")))


def canonical(architecture: Architecture) -> Architecture:
    """The first cell, in lexicographic order, that makes the same network."""
    return first_cells(wiring)[wiring(architecture)]


@cache
def first_cells(wiring: Callable[[Architecture], Wires]) -> dict[Wires, Architecture]:
    """The first cell of each network, by its wiring."""
    first: dict[Wires, Architecture] = {}
    for cell in all_architectures():
        first.setdefault(wiring(cell), cell)
    return first


def wiring(architecture: Architecture) -> Wires:
    """The edges that lie on a path from input to output, equal exactly for equal networks."""
    return simplified(all_wires(architecture))


def all_wires(architecture: Architecture) -> list[tuple[int, int, int]]:
    """Every edge but those of `none`, by ascending targets."""
    return [(s, t, op) for op, (s, t) in zip(architecture, EDGES, strict=True) if OPERATIONS[op] != "none"]


def simplified(wires: list[tuple[int, int, int]]) -> Wires:
    """Of some wires, those on a path from input to output, equal exactly for those that compute the same.

    A node that is a copy of one other node is that node; one of which there is but one copy is that copy. The two inner
    nodes have no order but the one that their edges give them.
    """
    wires = _connected(wires)
    while merged := _merge(wires):
        wires = merged
    return min(_renamed(wires, numbers) for numbers in _numberings(wires))


def alive(architecture: Architecture) -> tuple[int, ...]:
    """Between input and output: how many convolutions 1x1 and 3x3 there are, and how many the longest chain has.

    That is -1 for a cell whose output does not depend on its input.
    """
    wires = _connected(all_wires(architecture))
    depth = {INPUT: 0}
    for source, target, op in wires:  # ascending targets
        depth[target] = max(depth.get(target, 0), depth[source] + (op in CONVOLUTIONS))
    return *(sum(op == kind for _, _, op in wires) for kind in CONVOLUTIONS), depth.get(OUTPUT, -1)


def _connected(wires: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Those on a path from the input to the output."""
    reached, needed = {INPUT}, {OUTPUT}
    for source, target, _ in wires:  # ascending targets
        if source in reached:
            reached.add(target)
    for source, target, _ in reversed(wires):
        if target in needed:
            needed.add(source)
    return [wire for wire in wires if wire[0] in reached and wire[1] in needed]


def _merge(wires: list[tuple[int, int, int]]) -> list[tuple[int, int, int]] | None:
    """The wires without an inner node that another node stands for; None if there is no such node."""
    for node in (1, 2):
        read = [wire for wire in wires if wire[1] == node]
        readers = [wire for wire in wires if wire[0] == node]
        if len(read) == 1 and read[0][2] == SKIP:
            return [(read[0][0] if s == node else s, t, op) for s, t, op in wires if t != node]
        if len(readers) == 1 and readers[0][2] == SKIP:
            return [(s, readers[0][1] if t == node else t, op) for s, t, op in wires if s != node]
    return None


def _numberings(wires: list[tuple[int, int, int]]) -> list[dict[int, int]]:
    """Each way to number the nodes such that edges ascend, without gaps."""
    inner = sorted({node for wire in wires for node in wire[:2]} - {INPUT, OUTPUT})
    if len(inner) < 2:
        return [{INPUT: INPUT, OUTPUT: OUTPUT} | {node: 1 for node in inner}]
    same = {node: node for node in range(4)}
    joined = any(wire[:2] == (1, 2) for wire in wires)
    return [same] if joined else [same, same | {1: 2, 2: 1}]


def _renamed(wires: list[tuple[int, int, int]], numbers: dict[int, int]) -> Wires:
    return tuple(sorted((numbers[s], numbers[t], op) for s, t, op in wires))
