"""The networks of NAS-Bench-101's cells."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from gennas.spaces.nasbench101.cell import MAX_INNER, OPERATIONS, Architecture

#: Width of the first stack, and cells per stack, of the networks that the benchmark trained.
BENCHMARK_CHANNELS, BENCHMARK_CELLS = 128, 3


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
