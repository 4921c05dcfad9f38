"""Recurrent cells as graphs, and the canonical form of a graph.

The operations of a cell's nodes:

    linear      a weight matrix per input, and a bias; two or three inputs, of which x can be one
    blend       z * a + (1 - z) * b, of the inputs z, a, b in this order
    prod, sum   elementwise, of two inputs
    tanh, sigm, leaky_relu
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ACTIVATIONS = ("tanh", "sigm", "leaky_relu")
#: Numbers of inputs that each operation takes.
ARITIES = {"linear": (2, 3), "blend": (3,), "prod": (2,), "sum": (2,), **dict.fromkeys(ACTIVATIONS, (1,))}
OPERATIONS = tuple(ARITIES)
MAX_STATES, MAX_NODES = 3, 24  # the largest of the benchmark's generator: 3 states and 21 other nodes


#: Nodes by any names: operation, and names of the inputs. The leaves are X and, for previous states, the result of `h`.
Graph = Mapping[Hashable, tuple[str, Sequence[Hashable]]]
X = "x"


def h(state: int) -> Hashable:
    """The name of a previous state in a graph."""
    return "h", state


@dataclass(frozen=True)
class Cell:
    """A cell in its canonical form: two are equal exactly if they differ in names and order alone.

    Sources are numbered: 0 is x, 1 to H the previous states, H + 1 + i the i-th node. A node comes after its inputs;
    inputs ascend except those of `blend`, whose order matters. Only `canonical` makes cells.
    """

    nodes: tuple[tuple[str, tuple[int, ...]], ...]  # operation, sources
    states: tuple[int, ...]  # index of the node that computes each new state


def canonical(graph: Graph, states: Sequence[Hashable]) -> Cell:
    """The cell of a graph whose k-th new state is the node `states[k]`.

    Nodes that no new state needs are dropped, as by the benchmark's generator. Nodes and states that never reach the
    output are kept: the benchmark trained them, and counts their parameters. Nodes that compute the same are kept too.
    Raises ValueError for a graph that is no cell of the space.
    """
    leaves = [X, *map(h, range(len(states)))]
    depths = _check(graph, states, leaves)
    vertices = [*leaves, *depths]
    number = {name: i for i, name in enumerate(vertices)}
    operations = [None] * len(leaves) + [graph[name][0] for name in depths]
    # Closed over time, the input of a previous state is the node of the new one.
    inputs = [(), *((number[node],) for node in states), *(tuple(number[i] for i in graph[name][1]) for name in depths)]
    kinds: list[tuple[int, ...]] = [(0,), (1,), *[(2,)] * (len(states) - 1)]  # x, h0, and the other states
    kinds += [(3, depth, OPERATIONS.index(graph[name][0])) for name, depth in depths.items()]
    candidates = (_renumbered(order, operations, inputs) for order in _orders(kinds, operations, inputs))
    return min(candidates, key=lambda cell: (cell.nodes, cell.states))


def _check(graph: Graph, states: Sequence[Hashable], leaves: Sequence[Hashable]) -> dict[Hashable, int]:
    """The nodes that the states need, each with its depth; a ValueError says what is wrong with the graph."""
    if not 1 <= len(states) <= MAX_STATES or len(set(states)) < len(states):
        raise ValueError(f"a cell has 1 to {MAX_STATES} states, each computed by a node of its own")
    depths: dict[Hashable, int] = {}
    read: set[Hashable] = set()

    def visit(name: Hashable, path: tuple[Hashable, ...]) -> int:
        """The longest way from a leaf to `name`."""
        if name in leaves and path:
            read.add(name)
            return 0
        if name not in depths:
            if name not in graph:
                raise ValueError(f"no node computes {name!r}")
            if name in path or len(path) > MAX_NODES:
                raise ValueError(f"a cycle, or more than {MAX_NODES} nodes")
            _check_node(*graph[name])
            depths[name] = 1 + max([visit(source, (*path, name)) for source in graph[name][1]])
        return depths[name]

    for state in states:
        visit(state, ())
    if len(depths) > MAX_NODES:
        raise ValueError(f"more than {MAX_NODES} nodes")
    if len(read) < len(leaves):
        raise ValueError("x and every previous state have to be read")
    return depths


def _check_node(operation: str, inputs: Sequence[Hashable]) -> None:
    if operation not in ARITIES:
        raise ValueError(f"unknown operation {operation!r} (known: {', '.join(OPERATIONS)})")
    if len(inputs) not in ARITIES[operation] or len(set(inputs)) < len(inputs):
        raise ValueError(f"{operation} takes {' or '.join(map(str, ARITIES[operation]))} distinct inputs")
    if X in inputs and operation != "linear":
        raise ValueError("only linear nodes can read x, whose size is not that of the states")


def _orders(
    kinds: Sequence[Any], operations: Sequence[str | None], inputs: Sequence[tuple[int, ...]]
) -> Iterator[list[int]]:
    """Orders of a graph's vertices, as the rank of each; they depend on nothing but its structure.

    Colour refinement: vertices are distinguished by their kind, then by the colours of their inputs and users until
    nothing changes. Where some remain alike, each of them in turn is given a colour of its own.
    """
    users: dict[int, list[tuple[int, int]]] = defaultdict(list)  # vertex, and position where it matters
    for user, sources in enumerate(inputs):
        for position, source in enumerate(sources):
            users[source].append((user, position if operations[user] == "blend" else 0))

    def refined(colours: Sequence[Any]) -> list[int]:
        rank = {colour: i for i, colour in enumerate(sorted(set(colours)))}
        ranks = [rank[colour] for colour in colours]
        signatures = []
        for vertex, own in enumerate(ranks):
            below = [ranks[source] for source in inputs[vertex]]
            above = sorted((ranks[user], position) for user, position in users[vertex])
            ordered = below if operations[vertex] == "blend" else sorted(below)
            signatures.append((own, tuple(ordered), tuple(above)))
        return ranks if len(set(signatures)) == len(rank) else refined(signatures)

    def search(colours: Sequence[Any]) -> Iterator[list[int]]:
        ranks = refined(colours)
        alike = [v for v, _ in sorted(enumerate(ranks), key=lambda pair: pair[1]) if ranks.count(ranks[v]) > 1]
        if not alike:
            yield ranks
            return
        first = [vertex for vertex in alike if ranks[vertex] == ranks[alike[0]]]
        # Of twins, which have the same inputs and users, one will do.
        for chosen in {(frozenset(inputs[v]), frozenset(users[v])): v for v in first}.values():
            yield from search([(rank, vertex != chosen) for vertex, rank in enumerate(ranks)])

    return search(kinds)


def _renumbered(order: list[int], operations: list[str | None], inputs: list[tuple[int, ...]]) -> Cell:
    """The cell whose sources are numbered by `order`: leaves first, and every node after its inputs."""
    first = operations.count(None)
    nodes, states = [], []
    for vertex in sorted(range(len(order)), key=order.__getitem__):
        operation, sources = operations[vertex], [order[source] for source in inputs[vertex]]
        if operation is not None:
            nodes.append((operation, tuple(sources if operation == "blend" else sorted(sources))))
        elif vertex > 0:
            states.append(sources[0] - first)
    return Cell(tuple(nodes), tuple(states))


def to_graph(cell: Cell) -> tuple[dict[Hashable, tuple[str, list[Hashable]]], list[Hashable]]:
    """The graph and the states of a cell, whose nodes are named by their indices."""
    names = [X, *map(h, range(len(cell.states))), *range(len(cell.nodes))]
    graph: dict[Hashable, tuple[str, list[Hashable]]] = {}
    for node, (operation, inputs) in enumerate(cell.nodes):
        graph[node] = operation, [names[source] for source in inputs]
    return graph, [*cell.states]
