"""NAS-Bench-201: four-node cells whose six edges each carry one of five operations.

Source: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
Search", ICLR 2020. 5^6 = 15,625 cells; a network is a stem, three stages of identical cells at
C, 2C and 4C channels, and a residual down-sampling block between stages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gennas.spaces.common.nasbench201.canonical_form import alive as alive
from gennas.spaces.common.nasbench201.canonical_form import canonical as canonical
from gennas.spaces.common.nasbench201.cell import LABELS as LABELS
from gennas.spaces.common.nasbench201.cell import VERTICES as VERTICES
from gennas.spaces.common.nasbench201.cell import Architecture as Architecture
from gennas.spaces.common.nasbench201.cell import all_architectures as all_architectures
from gennas.spaces.common.nasbench201.cell import encode as encode
from gennas.spaces.common.nasbench201.cell import from_graph as from_graph
from gennas.spaces.common.nasbench201.cell import from_id as from_id
from gennas.spaces.common.nasbench201.cell import graph as graph
from gennas.spaces.common.nasbench201.cell import layers as layers
from gennas.spaces.common.nasbench201.cell import mutate as mutate
from gennas.spaces.common.nasbench201.cell import neighbours as neighbours
from gennas.spaces.common.nasbench201.cell import random_architecture as random_architecture
from gennas.spaces.common.nasbench201.cell import to_id as to_id
from gennas.spaces.common.nasbench201.growth import LEVELS as LEVELS
from gennas.spaces.common.nasbench201.growth import ROOT as ROOT
from gennas.spaces.common.nasbench201.growth import expansions as expansions

if TYPE_CHECKING:
    from torch import nn

DECLARATION = {"family": "images"}
FAMILY = DECLARATION["family"]
INPUT_SHAPE = (1, 3, 32, 32)
#: Networks of different cells can be trained as one; see `gennas.spaces.common.packing`.
PACKABLE = True


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> nn.Module:
    """The network of a cell, see `network.build`."""
    from gennas.spaces.common.nasbench201 import network  # imports torch, which takes seconds

    return network.build(architecture, width, depth)
