"""Cells of NAS-Bench-NLP: their strings and graphs, and how to draw, change and encode them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from gennas.spaces.common.base import Vertex
from gennas.spaces.nasbench_nlp.canonical_form import (
    ACTIVATIONS,
    ARITIES,
    MAX_NODES,
    MAX_STATES,
    OPERATIONS,
    Cell,
    Graph,
    X,
    canonical,
    h,
    to_graph,
)


def to_id(architecture: Cell) -> str:
    """One assignment per node, then one per new state; the tanh cell is ``n0=linear(x,h0);n1=tanh(n0);h0=n1``."""
    names = ["x", *(f"h{k}" for k in range(len(architecture.states))), *(f"n{i}" for i in range(MAX_NODES))]
    nodes = [f"{operation}({','.join(names[s] for s in inputs)})" for operation, inputs in architecture.nodes]
    assignments = [f"n{i}={node}" for i, node in enumerate(nodes)]
    return ";".join(assignments + [f"h{k}=n{i}" for k, i in enumerate(architecture.states)])


def from_id(architecture_id: str) -> Cell:
    """Parse `to_id`'s string. Raises ValueError for anything it would not have written."""
    graph: dict[Hashable, tuple[str, Sequence[Hashable]]] = {}
    states: list[Hashable] = []
    for assignment in architecture_id.split(";", MAX_NODES + MAX_STATES):
        if node := re.fullmatch(r"(n\d+)=(\w+)\(([\w,]+)\)", assignment, re.ASCII):
            name, operation, inputs = node.groups()
            graph[name] = operation, [h(int(i[1])) if re.fullmatch(r"h\d", i) else i for i in inputs.split(",")]
        elif state := re.fullmatch(r"h\d=(n\d+)", assignment, re.ASCII):
            states.append(state[1])
        else:
            raise ValueError("not a NAS-Bench-NLP string of the form n0=linear(x,h0);n1=tanh(n0);h0=n1")
    cell = canonical(graph, states)
    if to_id(cell) != architecture_id:
        raise ValueError(f"not the canonical string of this cell, which is {to_id(cell)}")
    return cell


def graph(architecture: Cell) -> dict[str, list[Vertex]]:
    """The cell's leaves, its nodes, and the new states; sources are in the order in which an operation takes them."""
    vertices = [Vertex("x"), *(Vertex(f"previous h{k}") for k in range(len(architecture.states)))]
    leaves = len(vertices)
    vertices += [Vertex(operation, inputs) for operation, inputs in architecture.nodes]
    vertices += [Vertex(f"h{k}", (leaves + node,)) for k, node in enumerate(architecture.states)]
    return {"cell": vertices}


#: What is counted, and up to how many: nodes, by operation; edges, by what they join; states, by what computes them.
_FEATURES: dict[tuple[str, ...], int] = {
    **{(operation,): 12 for operation in OPERATIONS},
    **{(source, user): 6 for source in ("h0", "h", *OPERATIONS) for user in OPERATIONS},
    ("x", "linear"): 6,
    **{(operation, "state", state): 2 for operation in OPERATIONS for state in ("h0", "h")},
}
_DIGEST = 8  # bytes


def encode(architecture: Cell) -> tuple[int, ...]:
    """Counts of nodes, edges and states, and a digest of the id.

    Counts are in unary form, so that cells are as far apart as their counts differ. The digest distinguishes cells of
    the same counts, up to a chance of 2^-64, and adds about as much to every distance.
    """
    kinds = ["x", "h0", *["h"] * (len(architecture.states) - 1), *(operation for operation, _ in architecture.nodes)]
    counts: Counter[tuple[str, ...]] = Counter()
    for operation, inputs in architecture.nodes:
        counts[operation,] += 1
        counts.update((kinds[source], operation) for source in inputs)
    counts.update((architecture.nodes[i][0], "state", "h" if k else "h0") for k, i in enumerate(architecture.states))
    unary = [int(counts[feature] > i) for feature, limit in _FEATURES.items() for i in range(limit)]
    digest = hashlib.blake2b(to_id(architecture).encode(), digest_size=_DIGEST).digest()
    return (*unary, *(byte - 128 for byte in digest))


