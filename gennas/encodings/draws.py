"""What an autoencoder makes of random latent vectors: how many are architectures, and how many different ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gennas.encodings.base import Measure
from gennas.encodings.graphs import Graphs, to_vertices

DRAWS = 10_000


def latent(means: Tensor, generator: torch.Generator) -> Tensor:
    """Normal draws (DRAWS, N, D) with the mean and deviation that each place has in `means` (B, N, D)."""
    deviation, mean = torch.std_mean(means, dim=0)
    return mean + deviation * torch.randn(DRAWS, *mean.shape, generator=generator)


def quality(graphs: Graphs, space: Any) -> list[Measure]:
    """Validity: the share of graphs that are architectures. Uniqueness: that of different ones among these."""
    valid = [*architectures(graphs, space)]
    count = len(graphs.operations)
    unique = len(set(valid)) / len(valid) if valid else 0.0
    return [
        Measure("validity", "draws", count, len(valid) / count),
        Measure("uniqueness", "valid draws", len(valid), unique),
    ]


def architectures(graphs: Graphs, space: Any) -> Iterator[str]:
    """The ids of the graphs that are architectures."""
    for operations, arcs in zip(*graphs, strict=True):
        try:
            architecture = space.from_graph(to_vertices(operations, arcs, space.LABELS))
        except ValueError:
            continue
        yield space.to_id(architecture)
