"""NAS-Bench-101: cells of at most seven vertices and nine edges, each inner vertex one of three operations.

Source: Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, and
its code. 423,624 cells up to isomorphism; a network is a stem and three stacks of three cells at
128, 256 and 512 channels, with max-pooling between stacks.
"""

from __future__ import annotations

import base64
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import permutations
from operator import add
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn

from gennas.errors import InputError
from gennas.files import tfrecord
from gennas.files.documents import parse_json, read_json
from gennas.files.fetch import File, PackageFile
from gennas.files.values import count, up_to
from gennas.spaces import Trained, Vertex

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
MAX_VERTICES, MAX_EDGES = 7, 9
MAX_INNER = MAX_VERTICES - 2
#: (source, target) of each possible edge: the upper triangle of the adjacency matrix, column by column.
EDGES = tuple((source, target) for target in range(MAX_VERTICES) for source in range(target))
#: Width of the first stack, and cells per stack, of the networks that the benchmark trained.
BENCHMARK_CHANNELS, BENCHMARK_CELLS = 128, 3
INPUT_SHAPE = (1, 3, 32, 32)

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A cell as `canonical` makes it: equal exactly when isomorphic.

    Vertex 0 is the input and the last one the output; those between have one operation each.
    """

    operations: tuple[int, ...]  # index into OPERATIONS of vertices 1, 2, ...
    edges: tuple[Edge, ...]  # in the order of EDGES

    @property
    def output(self) -> int:
        """The last vertex."""
        return len(self.operations) + 1

    def sources(self, target: int) -> list[int]:
        """The vertices with an edge to `target`, ascending."""
        return [source for source, t in self.edges if t == target]


# --- the space ------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 16)
def _smallest_order(vertices: int, edges: tuple[Edge, ...]) -> tuple[tuple[Edge, ...], list[tuple[int, ...]]]:
    """The smallest edges among all topological orders of a graph, and the orders of the inner vertices that give them.

    Smallest as a binary number whose lowest bit is the first of EDGES.
    """
    found: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for order in permutations(range(1, vertices - 1)):
        position = {vertex: i for i, vertex in enumerate((0, *order, vertices - 1))}
        relabelled = [(position[source], position[target]) for source, target in edges]
        if all(source < target for source, target in relabelled):
            found[sum(1 << EDGES.index(edge) for edge in relabelled)].append(order)
    smallest = min(found)
    return tuple(edge for i, edge in enumerate(EDGES) if smallest >> i & 1), found[smallest]


def canonical(operations: Sequence[int], edges: Iterable[Edge]) -> Architecture:
    """The architecture of a cell whose edges all lead from a lower to a higher vertex.

    Vertices that are not on a path from the input to the output are removed. Of all isomorphic cells
    it is the one that the benchmark lists and trained: the order of vertices matters where channels
    do not divide evenly. The benchmark enumerates the edges as binary numbers, then the operations,
    and keeps the first of each kind. Raises ValueError for a cell outside the space.
    """
    ascending = sorted(set(edges))
    from_input, to_output = {0}, {len(operations) + 1}
    for source, target in ascending:
        if source in from_input:
            from_input.add(target)
    for source, target in reversed(ascending):
        if target in to_output:
            to_output.add(source)
    if 0 not in to_output:
        raise ValueError("a cell whose input is not connected to its output")
    kept = sorted(from_input & to_output)
    number = {vertex: i for i, vertex in enumerate(kept)}
    pruned = tuple((number[s], number[t]) for s, t in ascending if s in number and t in number)
    if len(kept) > MAX_VERTICES or len(pruned) > MAX_EDGES:
        raise ValueError(f"a cell of more than {MAX_VERTICES} vertices or {MAX_EDGES} edges")
    inner = [operations[vertex - 1] for vertex in kept[1:-1]]
    smallest, orders = _smallest_order(len(kept), pruned)
    return Architecture(min(tuple(inner[vertex - 1] for vertex in order) for order in orders), smallest)


def to_id(architecture: Architecture) -> str:
    """Each vertex and where its input comes from, e.g. ``conv3x3-bn-relu~0|maxpool3x3~0+1|output~1+2``."""
    names = [*(OPERATIONS[op] for op in architecture.operations), "output"]
    sources = ["+".join(map(str, architecture.sources(target))) for target in range(1, len(names) + 1)]
    return "|".join(f"{name}~{source}" for name, source in zip(names, sources, strict=True))


_VERTEX = re.compile(r"([a-z0-9-]+)~([0-5](?:\+[0-5])*)")


def from_id(architecture_id: str) -> Architecture:
    """Parse `to_id`'s string. Raises ValueError for anything it would not have written."""
    parts = architecture_id.split("|", MAX_VERTICES)
    vertices = [match.groups() for part in parts if (match := _VERTEX.fullmatch(part))]
    if len(vertices) < len(parts) or len(parts) >= MAX_VERTICES:
        raise ValueError("not a NAS-Bench-101 cell of the form conv3x3-bn-relu~0|maxpool3x3~0+1|output~1+2")
    *names, last = (name for name, _ in vertices)
    unknown = set(names) - set(OPERATIONS)
    if unknown:
        raise ValueError(f"unknown operation {min(unknown)!r} (known: {', '.join(OPERATIONS)})")
    edges = [(int(source), target) for target, (_, s) in enumerate(vertices, start=1) for source in s.split("+")]
    if last != "output" or any(source >= target for source, target in edges):
        raise ValueError("a cell without output at its end, or with an edge that does not lead forward")
    architecture = canonical([OPERATIONS.index(name) for name in names], edges)
    if to_id(architecture) != architecture_id:
        raise ValueError(f"not canonical; this cell is written {to_id(architecture)}")
    return architecture


