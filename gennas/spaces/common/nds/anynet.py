"""NDS's spaces of residual networks: three stages of identical blocks, after a stem.

Source: Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019 (table 1), and AnyNet
of its code base pycls. The files list four stages, but the parameters and operations that they state are those of a
first stage that is the stem: on CIFAR-10 a 3x3 convolution; on ImageNet three of stride 2, of 32, 64 and 64 channels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import relu

from gennas.files.fetch import File
from gennas.spaces import Trained, Vertex
from gennas.spaces.common.nds import files


class Stage(NamedTuple):
    """Residual blocks of one width."""

    depth: int  # blocks
    width: int  # channels
    ratio: int = 1  # of that width to the width of the bottleneck
    groups: int = 1  # of the bottleneck's 3x3 convolution


class Architecture(NamedTuple):
    """What a file's four stages say."""

    stem: int  # the width of the first one
    stages: tuple[Stage, ...]  # the other three


# --- the network ----------------------------------------------------------------------------

#: GenNAS builds the first of the four stages as one dense block, after a stem of its own, and so does this.
STEM_WIDTH = 12
STRIDES = (1, 1, 2, 2)
TAPPED_STAGES = 3  # the last ones


def scaled(number: int, factor: float) -> int:
    """A width or depth times its factor, at least 1."""
    return max(1, round(number * factor))


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution without bias, batch normalisation; weights drawn by fan-out (He), as in pycls."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


