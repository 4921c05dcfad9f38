"""Which cells are the same network here: 6,815 networks, where NAS-Bench-201 has 5,425.

In the two cells that double the channels a skip from the input has weights. Cells that are alike there are alike
elsewhere, too.
"""

from __future__ import annotations

from gennas.spaces.common.nasbench201.canonical_form import INPUT, SKIP, Wires, all_wires, first_cells, simplified
from gennas.spaces.common.nasbench201.cell import EDGES, OPERATIONS, Architecture

#: A skip with weights: no operation of the cell's.
PROJECTION = len(OPERATIONS)


def canonical(architecture: Architecture) -> Architecture:
    """The first cell, in lexicographic order, that makes the same network."""
    return first_cells(wiring)[wiring(architecture)]


def wiring(architecture: Architecture) -> Wires:
    """As that of NAS-Bench-201, but of the cell that doubles the channels."""
    wires = all_wires(architecture)
    return simplified([(s, t, PROJECTION if (s, op) == (INPUT, SKIP) else op) for s, t, op in wires])


def layers(architecture: Architecture) -> tuple[tuple[bool, int], ...]:
    """Its operations, and whether they read the input, wherever they are: see those of NAS-Bench-201."""
    return tuple(sorted((source == INPUT, op) for op, (source, _) in zip(architecture, EDGES, strict=True)))
