"""The networks of NAS-Bench-201's cells for a value per pixel."""

from __future__ import annotations

from functools import partial

from gennas.spaces.common.nasbench201.cell import Architecture
from gennas.spaces.common.nasbench201.network import Cell, Network, size


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Network:
    """The network of a cell, with PyTorch's default initialisation from the global generator.

    It maps images (B, 3, H, W) to the features at the end of the three stages: (B, C, H, W), (B, 2C, H, W) and
    (B, 4C, H, W).
    """
    return Network(partial(Cell, architecture), *size(width, depth), partial(Cell, architecture, widening=2))