def encode(architecture: Architecture) -> tuple[int, ...]:
    """The upper triangle of the adjacency matrix (21 bits), and the operations (0 for none), of seven vertices.

    The output is always the seventh, so that edges to it are the same bits for cells of all sizes.
    """
    present = {(s, MAX_VERTICES - 1 if t == architecture.output else t) for s, t in architecture.edges}
    operations = [op + 1 for op in architecture.operations]
    return (*(int(edge in present) for edge in EDGES), *operations, *[0] * (MAX_INNER - len(operations)))


def diagram(architecture: Architecture) -> dict[str, list[Vertex]]:
    """The cell's vertices; an operation reads the sum of its sources."""
    labels = ["input", *(OPERATIONS[op] for op in architecture.operations), "output"]
    return {"cell": [Vertex(label, tuple(architecture.sources(i))) for i, label in enumerate(labels)]}


def random_architecture(rng: np.random.Generator) -> Architecture:
    """Draw a cell as the benchmark's authors do: random edges and operations, until they are valid."""
    while True:
        present = rng.integers(2, size=len(EDGES))
        operations = rng.integers(len(OPERATIONS), size=MAX_INNER).tolist()
        with suppress(ValueError):
            return canonical(operations, [edge for edge, bit in zip(EDGES, present, strict=True) if bit])


def _spread(architecture: Architecture, rng: np.random.Generator) -> tuple[list[int], set[Edge]]:
    """Operations and edges of the cell with seven vertices: unconnected ones are added at random places."""
    places = sorted(rng.choice(range(1, MAX_VERTICES - 1), size=len(architecture.operations), replace=False).tolist())
    operations = rng.integers(len(OPERATIONS), size=MAX_INNER).tolist()
    for place, op in zip(places, architecture.operations, strict=True):
        operations[place - 1] = op
    moved = (0, *places, MAX_VERTICES - 1)
    return operations, {(moved[source], moved[target]) for source, target in architecture.edges}


