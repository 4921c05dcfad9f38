"""Cells of NAS-Bench-Graph: which of all that can be written down are different, their ids, and how to change them.

Each of four nodes reads the input, or one node before it. Nodes that no other reads are the output, side by side. So a
cell is a tree of operations, rooted at the input. Many trees are one network: children have no order, and most skips
change nothing. The benchmark's ids, and its choice of one cell for each network, follow from the rules of `reduce`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from gennas.spaces.common.base import Vertex

NODES = 4
#: What each node reads, 0 being the input, by the benchmark's index: all trees of four nodes.
LINKS = (
    (0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 1), (0, 0, 1, 2), (0, 0, 1, 3),
    (0, 1, 1, 1), (0, 1, 1, 2), (0, 1, 2, 2), (0, 1, 2, 3),
)  # fmt: skip
OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
SKIP = OPERATIONS.index("skip")
#: Of the vertices of `graph`.
LABELS = ("input", *OPERATIONS, "output")
VERTICES = NODES + 2


class Cell(NamedTuple):
    """What each node reads, one of `LINKS`, and its operation, an index into `OPERATIONS`; as `canonical` makes it."""

    links: tuple[int, ...]
    operations: tuple[int, ...]

    @property
    def leaves(self) -> list[int]:
        """The nodes, from 1, that no other reads."""
        return [node for node in range(1, NODES + 1) if node not in self.links]

    @property
    def number(self) -> int:
        """The benchmark's id: the index of the links, then the operations, as decimal digits."""
        digits = (LINKS.index(self.links), *self.operations)
        return sum(digit * 10**place for place, digit in enumerate(reversed(digits)))


class Tree(NamedTuple):
    """An operation and the trees of those that read it, sorted."""

    operation: int
    children: tuple[Tree, ...]


Forest = tuple[Tree, ...]

# --- equal networks -------------------------------------------------------------------------


def forest_of(cell: Cell, node: int = 0) -> Forest:
    """The trees of those that read a node, or the input."""
    readers = [reader for reader, link in enumerate(cell.links, start=1) if link == node]
    return tuple(sorted(Tree(cell.operations[reader - 1], forest_of(cell, reader)) for reader in readers))


def reduce(forest: Forest, at_input: bool = True) -> Forest:
    """The forest without skips that change nothing; its operations move up to where they were.

    That is a skip that is read, one that nothing else stands beside, and one that reads the input, through skips or
    not. A skip of a computed node beside other operations stays: the output has its features twice.
    """
    trees = [Tree(op, reduce(children, at_input and op == SKIP)) for op, children in forest]
    while (place := next((i for i, tree in enumerate(trees) if _is_idle(tree, trees, at_input)), None)) is not None:
        trees += trees.pop(place).children
    return tuple(sorted(trees))


def _is_idle(tree: Tree, siblings: list[Tree], at_input: bool) -> bool:
    return tree.operation == SKIP and bool(tree.children or len(siblings) == 1 or at_input)


def _size(forest: Forest) -> int:
    return sum(1 + _size(tree.children) for tree in forest)


@cache
def canonical_of(forest: Forest) -> Cell:
    """The cell of a reduced forest: skips between the input and it fill up the nodes, and the id is the smallest."""
    for _ in range(NODES - _size(forest)):
        forest = (Tree(SKIP, forest),)
    operations: list[int] = []
    parents: list[int] = []

    def number(trees: Forest, parent: int) -> None:
        for tree in trees:
            operations.append(tree.operation)
            parents.append(parent)
            number(tree.children, len(operations))

    number(forest, 0)
    cells = []
    for order in permutations(range(1, NODES + 1)):
        new = {0: 0} | {old: place for place, old in enumerate(order, start=1)}
        links = tuple(new[parents[old - 1]] for old in order)
        if links in LINKS:
            cells.append(Cell(links, tuple(operations[old - 1] for old in order)))
    return min(cells, key=lambda cell: cell.number)


