"""The networks of NDS's cell-based spaces, without classifier and auxiliary head.

Source: Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019, and the networks
of its code base pycls, which follow DARTS: a stem, then cells that take the outputs of the two
before them; two of the cells halve the resolution and double the channels. Initialised as torch does by default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from gennas.spaces.common.nds.genotypes import Genotype, output_nodes


def block(*convolutions: nn.Conv2d) -> nn.Sequential:
    """ReLU, convolutions in a row, batch normalisation."""
    return nn.Sequential(nn.ReLU(), *convolutions, nn.BatchNorm2d(convolutions[-1].out_channels))


def dense(channels: int, kernel: int, stride: int) -> nn.Sequential:
    """A block of one ordinary convolution."""
    return block(nn.Conv2d(channels, channels, kernel, stride, kernel // 2, bias=False))


def strips(channels: int, kernel: int, stride: int) -> nn.Sequential:
    """A block of a convolution along rows and one along columns, each with its axis of the stride."""
    along_rows = nn.Conv2d(channels, channels, (1, kernel), (1, stride), (0, kernel // 2), bias=False)
    along_columns = nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), (kernel // 2, 0), bias=False)
    return block(along_rows, along_columns)


def pointwise(inputs: int, outputs: int) -> nn.Sequential:
    """A block of one 1x1 convolution, which adapts a cell's input."""
    return block(nn.Conv2d(inputs, outputs, 1, bias=False))


def separable(channels: int, kernel: int, stride: int, dilation: int = 1) -> nn.Sequential:
    """A block of a depthwise and a 1x1 convolution."""
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)
    return block(depthwise, nn.Conv2d(channels, channels, 1, bias=False))


def twice_separable(channels: int, kernel: int, stride: int, dilation: int = 1) -> nn.Sequential:
    """Two separable blocks, of which the first has the stride."""
    return nn.Sequential(separable(channels, kernel, stride, dilation), separable(channels, kernel, 1, dilation))


def average(kernel: int, stride: int) -> nn.AvgPool2d:
    """The mean over the part of the window that lies in the image."""
    return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)


def maximum(kernel: int, stride: int) -> nn.MaxPool2d:
    """The maximum over a window."""
    return nn.MaxPool2d(kernel, stride, kernel // 2)


class Zero(nn.Module):
    """Zeros of the output's shape."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride] * 0


class FactorizedReduction(nn.Module):
    """Halves the resolution: one 1x1 convolution sees the even pixels, another the odd ones."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x.relu()
        shifted = pad(x, (-1, 1, -1, 1))  # one pixel up and to the left, zeros move in
        out: Tensor = self.norm(torch.cat([self.even(x), self.odd(shifted)], dim=1))
        return out


#: The module of an operation on a number of channels with a stride of 1 or 2.
OPERATIONS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "none": lambda channels, stride: Zero(stride),
    "skip_connect": lambda channels, stride: nn.Identity() if stride == 1 else FactorizedReduction(channels, channels),
    "avg_pool_3x3": lambda channels, stride: average(3, stride),
    "max_pool_3x3": lambda channels, stride: maximum(3, stride),
    "max_pool_5x5": lambda channels, stride: maximum(5, stride),
    "max_pool_7x7": lambda channels, stride: maximum(7, stride),
    "conv_1x1": lambda channels, stride: dense(channels, 1, stride),
    "conv_3x3": lambda channels, stride: dense(channels, 3, stride),
    "conv_3x1_1x3": lambda channels, stride: strips(channels, 3, stride),
    "conv_7x1_1x7": lambda channels, stride: strips(channels, 7, stride),
    "sep_conv_3x3": lambda channels, stride: twice_separable(channels, 3, stride),
    "sep_conv_5x5": lambda channels, stride: twice_separable(channels, 5, stride),
    "sep_conv_7x7": lambda channels, stride: twice_separable(channels, 7, stride),
    "dil_conv_3x3": lambda channels, stride: separable(channels, 3, stride, dilation=2),
    "dil_conv_5x5": lambda channels, stride: separable(channels, 5, stride, dilation=2),
    "dil_sep_conv_3x3": lambda channels, stride: twice_separable(channels, 3, stride, dilation=2),
}


class Cell(nn.Module):
    """Two inputs, each made to fit; nodes that sum two operations; the concatenation of some nodes.

    `before` is of the cell before the previous one, at twice the resolution when the previous one reduced it.
    """

    def __init__(
        self,
        genotype: Genotype,
        outputs: tuple[int, ...],
        inputs: tuple[int, int],
        channels: int,
        reduces: bool,
        previous_reduced: bool,
    ) -> None:
        super().__init__()
        adapt_before = FactorizedReduction if previous_reduced else pointwise
        self.adapt = nn.ModuleList([adapt_before(inputs[0], channels), pointwise(inputs[1], channels)])
        self.operations = nn.ModuleList(
            OPERATIONS[op](channels, 2 if reduces and source < 2 else 1) for op, source in genotype
        )
        self.sources = tuple(source for _, source in genotype)
        self.outputs = outputs

    def forward(self, before: Tensor, previous: Tensor) -> Tensor:
        nodes = [adapt(x) for adapt, x in zip(self.adapt, (before, previous), strict=True)]
        slots = zip(self.operations, self.sources, strict=True)
        for (left, left_source), (right, right_source) in zip(slots, slots, strict=True):
            nodes.append(left(nodes[left_source]) + right(nodes[right_source]))
        return torch.cat([nodes[node] for node in self.outputs], dim=1)


class Network(nn.Module):
    """The network for 32x32 images (pycls's NetworkCIFAR): `depth` cells, the reductions at 1/3 and 2/3 of them.

    `forward` maps images (B, 3, H, W) to the features before each reduction and at the end, as GenNAS taps
    them: (B, n C, H, W), (B, n 2C, H/2, W/2), (B, n 4C, H/4, W/4), where C is `width` and n the number of
    nodes that the last cell concatenates. Sizes are rounded up.
    """

    def __init__(self, normal: Genotype, reduction: Genotype, loose: bool, width: int, depth: int) -> None:
        super().__init__()
        self.reductions = (depth // 3, 2 * depth // 3)
        sizes = [3 * width, 3 * width]  # channels of the stem, twice, and of each cell
        self.stem = nn.Sequential(nn.Conv2d(3, sizes[0], 3, padding=1, bias=False), nn.BatchNorm2d(sizes[0]))
        self.cells = nn.ModuleList()
        channels = width
        for index in range(depth):
            reduces = index in self.reductions
            channels *= 2 if reduces else 1
            genotype = reduction if reduces else normal
            outputs = output_nodes(genotype, loose)
            inputs = (sizes[-2], sizes[-1])
            self.cells.append(Cell(genotype, outputs, inputs, channels, reduces, index - 1 in self.reductions))
            sizes.append(len(outputs) * channels)
        self.channels = tuple(sizes[index + 1] for index in (*self.reductions, depth))

    def forward(self, images: Tensor) -> list[Tensor]:
        before = previous = self.stem(images)
        features = []
        for index, cell in enumerate(self.cells):
            if index in self.reductions:
                features.append(previous)
            before, previous = previous, cell(before, previous)
        return [*features, previous]
