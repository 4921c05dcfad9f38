"""PlainNet, the worked example of docs/add-a-search-space.md: 64 networks of three plain stages.

A stage is one of four operations, applied once; the next one has half the resolution and twice the channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gennas.spaces.plainnet.cell import Architecture as Architecture
from gennas.spaces.plainnet.cell import encode as encode
from gennas.spaces.plainnet.cell import from_id as from_id
from gennas.spaces.plainnet.cell import graph as graph
from gennas.spaces.plainnet.cell import mutate as mutate
from gennas.spaces.plainnet.cell import random_architecture as random_architecture
from gennas.spaces.plainnet.cell import to_id as to_id

if TYPE_CHECKING:
    from torch import nn

DECLARATION = {"family": "images"}
FAMILY = DECLARATION["family"]
INPUT_SHAPE = (1, 3, 16, 16)


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> nn.Module:
    """The network of an architecture, see `network.build`."""
    from gennas.spaces.plainnet import network  # imports torch, which takes seconds

    return network.build(architecture, width, depth)