def mutate(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Change the cell as the benchmark's authors do, until it is valid and another one.

    Of seven vertices, each edge is flipped with probability 1/7, each operation replaced with 1/5.
    """
    while True:
        operations, edges = _spread(architecture, rng)
        steps = rng.integers(1, len(OPERATIONS), size=MAX_INNER) * (rng.random(MAX_INNER) < 1 / MAX_INNER)
        operations = [(op + step) % len(OPERATIONS) for op, step in zip(operations, steps.tolist(), strict=True)]
        flips = rng.random(len(EDGES)) < 1 / MAX_VERTICES
        edges ^= {edge for edge, flip in zip(EDGES, flips, strict=True) if flip}
        with suppress(ValueError):
            child = canonical(operations, edges)
            if child != architecture:
                return child


# --- the network ----------------------------------------------------------------------------


def conv_bn_relu(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Convolution without bias, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def operation(op: int, channels: int) -> nn.Module:
    """The module of an inner vertex."""
    match OPERATIONS[op]:
        case "conv3x3-bn-relu":
            return conv_bn_relu(channels, channels, 3)
        case "conv1x1-bn-relu":
            return conv_bn_relu(channels, channels, 1)
        case _:
            return nn.MaxPool2d(3, stride=1, padding=1)


def vertex_channels(architecture: Architecture, inputs: int, outputs: int) -> list[int]:
    """The channels of every vertex.

    The output's inner sources share its channels, the first ones taking one more where they do not
    divide evenly; any other inner vertex has the channels of its widest target.
    """
    channels = [inputs, *[0] * len(architecture.operations), outputs]
    concatenated = [source for source in architecture.sources(architecture.output) if source]
    for i, vertex in enumerate(concatenated):
        channels[vertex] = outputs // len(concatenated) + (i < outputs % len(concatenated))
    for vertex in reversed(range(1, architecture.output)):
        if vertex not in concatenated:
            channels[vertex] = max(channels[target] for source, target in architecture.edges if source == vertex)
    return channels


class Cell(nn.Module):
    """Inner vertices add their inputs; the output concatenates them and adds the cell's input.

    The cell's input passes a 1x1 projection on each of its edges; a vertex uses as many channels of
    another one as it has itself.
    """

    def __init__(self, architecture: Architecture, inputs: int, outputs: int) -> None:
        super().__init__()
        self.channels = vertex_channels(architecture, inputs, outputs)
        vertices = range(architecture.output + 1)
        self.inner_sources = [[source for source in architecture.sources(v) if source] for v in vertices]
        self.projections = nn.ModuleDict(
            {str(v): conv_bn_relu(inputs, self.channels[v], 1) for v in vertices if 0 in architecture.sources(v)}
        )
        self.operations = nn.ModuleList(
            operation(op, self.channels[v]) for v, op in enumerate(architecture.operations, start=1)
        )

    def projected(self, x: Tensor, target: int) -> list[Tensor]:
        """What comes from the cell's input: one tensor, or none without an edge."""
        return [self.projections[str(target)](x)] if str(target) in self.projections else []

    def forward(self, x: Tensor) -> Tensor:
        vertices = [x]
        for v, op in enumerate(self.operations, start=1):
            inner = [vertices[source][:, : self.channels[v]] for source in self.inner_sources[v]]
            vertices.append(op(reduce(add, inner + self.projected(x, v))))
        concatenated = [vertices[source] for source in self.inner_sources[-1]]
        inner = [torch.cat(concatenated, dim=1)] if concatenated else []
        return reduce(add, inner + self.projected(x, len(vertices)))


class Network(nn.Module):
    """The skeleton without its classifier.

    `forward` maps images (B, 3, H, W) to the features at the end of the three stacks:
    (B, C, H, W), (B, 2C, H/2, W/2), (B, 4C, H/4, W/4).
    """

    def __init__(self, architecture: Architecture, channels: int, cells: int) -> None:
        super().__init__()
        self.channels = (channels, 2 * channels, 4 * channels)
        self.stem = conv_bn_relu(3, channels, 3)
        self.stacks = nn.ModuleList(
            nn.Sequential(*(Cell(architecture, width if i else before, width) for i in range(cells)))
            for before, width in zip((channels, *self.channels), self.channels, strict=False)
        )
        self.downsample = nn.MaxPool2d(2, ceil_mode=True)  # TensorFlow's "same" padding
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> list[Tensor]:
        features = [self.stacks[0](self.stem(images))]
        for stack in list(self.stacks)[1:]:
            features.append(stack(self.downsample(features[-1])))
        return features


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Network:
    """The network of a cell, its convolutions initialised by fan-out as in GenNAS.

    It has at least five channels, one for each vertex that the output may concatenate. Batch
    normalisation keeps PyTorch's momentum, as in GenNAS: with the benchmark's, 0.003, its running
    statistics would say nothing after a hundred iterations.
    """
    channels = max(MAX_INNER, round(BENCHMARK_CHANNELS * width))
    return Network(architecture, channels, max(1, round(BENCHMARK_CELLS * depth)))


# --- the ground truth -----------------------------------------------------------------------

_TABLES = "https://raw.githubusercontent.com/leeyeehoo/GenNAS-Zero/791b2b287d9007f781f90b8731624a833964d79f/data/nb101/"
SOURCES: dict[str, tuple[File | PackageFile, ...]] = {
    # The cells of the paper's experiments: 2,500 and the 20 labelled ones on CIFAR-10, 500 on ImageNet.
    "gennas": (
        File(
            "nasbench101/nasbench1_2500.json",
            _TABLES + "nasbench1_2500.json",
            sha256="cc87cc0c5c2c20c6e9bb5adddd84db873ca97c1fa0b171bb1af13f8eed7844da",
        ),
        File(
            "nasbench101/nasbench1_20.json",
            _TABLES + "nasbench1_20.json",
            sha256="9e88c6fba724f216a163211bd99d26d2981ea4501d1050063a69d7fed3dad44b",
        ),
        File(
            "nasbench101/nasbench1_imgnet.json",
            _TABLES + "nasbench1_imgnet.json",
            sha256="68dbec138fb986c0304f8e0607a2d263204c26f5eb3cb42bcf6f1db7b3cd1e48",
        ),
    ),
    # The benchmark itself (523 MB): every cell, mean of three runs of 108 epochs.
    "official": (
        File(
            "nasbench101/nasbench_only108.tfrecord",
            "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",
            sha256="4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
        ),
    ),
}
VALIDATION, TEST, IMAGENET = (
    "cifar10_validation_accuracy_percent",
    "cifar10_test_accuracy_percent",
    "imagenet_accuracy_percent",
)
EPOCHS = 108
#: What reading a file of another form raises.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
TABLE_LIMIT = 1 << 23  # bytes of a table; the largest has 0.7 MB


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


def _read_table(path: Path, highest: float) -> dict[Architecture, float]:
    """Rows are [[adjacency matrix, names of the vertices], accuracy of at most `highest`]."""
    table: dict[Architecture, float] = {}
    try:
        for (matrix, names), accuracy in read_json(path, "fetch it again", TABLE_LIMIT):
            architecture = from_matrix(matrix, names)
            if architecture in table:
                raise ValueError(f"{to_id(architecture)} is listed twice")
            table[architecture] = up_to(highest, accuracy)
    except _MALFORMED as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not a table of NAS-Bench-101 cells ({reason}); fetch it again") from error
    return table


def _read_tables(paths: list[Path]) -> list[Trained]:
    """The tables released with GenNAS. Five cells have both targets.

    CIFAR-10: fractions, of one of the benchmark's three runs for the 2,500 cells, the mean of ten draws
    from these runs for the 20 labelled ones. Nothing says so, but the 2,500 are of the test set: failed
    runs, which predict one class, are right for 999 of 9,984 images, and for 949 of the validation set.
    The 20 are taken to be of it, too. ImageNet: percent.
    """
    evaluated, labelled, imagenet = map(_read_table, paths, (1, 1, 100))
    cifar10 = {architecture: 100 * fraction for architecture, fraction in (evaluated | labelled).items()}
    columns = {TEST: cifar10, IMAGENET: imagenet}
    return [
        Trained(
            architecture,
            {target: column[architecture] for target, column in columns.items() if architecture in column},
            labelled=architecture in labelled,
        )
        for architecture in cifar10 | imagenet
    ]


@lru_cache(maxsize=1024)  # a cell has three records
def _from_text(adjacency: str, names: str) -> Architecture:
    """The architecture of a matrix written row after row without separators, and of comma-separated names."""
    size = max(1, math.isqrt(len(adjacency)))
    matrix = [[int(bit) for bit in adjacency[i : i + size]] for i in range(0, len(adjacency), size)]
    return from_matrix(matrix, names.split(","))


def _read_run(message: bytes) -> tuple[float, float, int]:
    """Validation and test accuracy in percent, and trainable parameters, of a ModelMetrics message.

    Its fields: 1 the evaluations (before, halfway, after training), 2 the parameters. The fields of
    an evaluation: 4 the validation and 5 the test accuracy, as fractions.
    """
    metrics = tfrecord.decode(message)
    after = tfrecord.decode(metrics[1][2])
    return 100 * up_to(1, after[4][0]), 100 * up_to(1, after[5][0]), count(metrics[2][0], "field 2")


def _read_official(path: Path) -> list[Trained]:
    """Each record is JSON: [hash, epochs, adjacency matrix, operations, base64 of a ModelMetrics message]."""
    runs: dict[Architecture, list[tuple[float, float, int]]] = defaultdict(list)
    for number, record in enumerate(tfrecord.records(path), start=1):
        try:
            _, epochs, adjacency, names, message = parse_json(record)
            if epochs == EPOCHS:
                runs[_from_text(adjacency, names)].append(_read_run(base64.b64decode(message)))
        except _MALFORMED as error:
            reason = f"{type(error).__name__}: {error}"
            raise InputError(f"{path}: record {number} is no NAS-Bench-101 run ({reason}); fetch it again") from error
    if not runs:
        raise InputError(f"{path}: has no run of {EPOCHS} epochs; fetch it again")
    trained = []
    for architecture in list(runs):
        validation, test, parameters = zip(*runs.pop(architecture), strict=True)
        targets = {VALIDATION: fmean(validation), TEST: fmean(test)}
        trained.append(Trained(architecture, targets, parameters=parameters[0]))
    return trained


def read(source: str, paths: list[Path]) -> list[Trained]:
    """See `Space.read`; in the order of the files."""
    return _read_official(paths[0]) if source == "official" else _read_tables(paths)
