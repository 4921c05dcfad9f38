"""NAS-Bench-201's cells in the network that NAS-Bench-360 trains on Darcy flow: a value for every pixel.

Source: Tu et al., "NAS-Bench-360: Benchmarking Neural Architecture Search on Diverse Tasks", NeurIPS 2022 (Datasets and
Benchmarks), precompute/darcyflow of its released code. Targets on Darcy flow are of these networks, all other ones of
`nasbench201`.

Nothing is down-sampled. Where NAS-Bench-201 has a residual block between two stages there is one more cell, which
doubles the channels: 17 cells in all, at 85x85 pixels. Its edges from the input double them, where a skip becomes a 1x1
convolution with batch normalisation, and pooling begins with ReLU, 1x1 convolution and batch normalisation. The
benchmark's head is left out: batch normalisation, ReLU and a linear layer at each pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gennas.spaces.common.nasbench201.cell import LABELS as LABELS
from gennas.spaces.common.nasbench201.cell import VERTICES as VERTICES
from gennas.spaces.common.nasbench201.cell import Architecture as Architecture
from gennas.spaces.common.nasbench201.cell import all_architectures as all_architectures
from gennas.spaces.common.nasbench201.cell import encode as encode
from gennas.spaces.common.nasbench201.cell import from_graph as from_graph
from gennas.spaces.common.nasbench201.cell import from_id as from_id
from gennas.spaces.common.nasbench201.cell import graph as graph
from gennas.spaces.common.nasbench201.cell import mutate as mutate
from gennas.spaces.common.nasbench201.cell import neighbours as neighbours
from gennas.spaces.common.nasbench201.cell import random_architecture as random_architecture
from gennas.spaces.common.nasbench201.cell import to_id as to_id
from gennas.spaces.common.nasbench201.growth import LEVELS as LEVELS
from gennas.spaces.common.nasbench201.growth import ROOT as ROOT
from gennas.spaces.common.nasbench201.growth import expansions as expansions
from gennas.spaces.nasbench201_dense.canonical_form import canonical as canonical
from gennas.spaces.nasbench201_dense.canonical_form import layers as layers

if TYPE_CHECKING:
    from torch import nn

DECLARATION = {"family": "images"}
FAMILY = DECLARATION["family"]
INPUT_SHAPE = (1, 3, 85, 85)
#: Images may have any height and width.
SIDE_MULTIPLE = 1
#: Networks of different cells can be trained as one; see `gennas.spaces.common.packing`.
PACKABLE = True


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> nn.Module:
    """The network of a cell, see `network.build`."""
    from gennas.spaces.nasbench201_dense import network  # imports torch, which takes seconds

    return network.build(architecture, width, depth)
