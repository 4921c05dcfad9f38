"""How large the networks of NAS-Bench-Graph are, by data set.

From the parameter counts of its tables, which two rows of the paper's own table of sizes contradict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gennas.spaces.nasbench_graph.cell import NODES, OPERATIONS, SKIP, Cell


class Sizes(NamedTuple):
    """Of the networks of a data set."""

    before: int  # linear layers from the inputs to the cell
    after: int  # linear layers from the cell to the classes
    dimension: int
    inputs: int
    classes: int


SIZES: Mapping[str, Sizes] = {
    "cora": Sizes(0, 1, 256, 1433, 7),
    "citeseer": Sizes(0, 1, 256, 3703, 6),
    "pubmed": Sizes(0, 0, 128, 500, 3),
    "cs": Sizes(1, 0, 128, 6805, 15),
    "physics": Sizes(1, 0, 256, 8415, 5),
    "photo": Sizes(0, 0, 128, 745, 8),
    "computers": Sizes(1, 1, 64, 767, 10),
    "arxiv": Sizes(0, 1, 128, 128, 40),
    "proteins": Sizes(1, 1, 256, 8, 112),
}


def parameters(cell: Cell, sizes: Sizes) -> int:
    """Trainable parameters of the network as it was trained, with its classifier."""
    dimension, entering = sizes.dimension, sizes.dimension if sizes.before else sizes.inputs
    widths = [entering]
    total = 2 * dimension * NODES  # batch norms, used or not
    for link, op in zip(cell.links, cell.operations, strict=True):
        total += _of_operation(OPERATIONS[op], widths[link], dimension)
        widths.append(widths[link] if op == SKIP else dimension)
    leaving = dimension if sizes.after else sizes.classes
    total += (sum(widths[leaf] for leaf in cell.leaves) + 1) * leaving
    total += sizes.before * (sizes.inputs + 1) * dimension + sizes.after * (dimension + 1) * sizes.classes
    return total


def _of_operation(name: str, inputs: int, outputs: int) -> int:
    """Matrices and a bias, attention's two vectors, and a square matrix of `arma` that computes nothing."""
    if name == "skip":
        return 0
    matrices = 2 if name in ("cheb", "sage", "arma", "graph") else 1
    further = {"gat": 2 * outputs, "arma": outputs**2}
    return matrices * inputs * outputs + outputs + further.get(name, 0)
