"""What the sources of NAS-Bench-101 share: a cell as an adjacency matrix and names."""

from __future__ import annotations

from collections.abc import Sequence

from gennas.spaces.nasbench101.cell import OPERATIONS, Architecture, canonical

#: What reading a file of another form raises.
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


def from_matrix(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> Architecture:
    """The architecture of an adjacency matrix and the names of its vertices, as the files have them.

    Raises ValueError for a cell outside the space.
    """
    vertices = range(len(names))
    if len(names) < 2 or names[0] != "input" or names[-1] != "output" or set(names[1:-1]) - set(OPERATIONS):
        raise ValueError("a cell whose vertices are not input, operations and output")
    if [len(row) for row in matrix] != [len(names)] * len(names):
        raise ValueError("a cell whose adjacency matrix does not fit its vertices")
    if any(matrix[s][t] not in ((0, 1) if s < t else (0,)) for s in vertices for t in vertices):
        raise ValueError("a cell whose adjacency matrix is not an upper triangle of zeros and ones")
    edges = [(s, t) for s in vertices for t in vertices if matrix[s][t]]
    return canonical([OPERATIONS.index(name) for name in names[1:-1]], edges)