def canonical(cell: Cell) -> Cell:
    """Of all cells that are the same network, the one that the benchmark has; ValueError where all is skipped."""
    forest = reduce(forest_of(cell))
    if not forest:
        raise ValueError("it skips all of its nodes")
    return canonical_of(forest)


# --- ids, encodings, graphs -----------------------------------------------------------------


def to_id(cell: Cell) -> str:
    """The benchmark's id, such as 77016."""
    return str(cell.number)


def from_id(architecture_id: str) -> Cell:
    """Parse an id; ValueError says what is wrong with any other string."""
    digits = architecture_id.rjust(NODES + 1, "0")
    if not (architecture_id.isascii() and digits.isdigit() and len(digits) == NODES + 1 and "9" not in digits):
        raise ValueError("not an id, which has five digits from 0 to 8 at most")
    cell = Cell(LINKS[int(digits[0])], tuple(map(int, digits[1:])))
    if to_id(canonical(cell)) != architecture_id:
        raise ValueError(f"the network of another id, {to_id(canonical(cell))}")
    return cell


def encode(cell: Cell) -> tuple[int, ...]:
    """What the nodes read, but for the first, which reads the input; and the operations."""
    return (*cell.links[1:], *cell.operations)


def graph(cell: Cell) -> dict[str, list[Vertex]]:
    """The input, the nodes, and the output, which reads the nodes that no other reads."""
    nodes = [Vertex(OPERATIONS[op], (link,)) for link, op in zip(cell.links, cell.operations, strict=True)]
    return {"cell": [Vertex("input"), *nodes, Vertex("output", tuple(cell.leaves))]}


def from_graph(vertices: Sequence[Vertex]) -> Cell:
    """The cell of a graph such as `graph` gives; ValueError says why another is none."""
    inner = vertices[1:-1]
    links = tuple(vertex.sources[0] for vertex in inner if len(vertex.sources) == 1)
    if links not in LINKS or any(vertex.label not in OPERATIONS for vertex in inner):
        raise ValueError("not four operations that each read one vertex before them")
    cell = Cell(links, tuple(OPERATIONS.index(vertex.label) for vertex in inner))
    if canonical(cell) != cell or list(vertices) != graph(cell)["cell"]:
        raise ValueError("not the canonical graph of a cell")
    return cell


# --- the space ------------------------------------------------------------------------------


@cache
def all_architectures() -> tuple[Cell, ...]:
    """All 26,206, by their ids."""
    written = (Cell(links, ops) for links, ops in product(LINKS, product(range(len(OPERATIONS)), repeat=NODES)))
    return tuple(filter(_is_member, written))


def _is_member(cell: Cell) -> bool:
    return cell.operations.count(SKIP) < NODES and canonical(cell) == cell


def random_architecture(rng: np.random.Generator) -> Cell:
    """Draw one, all with the same probability."""
    while True:
        links = LINKS[rng.integers(len(LINKS))]
        cell = Cell(links, tuple(int(op) for op in rng.integers(len(OPERATIONS), size=NODES)))
        if _is_member(cell):
            return cell


def _edits(cell: Cell) -> Iterator[Cell]:
    """Cells with another operation, or other links."""
    for node, op in product(range(NODES), range(len(OPERATIONS))):
        yield cell._replace(operations=(*cell.operations[:node], op, *cell.operations[node + 1 :]))
    for links in LINKS:
        yield cell._replace(links=links)


def neighbours(cell: Cell) -> list[Cell]:
    """Every other network that is one edit away."""
    edited = (canonical(one) for one in _edits(cell) if one.operations.count(SKIP) < NODES)
    return [one for one in dict.fromkeys(edited) if one != cell]


def mutate(cell: Cell, rng: np.random.Generator) -> Cell:
    """One of the neighbours."""
    near = neighbours(cell)
    return near[rng.integers(len(near))]
