"""NAS-Bench-201: four-node cells whose six edges each carry one of five operations.

Source: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
Search", ICLR 2020. 5^6 = 15,625 cells; a network is a stem, three stages of identical cells at
C, 2C and 4C channels, and a residual down-sampling block between stages.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gennas.errors import InputError
from gennas.files import pickles
from gennas.files.documents import read_json
from gennas.files.fetch import File, PackageFile
from gennas.files.values import percentage
from gennas.spaces import Trained, Vertex
from gennas.spaces.common.packing import pack

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
#: (source node, target node) of each edge, in the order of the string form.
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
#: Width of the first stage, and cells per stage, of the networks that the benchmark trained.
BENCHMARK_CHANNELS, BENCHMARK_CELLS = 16, 5
INPUT_SHAPE = (1, 3, 32, 32)
#: Networks of different cells can be trained as one; see `gennas.spaces.common.packing`.
PACKABLE = True

#: One operation index per edge, in the order of `EDGES`.
Architecture = tuple[int, ...]
T = TypeVar("T")

# --- the string form ------------------------------------------------------------------------


def to_id(architecture: Architecture) -> str:
    """The benchmark's own string, e.g. ``|none~0|+|skip_connect~0|none~1|+|...|``."""
    edges = [f"{OPERATIONS[op]}~{source}" for op, (source, _) in zip(architecture, EDGES, strict=True)]
    return f"|{edges[0]}|+|{edges[1]}|{edges[2]}|+|{edges[3]}|{edges[4]}|{edges[5]}|"


def from_id(architecture_id: str) -> Architecture:
    """Parse `to_id`'s string. Raises ValueError for anything it would not have written."""
    names = re.findall(r"[|+]([a-z0-9_]+)~", architecture_id)
    unknown = set(names) - set(OPERATIONS)
    if unknown:
        raise ValueError(f"unknown operation {sorted(unknown)[0]!r} (known: {', '.join(OPERATIONS)})")
    architecture = tuple(OPERATIONS.index(name) for name in names)
    if len(architecture) != len(EDGES) or to_id(architecture) != architecture_id:
        raise ValueError("not a NAS-Bench-201 string of the form |op~0|+|op~0|op~1|+|op~0|op~1|op~2|")
    return architecture


def encode(architecture: Architecture) -> tuple[int, ...]:
    """The operation index of each edge."""
    return architecture


def diagram(architecture: Architecture) -> dict[str, list[Vertex]]:
    """The cell's nodes, each the sum of its edges; those that are `none` are left out."""
    vertices = [Vertex("input")]
    for node in (1, 2, 3):
        edges = [(op, s) for op, (s, t) in zip(architecture, EDGES, strict=True) if t == node and op]
        label = " + ".join(f"{OPERATIONS[op]}({source})" for op, source in edges)
        vertices.append(Vertex(label or "zeros", tuple(source for _, source in edges)))
    return {"cell": vertices}


def random_architecture(rng: np.random.Generator) -> Architecture:
    """Draw a cell uniformly from the 15,625."""
    return tuple(int(op) for op in rng.integers(len(OPERATIONS), size=len(EDGES)))


def mutate(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Replace the operation of one random edge by another one."""
    edge = int(rng.integers(len(EDGES)))
    others = [op for op in range(len(OPERATIONS)) if op != architecture[edge]]
    return (*architecture[:edge], int(rng.choice(others)), *architecture[edge + 1 :])


def all_architectures() -> list[Architecture]:
    """Every cell of the space, in lexicographic order of its operation indices."""
    return list(itertools.product(range(len(OPERATIONS)), repeat=len(EDGES)))


# --- the network ----------------------------------------------------------------------------


def conv_block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """ReLU, convolution without bias, batch normalisation."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


def operation(op: int, channels: int) -> nn.Module:
    """The module of a non-`none` operation."""
    match OPERATIONS[op]:
        case "skip_connect":
            return nn.Identity()
        case "nor_conv_1x1":
            return conv_block(channels, channels, 1)
        case "nor_conv_3x3":
            return conv_block(channels, channels, 3)
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    raise ValueError(f"operation {op} has no module")


class Cell(nn.Module):
    """Every node is the sum of its incoming edges; the last node is the output."""

    def __init__(self, architecture: Architecture, channels: int) -> None:
        super().__init__()
        self.edges = [(s, t) for (s, t), op in zip(EDGES, architecture, strict=True) if op]
        self.operations = nn.ModuleList(operation(op, channels) for op in architecture if op)

    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Tensor | None] = [x, None, None, None]  # None: a node without input is zero
        for (source, target), op in zip(self.edges, self.operations, strict=True):
            value = nodes[source]
            # On an all-zero node a convolution still adds its batch-norm shift, as in the benchmark.
            out = op(torch.zeros_like(x) if value is None else value)
            previous = nodes[target]
            nodes[target] = out if previous is None else previous + out
        return torch.zeros_like(x) if nodes[3] is None else nodes[3]

    @classmethod
    def pack(cls, cells: Sequence[Cell]) -> PackedCell:
        """See `gennas.spaces.common.packing.pack`."""
        return PackedCell(cells)


