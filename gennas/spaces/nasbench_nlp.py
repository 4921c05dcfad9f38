"""NAS-Bench-NLP: recurrent cells as graphs, stacked three deep into a language model.

Source: Klyuchnikov et al., "NAS-Bench-NLP: Neural Architecture Search Benchmark for Natural Language Processing", IEEE
Access 2022, and the code and logs released with it: 14,322 random cells trained on Penn Treebank, some on WikiText-2.

A cell maps an input x and its previous states h0, h1, ... to its new states; h0 is also its output. Its nodes:

    linear      a weight matrix per input, and a bias; two or three inputs, of which x can be one
    blend       z * a + (1 - z) * b, of the inputs z, a, b in this order
    prod, sum   elementwise, of two inputs
    tanh, sigm, leaky_relu
"""

from __future__ import annotations

import hashlib
import math
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from gennas.errors import InputError
from gennas.files.documents import parse_json
from gennas.files.fetch import File, check_packing
from gennas.files.values import count, text, up_to
from gennas.spaces import Trained, Vertex
from gennas.spaces.common.recurrent import Network, compile_cell

ACTIVATIONS = ("tanh", "sigm", "leaky_relu")
#: Numbers of inputs that each operation takes.
ARITIES = {"linear": (2, 3), "blend": (3,), "prod": (2,), "sum": (2,), **dict.fromkeys(ACTIVATIONS, (1,))}
OPERATIONS = tuple(ARITIES)
MAX_STATES, MAX_NODES = 3, 24  # the largest of the benchmark's generator: 3 states and 21 other nodes

#: Sizes of the embedding and of the inner layers, and number of layers, of the networks that the benchmark trained.
BENCHMARK_INPUTS, BENCHMARK_HIDDEN, BENCHMARK_LAYERS = 400, 600, 3
INPUT_SHAPE = (8, 1, BENCHMARK_INPUTS)  # fewer tokens than the benchmark's 70, each of which costs the same

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


# --- the canonical form ---------------------------------------------------------------------


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

    Colour refinement: vertices are told apart by their kind, then by the colours of their inputs and users until
    nothing changes. Where some remain alike, each of them in turn is told apart from the others.
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


# --- the string form ------------------------------------------------------------------------


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


def diagram(architecture: Cell) -> dict[str, list[Vertex]]:
    """The cell's sources and nodes; a node that computes a new state is named after it."""
    vertices = [Vertex("x"), *(Vertex(f"previous h{k}") for k in range(len(architecture.states)))]
    named = {i: f"h{k} = " for k, i in enumerate(architecture.states)}
    for i, (operation, inputs) in enumerate(architecture.nodes):
        vertices.append(Vertex(f"{named.get(i, '')}{operation}({', '.join(map(str, inputs))})", inputs))
    return {"cell": vertices}


# --- features -------------------------------------------------------------------------------

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

    Counts are in unary form, so that cells are as far apart as their counts differ. The digest tells apart cells of
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


# --- drawing and changing cells ---------------------------------------------------------------

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


# --- the network ----------------------------------------------------------------------------


def build(architecture: Cell, width: float = 1.0, depth: float = 1.0) -> Network:
    """The network of a cell; `width` is a factor of all sizes, `depth` of the number of layers.

    Dropout is left out, and all weights can be trained. (In the released code those of states and nodes keep their
    initial values: its weight dropout wraps them in new parameters, of which the optimiser knows nothing.)
    """
    inputs, hidden = (max(1, round(size * width)) for size in (BENCHMARK_INPUTS, BENCHMARK_HIDDEN))
    program = compile_cell(architecture.nodes, architecture.states)
    return Network(program, inputs, hidden, layers=max(1, round(BENCHMARK_LAYERS * depth)))


# --- the ground truth -----------------------------------------------------------------------

_RELEASE = "https://raw.githubusercontent.com/fmsnew/nas-bench-nlp-release/a6d90a3b19e3966b1d009c0970b3761aa46707d1/"
_PTB = File(
    "nasbench-nlp-official/logs.zip",
    _RELEASE + "train_logs_single_run/logs.zip",
    git_blob="53e2e0dc72a1c22519b240e6d3fc77b513de7ea8",
    repacked=File(
        "nasbench-nlp/logs.zip", None, sha256="4542874806491cb31509abd28bbc820f4234e1a17239b1e3c44da3f5ac5fa14f"
    ),
)
_WIKITEXT2 = File(
    "nasbench-nlp-wikitext2/logs.zip",
    _RELEASE + "train_logs_wikitext-2/logs.zip",
    git_blob="7177f880232265cf4e16da0c907379ebaa35d568",
)
SOURCES: dict[str, tuple[File, ...]] = {
    "ptb": (_PTB,),
    "ptb+wikitext2": (_PTB, _WIKITEXT2),
}
_DATASETS = ("ptb", "wikitext2")  # of a source's files, in order
_LOGS_LIMIT, _LOG_LIMIT = 1 << 16, 1 << 16  # logs per archive, bytes per log; Penn Treebank's: 14,322 and 6,014


