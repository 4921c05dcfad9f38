"""NDS's spaces of residual networks: three stages of identical blocks, after a stem.

Source: Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019 (table 1), and AnyNet
of its code base pycls.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from gennas.spaces.common.base import Vertex

if TYPE_CHECKING:
    from torch import nn


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

    name: str  # in the paper
    block: str  # the paper's name of it
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    ratios: tuple[int, ...] = (1,)
    groups: tuple[int, ...] = (1,)

    FAMILY: ClassVar[str] = "images"
    INPUT_SHAPE: ClassVar[tuple[int, ...]] = (1, 3, 32, 32)

    @property
    def _options(self) -> tuple[tuple[int, ...], ...]:
        """The values to draw each field of a stage from."""
        return self.depths, self.widths, self.ratios, self.groups

    @property
    def _keys(self) -> tuple[str, ...]:
        """What ids call the fields of a stage; a basic block has but two."""
        return ("ds", "ws", "rs", "gs")[: 4 if self.bottlenecks else 2]

    @property
    def bottlenecks(self) -> bool:
        """Whether its blocks are bottlenecks, with a ratio and groups of their own."""
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

    def graph(self, architecture: Architecture) -> dict[str, list[Vertex]]:
        """The stages, one after the other."""
        labels = ["images", f"stem, channels: {architecture.stem}"]
        for stage in architecture.stages:
            label = f"blocks: {stage.depth}, channels: {stage.width}"
            if self.bottlenecks:
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

    def build(self, architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> nn.Module:
        """See `Space.build`; always the network for small images."""
        from gennas.spaces.common.nds.anynet_network import Network  # imports torch, which takes seconds

        return Network((Stage(1, architecture.stem), *architecture.stages), self.bottlenecks, width, depth)