class PackedCell(nn.Module):
    """P cells at once: each edge's operations, each on the channels of the networks that have it there.

    The buffers are, for each operation, the positions of its networks in the pack.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        super().__init__()
        self.count = len(cells)
        self.edges: list[tuple[int, int]] = []
        self.operations = nn.ModuleList()
        for edge in EDGES:
            by_kind: dict[str, list[tuple[int, nn.Module]]] = {}
            for position, cell in enumerate(cells):
                for own, op in zip(cell.edges, cell.operations, strict=True):
                    if own == edge:
                        by_kind.setdefault(repr(op), []).append((position, op))
            for members in by_kind.values():
                self.edges.append(edge)
                self.operations.append(pack([op for _, op in members]))
                positions = torch.tensor([position for position, _ in members])
                self.register_buffer(f"members{len(self.edges) - 1}", positions)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(1, (self.count, -1))  # (B, P, C, H, W)
        nodes = [x, *(torch.zeros_like(x) for _ in range(3))]
        for (source, target), op, members in zip(self.edges, self.operations, self.buffers(False), strict=True):
            out = op(nodes[source].index_select(1, members).flatten(1, 2))  # (B, p * C, H, W), p of the P networks
            nodes[target].index_add_(1, members, out.unflatten(1, (len(members), -1)))
        return nodes[3].flatten(1, 2)


class MixedCell(nn.Module):
    """A cell with all operations on every edge, each weighed by its entry of `choices`, which `Supernet` sets."""

    choices: Tensor  # (edges, operations)

    def __init__(self, channels: int) -> None:
        super().__init__()
        #: Edge and operation of each module; `none` has none, for it adds nothing.
        self.places = [(edge, op) for edge in range(len(EDGES)) for op, name in enumerate(OPERATIONS) if name != "none"]
        self.operations = nn.ModuleList(operation(op, channels) for _, op in self.places)

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x, *(torch.zeros_like(x) for _ in range(3))]
        for (edge, op), module in zip(self.places, self.operations, strict=True):
            source, target = EDGES[edge]
            nodes[target] = nodes[target] + self.choices[edge, op] * module(nodes[source])
        return nodes[3]


class Reduction(nn.Module):
    """The benchmark's residual block of stride 2 that doubles the channels."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        outputs = 2 * inputs
        self.main = nn.Sequential(conv_block(inputs, outputs, 3, stride=2), conv_block(outputs, outputs, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.shortcut(x) + self.main(x)
        return out


class Network(nn.Module):
    """The skeleton without its classifier.

    `forward` maps images (B, 3, H, W) to the features at the end of the three stages:
    (B, C, H, W), (B, 2C, H/2, W/2), (B, 4C, H/4, W/4).
    """

    def __init__(self, make_cell: Callable[[int], nn.Module], channels: int, cells: int) -> None:
        super().__init__()
        self.channels = (channels, 2 * channels, 4 * channels)
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.stages = nn.ModuleList(nn.Sequential(*(make_cell(width) for _ in range(cells))) for width in self.channels)
        self.reductions = nn.ModuleList(Reduction(width) for width in self.channels[:-1])

    def forward(self, images: Tensor) -> list[Tensor]:
        features = [self.stages[0](self.stem(images))]
        for reduction, stage in zip(self.reductions, list(self.stages)[1:], strict=True):
            features.append(stage(reduction(features[-1])))
        return features


class Supernet(Network):
    """The network of every cell at once: `choose` says how much of each operation there is on each edge."""

    def __init__(self, channels: int, cells: int) -> None:
        super().__init__(MixedCell, channels, cells)
        self.choose(torch.full((len(EDGES), len(OPERATIONS)), 1 / len(OPERATIONS)))

    def choose(self, choices: Tensor) -> None:
        """Set the weights (edges, operations) of all cells; one-hot rows make the network of one architecture."""
        self.choices = choices
        for module in self.modules():
            if isinstance(module, MixedCell):
                module.choices = choices


def size(width: float, depth: float) -> tuple[int, int]:
    """Channels of the first stage, and cells per stage."""
    return max(1, round(BENCHMARK_CHANNELS * width)), max(1, round(BENCHMARK_CELLS * depth))


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Network:
    """The network of a cell, with PyTorch's default initialisation from the global generator."""
    return Network(partial(Cell, architecture), *size(width, depth))


def supernet(width: float = 1.0, depth: float = 1.0) -> Supernet:
    """All cells' networks in one, likewise initialised."""
    return Supernet(*size(width, depth))


# --- the ground truth -----------------------------------------------------------------------

_TABLES = "https://raw.githubusercontent.com/leeyeehoo/GenNAS-Zero/791b2b287d9007f781f90b8731624a833964d79f/data/nb201/"
SOURCES: dict[str, tuple[File | PackageFile, ...]] = {
    # Every cell trained on CIFAR-10, and what becomes of it on analogue hardware.
    "analog-nasbench": (
        PackageFile(
            "analog-nasbench",
            "0.1.3",
            "analognasbench/data.anb",
            sha256="85f3435b877aa2d36268d55ce07f6ff6d73643d17a840f1941745da5eb80db32",
        ),
    ),
    # Validation accuracies of NAS-Bench-201 itself, mean over its seeds.
    "nasbench201": (
        File(
            "nasbench201/cifar10valid.json",
            _TABLES + "cifar10valid.json",
            sha256="dbbee315739bd0c44acc0b1bb85c9e6396582cdb24f57f6debd8228782368bef",
        ),
        File(
            "nasbench201/cifar100.json",
            _TABLES + "cifar100.json",
            sha256="59128e7b0e634be4748b386915990bf762d916b667118eef5774cfafc43cd724",
        ),
        File(
            "nasbench201/tinyimagenet.json",
            _TABLES + "tinyimagenet.json",
            sha256="afeaf220f5ef6517442e73f166577db9bf38387a3e47a24ffa4b21662e92bc8d",
        ),
    ),
}
TABLE_LIMIT = 1 << 23  # bytes; the tables have 0.7 MB
MEND = "get the file again"
#: Column of each table of the source `nasbench201`, in the order of its files.
_TABLE_TARGETS = (
    "cifar10_validation_accuracy_percent",
    "cifar100_validation_accuracy_percent",
    "imagenet16_120_validation_accuracy_percent",
)

# analog-nasbench numbers operations and orders edges differently from NAS-Bench-201.
_ANALOG_OPERATIONS = (1, 0, 3, 2, 4)  # its 0 skip, 1 none, 2 conv3x3, 3 conv1x1, 4 avgpool
_ANALOG_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


class _Record(metaclass=pickles.Sealed):
    """Stands in for the classes of analog-nasbench's pickle: attributes and nothing else."""

    value: float  # of a drift measurement
    uncertainty: float


def from_analog(encoding: tuple[int, ...]) -> Architecture:
    """The architecture of an analog-nasbench tuple."""
    if not all(type(op) is int and 0 <= op < len(_ANALOG_OPERATIONS) for op in encoding):
        raise ValueError(f"{encoding!r} is not a cell")
    by_edge = {edge: _ANALOG_OPERATIONS[op] for edge, op in zip(_ANALOG_EDGES, encoding, strict=True)}
    return tuple(by_edge[edge] for edge in EDGES)


def _read_analog(path: Path) -> dict[Architecture, dict[str, float]]:
    """Accuracies per cell: fully trained on CIFAR-10, quantised, with analogue noise and drift."""
    allowed = {("analognasbench.data", name): _Record for name in ("Architecture", "DriftMeasurement")}
    with path.open("rb") as file:
        records = pickles.load(file, allowed)
    table = {from_analog(encoding): _analog_targets(record) for encoding, record in records.items()}
    if len({tuple(targets) for targets in table.values()}) > 1:
        raise ValueError("cells of different figures")
    return table


def _analog_targets(record: Any) -> dict[str, float]:
    """One column per figure; a drift measurement is a value and its uncertainty."""
    if not isinstance(record, _Record):
        raise ValueError(f"{record!r} is not the record of a cell")
    targets = {}
    for name, value in vars(record).items():
        if name == "architecture":
            continue
        if not re.fullmatch("[a-z0-9_]+", name):
            raise ValueError(f"{name!r} is not the name of a figure")
        target = f"cifar10_{name.removeprefix('baseline_accuracy') or 'accuracy'}_percent"
        if isinstance(value, _Record):
            targets[target] = percentage(value.value)
            targets[target.replace("_percent", "_uncertainty_percent")] = percentage(value.uncertainty)
        else:
            targets[target] = percentage(value)
    return targets


def _read_table(path: Path) -> dict[Architecture, float]:
    """Accuracies per cell; rows are [[[a], [b, c], [d, e, f]], accuracy], operations per node in our order."""
    table: dict[Architecture, float] = {}
    for nodes, accuracy in read_json(path, MEND, TABLE_LIMIT):
        cell = tuple(itertools.chain(*nodes))
        if cell in table:
            raise ValueError(f"{nodes} is listed twice")
        table[cell] = percentage(accuracy)
    return table


def _complete(path: Path, read_cells: Callable[[Path], dict[Architecture, T]]) -> dict[Architecture, T]:
    """What a file says of every cell of the space."""
    try:
        table = read_cells(path)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: not a table of NAS-Bench-201's cells ({error!r}); {MEND}") from error
    if table.keys() != set(all_architectures()):
        raise InputError(f"{path}: {len(table)} architectures, not the {len(all_architectures())}; {MEND}")
    return table


def read(source: str, paths: list[Path]) -> list[Trained]:
    """See `Space.read`; in lexicographic order of the operation indices."""
    if source == "analog-nasbench":
        table = _complete(paths[0], _read_analog)
        return [Trained(cell, table[cell]) for cell in all_architectures()]
    columns = {target: _complete(path, _read_table) for target, path in zip(_TABLE_TARGETS, paths, strict=True)}
    return [Trained(cell, {target: column[cell] for target, column in columns.items()}) for cell in all_architectures()]