@dataclass(frozen=True)
class _Run:
    """One training: the lowest losses of its epochs in nats, and the size of the language model."""

    status: str
    validation: float
    test: float
    parameters: int


def _read_cell(nodes: Mapping[str, Mapping[str, Any]]) -> Cell:
    """The cell of a log: nodes by name, of which h_new_0, ... compute the states; inputs x, h_prev_0, ... or nodes."""
    graph: dict[Hashable, tuple[str, Sequence[Hashable]]] = {}
    for name, node in nodes.items():
        operation = node["op"].removeprefix("activation_").removeprefix("elementwise_")
        matches = [(source, re.fullmatch("h_prev_([0-9])", source)) for source in node["input"]]
        graph[name] = operation, [h(int(match[1])) if match else source for source, match in matches]
    states = sum(re.fullmatch("h_new_[0-9]", name) is not None for name in nodes)
    return canonical(graph, [f"h_new_{k}" for k in range(states)])


def _lowest(losses: Any) -> float:
    """The lowest loss of a training's epochs. Raises ValueError unless all of them are numbers."""
    if not (isinstance(losses, list) and losses):
        raise ValueError("finished without a loss")
    return min(up_to(math.inf, loss, "loss") for loss in losses)


def _read_log(content: bytes) -> tuple[Cell, _Run]:
    """A log is a JSON object; the cell in it is a string of JSON."""
    log = parse_json(content, finite=False)
    finished = log["status"] == "OK"
    validation, test = (_lowest(log[f"{part}_losses"]) if finished else math.inf for part in ("val", "test"))
    if finished and not (math.isfinite(validation) and math.isfinite(test)):
        raise ValueError("finished without a loss")
    run = _Run(
        "ok" if finished else text(log["status"], "status"), validation, test, count(log["num_params"], "num_params")
    )
    return _read_cell(parse_json(text(log["recepie"], "recepie"))), run


def _logs(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every log of a zip archive, one at a time: its members that end in .json, in whatever folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".json") and "__MACOSX" not in m.filename]
            if not 0 < len(members) <= _LOGS_LIMIT:
                raise ValueError(f"{len(members)} logs, not 1 to {_LOGS_LIMIT}")
            for member in members:
                if member.file_size > _LOG_LIMIT:
                    raise ValueError(f"{member.filename!r} has more than {_LOG_LIMIT} bytes")
                with archive.open(check_packing(member)) as file:
                    content = file.read(_LOG_LIMIT)  # of which zipfile unpacks no more, whatever size the member states
                yield member.filename, content
    except Exception as error:  # a broken archive can raise anything: BadZipFile, zlib.error, RuntimeError...
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: cannot be read as a zip archive of logs ({reason}); replace it") from error


def _read_archive(path: Path) -> Iterator[tuple[Cell, _Run]]:
    """The cell and the training of each log of an archive."""
    for name, content in _logs(path):
        try:
            yield _read_log(content)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise InputError(f"{path}: {name!r} is no log of NAS-Bench-NLP ({error!r}); replace it") from error


def _trained(cell: Cell, by_dataset: Mapping[str, list[_Run]]) -> Trained:
    """What became of a cell; its status is that of its trainings on the first data set there are any of."""
    targets: dict[str, float] = {}
    for dataset, runs in by_dataset.items():
        targets[f"{dataset}_log_perplexity"] = math.inf
        if finished := [run for run in runs if run.status == "ok"]:
            mean = fmean(run.validation for run in finished)
            targets[f"{dataset}_log_perplexity"] = targets[f"{dataset}_finished_log_perplexity"] = mean
            targets[f"{dataset}_finished_test_log_perplexity"] = fmean(run.test for run in finished)
    first = next(iter(by_dataset.values()))
    status = min((run.status for run in first), key=lambda status: status != "ok")
    return Trained(cell, targets, status, by_dataset["ptb"][0].parameters if "ptb" in by_dataset else None)


def read(source: str, paths: list[Path]) -> list[Trained]:
    """See `Space.read`; in the order of the logs, several of which can be of one cell with other names.

    Targets are the lowest loss of the epochs in nats per token, mean over a cell's finished trainings:
    `<data>_log_perplexity` on the validation text, infinite if none finished; `<data>_finished_log_perplexity`, the
    same, left out if none finished; and `<data>_finished_test_log_perplexity` on the test text, which GenNAS ranks by.
    `parameters` are those of the language model of Penn Treebank: also 10,000 embeddings and biases of the decoder.
    """
    runs: dict[Cell, dict[str, list[_Run]]] = {}
    for dataset, path in zip(_DATASETS, paths, strict=False):
        for cell, run in _read_archive(path):
            runs.setdefault(cell, {}).setdefault(dataset, []).append(run)
    return [_trained(cell, by_dataset) for cell, by_dataset in runs.items()]