def basic(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """The residual branch of a ResNet."""
    return nn.Sequential(
        convolution(inputs, outputs, 3, stride), nn.ReLU(inplace=True), convolution(outputs, outputs, 3)
    )


def bottleneck(inputs: int, inner: int, outputs: int, stride: int, groups: int) -> nn.Sequential:
    """The residual branch of a ResNeXt."""
    return nn.Sequential(
        convolution(inputs, inner, 1),
        nn.ReLU(inplace=True),
        convolution(inner, inner, 3, stride, groups),
        nn.ReLU(inplace=True),
        convolution(inner, outputs, 1),
    )


class Block(nn.Module):
    """A residual block that begins with the ReLU that pycls ends the previous one with.

    So a stage's output is what GenNAS taps: the sum before its ReLU.
    """

    def __init__(self, branch: nn.Sequential, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branch = branch
        unchanged = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if unchanged else convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(x)
        out: Tensor = self.shortcut(x) + self.branch(x)
        return out


class Network(nn.Module):
    """A stem and stages of the given depths and widths, all of them times a factor; no classifier.

    `forward` maps images (B, 3, H, W) to the features at the end of the last three stages:
    (B, w2, H, W), (B, w3, H/2, W/2), (B, w4, H/4, W/4).
    """

    def __init__(self, stages: Sequence[Stage], bottlenecks: bool, width: float, depth: float) -> None:
        super().__init__()
        inputs = scaled(STEM_WIDTH, width)
        self.stem = convolution(3, inputs, 3)
        self.stages = nn.ModuleList()
        for stage, first_stride in zip(stages, STRIDES, strict=True):
            outputs = scaled(stage.width, width)
            # Scaled by groups, so that they still divide it.
            inner = stage.groups * scaled(stage.width // stage.ratio // stage.groups, width)
            blocks = nn.Sequential()
            for stride in [first_stride, *[1] * (scaled(stage.depth, depth) - 1)]:
                if bottlenecks:
                    branch = bottleneck(inputs, inner, outputs, stride, stage.groups)
                else:
                    branch = basic(inputs, outputs, stride)
                blocks.append(Block(branch, inputs, outputs, stride))
                inputs = outputs
            self.stages.append(blocks)
        self.channels = tuple(scaled(stage.width, width) for stage in stages[-TAPPED_STAGES:])

    def forward(self, images: Tensor) -> list[Tensor]:
        features = [self.stem(images)]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features[-TAPPED_STAGES:]


# --- the space ------------------------------------------------------------------------------

CIFAR10_STEM = 16
STEM_WIDTHS = range(8, 257, 8)  # that an id may have
_NUMBERS = "([1-9][0-9]{0,3}),([1-9][0-9]{0,3}),([1-9][0-9]{0,3})"


def steps(value: int, grid: Sequence[int], unit: int) -> Iterator[int]:
    """`value` in unary, in units: an entry per step of the grid, filled up to where the value lies."""
    return (min(max(value - low, 0), high - low) // unit for low, high in pairwise(grid))


@dataclass(frozen=True)
class AnyNetSpace:
    """A search space, see `gennas.spaces.Space`.

    Depths and widths are drawn from the grids of the paper. An id may have those in between, widths by steps of the
    grid's greatest common divisor, so that no file is refused for the grid's rounding.
    """

    name: str  # of its files
    block: str  # its name in the files
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    ratios: tuple[int, ...] = (1,)
    groups: tuple[int, ...] = (1,)

    INPUT_SHAPE: ClassVar[tuple[int, ...]] = (1, 3, 32, 32)

    @property
    def SOURCES(self) -> Mapping[str, tuple[File, ...]]:
        return files.sources(self.name)

    @property
    def _options(self) -> tuple[tuple[int, ...], ...]:
        """The values to draw each field of a stage from."""
        return self.depths, self.widths, self.ratios, self.groups

    @property
    def _keys(self) -> tuple[str, ...]:
        """What ids call the fields of a stage; a basic block has but two."""
        return ("ds", "ws", "rs", "gs")[: 4 if self._bottlenecks else 2]

    @property
    def _bottlenecks(self) -> bool:
        return self.block == "res_bottleneck_block"

    @property
    def _unit(self) -> int:
        """All widths are multiples of it."""
        return math.gcd(*self.widths)

    def to_id(self, architecture: Architecture) -> str:
        """Depths, widths, ratios and groups of the stages: ``stem=16;ds=2,2,4;ws=16,128,64;rs=4,2,1;gs=2,4,1``."""
        columns = zip(*architecture.stages, strict=True)
        fields = (f"{key}={','.join(map(str, column))}" for key, column in zip(self._keys, columns, strict=False))
        return ";".join([f"stem={architecture.stem}", *fields])

    def from_id(self, architecture_id: str) -> Architecture:
        """Parse `to_id`'s string. Raises ValueError for anything it would not have written."""
        pattern = "stem=([1-9][0-9]{0,2})" + "".join(f";{key}={_NUMBERS}" for key in self._keys)
        match = re.fullmatch(pattern, architecture_id)
        if not match:
            raise ValueError(f"not of the form stem=n;{';'.join(f'{key}=n,n,n' for key in self._keys)}")
        stem, *numbers = map(int, match.groups())
        architecture = Architecture(stem, tuple(Stage(*numbers[index::3]) for index in range(3)))
        self._check(architecture)
        return architecture

    def _check(self, architecture: Architecture) -> None:
        """Raise ValueError for an architecture that is not of the space."""
        if architecture.stem not in STEM_WIDTHS:
            raise ValueError(f"no stem is {architecture.stem} channels wide")
        for stage in architecture.stages:
            if not self.depths[0] <= stage.depth <= self.depths[-1]:
                raise ValueError(f"a stage of {self.name} has {self.depths[0]} to {self.depths[-1]} blocks")
            if stage.width not in range(self.widths[0], self.widths[-1] + 1, self._unit):
                low, high = self.widths[0], self.widths[-1]
                raise ValueError(f"widths of {self.name} are multiples of {self._unit} from {low} to {high}")
            if stage.ratio not in self.ratios or stage.groups not in self.groups:
                raise ValueError(f"{self.name} has the ratios {self.ratios} and groups {self.groups}")

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """The stem's width in eights; each stage's fields in unary, one position per step of the grid."""
        units = (1, self._unit, 1, 1)
        unary = (
            step
            for stage in architecture.stages
            for value, grid, unit in zip(stage, self._options, units, strict=True)
            for step in steps(value, grid, unit)
        )
        return (architecture.stem // STEM_WIDTHS.step, *unary)

    def diagram(self, architecture: Architecture) -> dict[str, list[Vertex]]:
        """The stages, one after the other."""
        labels = ["images", f"stem, channels: {architecture.stem}"]
        for stage in architecture.stages:
            label = f"blocks: {stage.depth}, channels: {stage.width}"
            if self._bottlenecks:
                label += f", bottleneck: 1/{stage.ratio}, groups: {stage.groups}"
            labels.append(label)
        return {"network": [Vertex(label, (i - 1,) if i else ()) for i, label in enumerate(labels)]}

    def random_architecture(self, rng: np.random.Generator) -> Architecture:
        """Draw every field of every stage uniformly from the paper's grid; the stem is that of CIFAR-10."""
        return Architecture(
            CIFAR10_STEM, tuple(Stage(*(int(rng.choice(options)) for options in self._options)) for _ in range(3))
        )

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Replace one field of one stage by another value of its grid."""
        index = int(rng.integers(len(architecture.stages)))
        stages, stage = list(architecture.stages), list(architecture.stages[index])
        field = int(rng.choice([field for field, options in enumerate(self._options) if len(options) > 1]))
        stage[field] = int(rng.choice([value for value in self._options[field] if value != stage[field]]))
        stages[index] = Stage(*stage)
        return Architecture(architecture.stem, tuple(stages))

    def build(self, architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Network:
        """See `Space.build`; always the network for small images."""
        return Network((Stage(1, architecture.stem), *architecture.stages), self._bottlenecks, width, depth)

    def parse(self, net: Any) -> Architecture:
        """The architecture of a file's `net`. Raises ValueError for one that is not of the space.

        Its `num_gs` are numbers of groups, as its parameters show (the code that GenNAS uses takes them for widths
        of groups); its first stage has no bottleneck (a multiplier of 0 or 1).
        """
        ratio = {1 / ratio: ratio for ratio in self.ratios}
        try:
            columns = [net["ds"], net["ws"]]
            if self._bottlenecks:
                columns += [[net["bot_muls"][0] or 1, *(ratio[value] for value in net["bot_muls"][1:])], net["num_gs"]]
            first, *stages = (Stage(*fields) for fields in zip(*columns, strict=True))
            block, strides = net["block_type"], net["ss"]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(f"not a network of {self.name} ({error!r})") from error
        if block != self.block or strides not in ([1, 1, 2, 2], [8, 1, 2, 2]) or first != Stage(1, first.width):
            raise ValueError(f"not a stem and stages of {self.block} with strides 1, 2 and 2")
        raw = Architecture(first.width, tuple(stages))
        architecture = self.from_id(self.to_id(raw))
        if architecture != raw:  # "16" for 16
            raise ValueError("a network with values of other types")
        return architecture

    def read(self, source: str, paths: list[Path]) -> list[Trained]:
        """See `Space.read`: the accuracies of the networks trained on the source's data set."""
        return files.read(source, paths, self.parse)