# Of the benchmark's generator: the share of each operation, and the nodes besides those that become states.
_SHARES = {"linear": 1 / 2, "blend": 1 / 6, "prod": 1 / 6, "sum": 1 / 6}
_INTERMEDIATE = (7, 14, 21)
_THREE_INPUTS = 0.2  # share of the linear nodes


def random_architecture(rng: np.random.Generator) -> Cell:
    """Draw a cell as the benchmark's generator does, but one whose output can differ from zero (39 of 40 do).

    Nodes are drawn one after the other, a linear one together with the activation that follows it; some of them
    become the states. Drawn again until x and all states are read, but no old state by the node of a new one.
    """
    count = int(rng.integers(1, MAX_STATES + 1))
    budget = count + int(rng.choice(_INTERMEDIATE))
    while True:
        graph = _random_graph(count, budget, rng)
        states = [int(node) for node in rng.choice(len(graph), count, replace=False)]
        if any(h(k) in graph[node][1] for node in states for k in range(count)):
            continue
        try:
            cell = canonical(graph, states)
        except ValueError:  # x or a state is not read
            continue
        if not stays_zero(cell):
            return cell


def stays_zero(cell: Cell) -> bool:
    """Whether the output is zero at all times, because products and blends with a zero state keep it zero."""
    alive = [True] + [False] * len(cell.states)  # of the leaves: which can differ from zero by now
    for _ in cell.states:
        values = list(alive)
        for operation, inputs in cell.nodes:
            read = [values[source] for source in inputs]
            match operation:
                case "linear" | "sigm":  # which have a bias, or are one half at zero
                    values.append(True)
                case "prod":
                    values.append(all(read))
                case "blend":
                    values.append(read[2] or (read[0] and read[1]))
                case _:
                    values.append(any(read))
        alive = [True, *(values[len(alive) + node] for node in cell.states)]
    return not alive[1]


def _random_graph(states: int, budget: int, rng: np.random.Generator) -> Graph:
    """`budget` nodes, named by their indices."""
    previous = [h(k) for k in range(states)]
    graph: dict[Hashable, tuple[str, Sequence[Hashable]]] = {}
    activations: list[Hashable] = []
    while len(graph) < budget:
        operation = str(rng.choice([*_SHARES], p=[*_SHARES.values()]))
        if operation == "linear":
            readable = [X, *previous, *activations]
            count = min(3 if rng.random() < _THREE_INPUTS else 2, len(readable))
        else:
            readable = [*previous, *graph]
            count = min(ARITIES[operation])
        if count > len(readable):
            continue
        node = len(graph)
        graph[node] = operation, [readable[i] for i in rng.choice(len(readable), count, replace=False)]
        if operation == "linear" and len(graph) < budget:
            graph[node + 1] = str(rng.choice(ACTIVATIONS)), [node]
            activations.append(node + 1)
    return graph


def mutate(architecture: Cell, rng: np.random.Generator) -> Cell:
    """Change an operation, an input or the number of a linear node's inputs, or add or remove a node."""
    while True:
        try:
            child = canonical(*_changed(architecture, rng))
        except ValueError:  # not in the space
            continue
        if child != architecture and not stays_zero(child):
            return child


def _changed(cell: Cell, rng: np.random.Generator) -> tuple[Graph, list[Hashable]]:
    """The graph and the states of a cell after one random change, which may lead out of the space."""
    graph, states = to_graph(cell)
    readable = [X, *map(h, range(len(states))), *graph]

    def draw() -> Hashable:
        return readable[rng.integers(len(readable))]

    node = int(rng.integers(len(graph)))
    operation, inputs = graph[node]
    slot = int(rng.integers(len(inputs)))
    match ("operate", "rewire", "widen", "narrow", "insert", "remove")[rng.integers(6)]:
        case "operate":
            graph[node] = str(rng.choice(OPERATIONS)), inputs
        case "rewire":
            inputs[slot] = draw()
        case "widen":
            inputs.append(draw())
        case "narrow":
            inputs.pop(slot)
        case "insert":
            operation, new = str(rng.choice(OPERATIONS)), len(graph)
            graph[new] = operation, [inputs[slot], *(draw() for _ in range(min(ARITIES[operation]) - 1))]
            inputs[slot] = new
        case "remove":
            heir = inputs[slot]
            graph = {n: (o, [heir if s == node else s for s in sources]) for n, (o, sources) in graph.items()}
            states = [heir if state == node else state for state in states]
    return graph, states
