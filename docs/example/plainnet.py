"""PlainNet, the worked example of docs/add-a-search-space.md: 64 networks of three plain stages.

A stage is one of four operations, applied once; the next one has half the resolution and twice the
channels. The truth is in plainnet.csv, which measure.py made.
"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from gennas.errors import InputError
from gennas.files.fetch import File
from gennas.spaces import Trained, Vertex

OPERATIONS = ("conv1", "conv3", "conv5", "pool3")
CHANNELS = 16  # of the first stage
INPUT_SHAPE = (1, 3, 16, 16)
SOURCES = {
    "digits": (
        File(
            "plainnet/plainnet.csv",
            url=None,  # no public address: GENNAS_MIRROR has it
            sha256="ae4673695dc771e978d052b3de3644a7293c9ec0c82796ac8dc5f96a5789b059",
        ),
    )
}

#: The operation of each stage, as an index.
Architecture = tuple[int, ...]


def to_id(architecture: Architecture) -> str:
    """For example ``conv3-conv5-pool3``."""
    return "-".join(OPERATIONS[operation] for operation in architecture)


def from_id(architecture_id: str) -> Architecture:
    names = architecture_id.split("-")
    if len(names) != 3 or not set(names) <= set(OPERATIONS):
        raise ValueError(f"not three of {', '.join(OPERATIONS)}, joined by hyphens")
    return tuple(map(OPERATIONS.index, names))


def encode(architecture: Architecture) -> tuple[int, ...]:
    """The operations: two architectures are as far apart as they differ in many of them."""
    return architecture


def diagram(architecture: Architecture) -> dict[str, list[Vertex]]:
    """The stages, one after the other."""
    labels = ["images", *(OPERATIONS[operation] for operation in architecture)]
    return {"network": [Vertex(label, (i - 1,) if i else ()) for i, label in enumerate(labels)]}


def random_architecture(rng: np.random.Generator) -> Architecture:
    return tuple(int(operation) for operation in rng.integers(len(OPERATIONS), size=3))


def mutate(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Another operation in one stage."""
    stage = int(rng.integers(3))
    others = [operation for operation in range(len(OPERATIONS)) if operation != architecture[stage]]
    return (*architecture[:stage], int(rng.choice(others)), *architecture[stage + 1 :])


def operation(name: str, channels: int) -> nn.Module:
    """A convolution with batch norm and ReLU, or an average pooling."""
    size = int(name[-1])
    if name.startswith("pool"):
        return nn.AvgPool2d(size, stride=1, padding=size // 2, count_include_pad=False)
    convolution = nn.Conv2d(channels, channels, size, padding=size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU())


class Network(nn.Module):
    """Maps images (B, 3, H, W) to (B, C, H, W), (B, 2C, H/2, W/2), (B, 4C, H/4, W/4)."""

    def __init__(self, architecture: Architecture, channels: int, depth: int) -> None:
        super().__init__()
        self.channels = (channels, 2 * channels, 4 * channels)
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.stages = nn.ModuleList(
            nn.Sequential(*(operation(OPERATIONS[op], width) for _ in range(depth)))
            for op, width in zip(architecture, self.channels, strict=True)
        )
        self.reductions = nn.ModuleList(nn.Conv2d(width, 2 * width, 2, stride=2) for width in self.channels[:-1])

    def forward(self, images: Tensor) -> list[Tensor]:
        features = [self.stages[0](self.stem(images))]
        for reduction, stage in zip(self.reductions, list(self.stages)[1:], strict=True):
            features.append(stage(reduction(features[-1])))
        return features


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Network:
    return Network(architecture, max(1, round(CHANNELS * width)), max(1, round(depth)))


def read(source: str, paths: list[Path]) -> list[Trained]:
    """Rows `architecture,accuracy_percent` under a line of titles."""
    with paths[0].open(newline="", encoding="utf-8") as file:
        try:
            truth = {from_id(row["architecture"]): float(row["accuracy_percent"]) for row in csv.DictReader(file)}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{paths[0]}: not a table of architecture,accuracy_percent ({error})") from error
    every = itertools.product(range(len(OPERATIONS)), repeat=3)
    return [Trained(cell, {"digits_accuracy_percent": truth[cell]}) for cell in every if cell in truth]
