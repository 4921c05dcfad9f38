"""NAS-Bench-101: cells of at most seven vertices and nine edges, each inner vertex one of three operations.

Source: Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019, and
its code. 423,624 cells up to isomorphism; a network is a stem and three stacks of three cells at
128, 256 and 512 channels, with max-pooling between stacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gennas.spaces.nasbench101.cell import LABELS as LABELS
from gennas.spaces.nasbench101.cell import MAX_VERTICES
from gennas.spaces.nasbench101.cell import Architecture as Architecture
from gennas.spaces.nasbench101.cell import encode as encode
from gennas.spaces.nasbench101.cell import from_graph as from_graph
from gennas.spaces.nasbench101.cell import from_id as from_id
from gennas.spaces.nasbench101.cell import graph as graph
from gennas.spaces.nasbench101.cell import mutate as mutate
from gennas.spaces.nasbench101.cell import random_architecture as random_architecture
from gennas.spaces.nasbench101.cell import to_id as to_id
from gennas.spaces.nasbench101.growth import LEVELS as LEVELS
from gennas.spaces.nasbench101.growth import ROOT as ROOT
from gennas.spaces.nasbench101.growth import expansions as expansions
from gennas.spaces.nasbench101.population import population as population

if TYPE_CHECKING:
    from torch import nn

DECLARATION = {"family": "images"}
FAMILY = DECLARATION["family"]
INPUT_SHAPE = (1, 3, 32, 32)
VERTICES = MAX_VERTICES


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> nn.Module:
    """The network of a cell, see `network.build`."""
    from gennas.spaces.nasbench101 import network  # imports torch, which takes seconds

    return network.build(architecture, width, depth)
