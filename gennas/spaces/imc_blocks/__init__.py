"""Networks of three to eight convolutional blocks, as searched for analogue in-memory computing.

Source: Amin, Mohammadi and Zand, "Multi-Objective Neural Architecture Search for In-Memory Computing", ISVLSI 2024
(arXiv 2406.06746). Its abstract and a summary were at hand, its tables and code were not. From there: the three kinds
of blocks and their names, a depth that varies, a width for each block. Reconstructed: what is in a block, MVGG above
all; the depths; the five widths; where images are pooled. That gives 2,745,954,000 networks (the sum of 15^depth),
where the paper says "over 640 million".

| kind | convolutions, each with batch norm and ReLU |
| --- | --- |
| `vgg` | two of 3x3 |
| `mvgg` | one of 3x3, one of 1x1: fewer rows of crossbars |
| `res` | two of 3x3, and a shortcut: the input itself, or its 1x1 convolution where the width changes |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gennas.spaces.imc_blocks.blocks import Architecture as Architecture
from gennas.spaces.imc_blocks.blocks import encode as encode
from gennas.spaces.imc_blocks.blocks import from_id as from_id
from gennas.spaces.imc_blocks.blocks import graph as graph
from gennas.spaces.imc_blocks.blocks import mutate as mutate
from gennas.spaces.imc_blocks.blocks import neighbours as neighbours
from gennas.spaces.imc_blocks.blocks import random_architecture as random_architecture
from gennas.spaces.imc_blocks.blocks import to_id as to_id

if TYPE_CHECKING:
    from torch import nn

DECLARATION = {"family": "images"}
FAMILY = DECLARATION["family"]
INPUT_SHAPE = (1, 3, 32, 32)


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> nn.Module:
    """The network of an architecture, see `network.build`."""
    from gennas.spaces.imc_blocks import network  # imports torch, which takes seconds

    return network.build(architecture, width, depth)
