"""The networks of NAS-Bench-201's cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from gennas.spaces.common.nasbench201.cell import EDGES, OPERATIONS, Architecture
from gennas.spaces.common.packing import pack

#: Width of the first stage, and cells per stage, of the networks that the benchmark trained.
BENCHMARK_CHANNELS, BENCHMARK_CELLS = 16, 5


def conv_block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """ReLU, convolution without bias, batch normalisation."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


def operation(op: int, inputs: int, outputs: int) -> nn.Module:
    """The module of a non-`none` operation, by its channels.

    Skips and pooling begin with a 1x1 convolution where these differ.
    """
    match OPERATIONS[op]:
        case "skip_connect" if inputs == outputs:
            return nn.Identity()
        case "skip_connect":
            return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        case "nor_conv_1x1":
            return conv_block(inputs, outputs, 1)
        case "nor_conv_3x3":
            return conv_block(inputs, outputs, 3)
        case "avg_pool_3x3":
            pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
            return pool if inputs == outputs else nn.Sequential(conv_block(inputs, outputs, 1), pool)
    raise ValueError(f"operation {op} has no module")


class Cell(nn.Module):
    """Every node is the sum of its incoming edges; the last node is the output.

    The edges from the input multiply the channels by `widening`.
    """

    def __init__(self, architecture: Architecture, channels: int, widening: int = 1) -> None:
        super().__init__()
        self.widening = widening
        wide = widening * channels
        placed = [(edge, op) for edge, op in zip(EDGES, architecture, strict=True) if op]
        self.edges = [edge for edge, _ in placed]
        self.operations = nn.ModuleList(operation(op, wide if source else channels, wide) for (source, _), op in placed)

    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Tensor | None] = [x, None, None, None]  # None: a node without input is zero
        for (source, target), op in zip(self.edges, self.operations, strict=True):
            value = nodes[source]
            # On an all-zero node a convolution still adds its batch-norm shift, as in the benchmark.
            out = op(zeros(x, self.widening) if value is None else value)
            previous = nodes[target]
            nodes[target] = out if previous is None else previous + out
        return zeros(x, self.widening) if nodes[3] is None else nodes[3]

    @classmethod
    def pack(cls, cells: Sequence[Cell]) -> PackedCell:
        """See `gennas.spaces.common.packing.pack`."""
        return PackedCell(cells)


def zeros(x: Tensor, widening: int, dim: int = 1) -> Tensor:
    """A node without input: of x's shape, but for `widening` times the channels, which are its dimension `dim`."""
    return torch.zeros_like(torch.cat([x] * widening, dim) if widening > 1 else x)


class PackedCell(nn.Module):
    """P cells at once: each edge's operations, each on the channels of the networks that have it there.

    The buffers are, for each operation, the positions of its networks in the pack.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        super().__init__()
        self.count, self.widening = len(cells), cells[0].widening
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
        nodes = [x, *(zeros(x, self.widening, dim=2) for _ in range(3))]
        for (source, target), op, members in zip(self.edges, self.operations, self.buffers(False), strict=True):
            out = op(nodes[source].index_select(1, members).flatten(1, 2))  # (B, p * C, H, W), p of the P networks
            nodes[target].index_add_(1, members, out.unflatten(1, (len(members), -1)))
        return nodes[3].flatten(1, 2)


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
    (B, C, H, W), (B, 2C, H/2, W/2), (B, 4C, H/4, W/4). `make_reduction` makes what is between stages.
    """

    def __init__(
        self,
        make_cell: Callable[[int], nn.Module],
        channels: int,
        cells: int,
        make_reduction: Callable[[int], nn.Module] = Reduction,
    ) -> None:
        super().__init__()
        self.channels = (channels, 2 * channels, 4 * channels)
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.stages = nn.ModuleList(nn.Sequential(*(make_cell(width) for _ in range(cells))) for width in self.channels)
        self.reductions = nn.ModuleList(make_reduction(width) for width in self.channels[:-1])

    def forward(self, images: Tensor) -> list[Tensor]:
        features = [self.stages[0](self.stem(images))]
        for reduction, stage in zip(self.reductions, list(self.stages)[1:], strict=True):
            features.append(stage(reduction(features[-1])))
        return features


def size(width: float, depth: float) -> tuple[int, int]:
    """Channels of the first stage, and cells per stage."""
    return max(1, round(BENCHMARK_CHANNELS * width)), max(1, round(BENCHMARK_CELLS * depth))


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Network:
    """The network of a cell, with PyTorch's default initialisation from the global generator."""
    return Network(partial(Cell, architecture), *size(width, depth))
