"""PlainNet's architectures: their strings, and how to draw, change, encode and picture them. Imports no torch."""

from __future__ import annotations

import numpy as np

from gennas.spaces.common.base import Vertex

OPERATIONS = ("conv1", "conv3", "conv5", "pool3")

#: The operation of each stage, as an index.
Architecture = tuple[int, ...]


def to_id(architecture: Architecture) -> str:
    """For example ``conv3-conv5-pool3``."""
    return "-".join(OPERATIONS[operation] for operation in architecture)


def from_id(architecture_id: str) -> Architecture:
    """Parse `to_id`'s string; ValueError for anything it would not have written."""
    names = architecture_id.split("-")
    if len(names) != 3 or not set(names) <= set(OPERATIONS):
        raise ValueError(f"not three of {', '.join(OPERATIONS)}, joined by hyphens")
    return tuple(map(OPERATIONS.index, names))


def encode(architecture: Architecture) -> tuple[int, ...]:
    """The operations: two architectures are as far apart as they differ in many of them."""
    return architecture


def graph(architecture: Architecture) -> dict[str, list[Vertex]]:
    """The stages, one after the other."""
    labels = ["images", *(OPERATIONS[operation] for operation in architecture)]
    return {"network": [Vertex(label, (i - 1,) if i else ()) for i, label in enumerate(labels)]}


def random_architecture(rng: np.random.Generator) -> Architecture:
    """Draw each stage's operation."""
    return tuple(int(operation) for operation in rng.integers(len(OPERATIONS), size=3))


def mutate(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Another operation in one stage."""
    stage = int(rng.integers(3))
    others = [operation for operation in range(len(OPERATIONS)) if operation != architecture[stage]]
    return (*architecture[:stage], int(rng.choice(others)), *architecture[stage + 1 :])
