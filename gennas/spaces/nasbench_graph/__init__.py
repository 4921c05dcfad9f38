"""NAS-Bench-Graph: cells of four nodes, each of which applies one of nine operations to the features of a graph.

Source: Qin et al., "NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search", NeurIPS 2022 (datasets and
benchmarks). 26,206 architectures, no two of which are the same network, trained on nine graphs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gennas.spaces.nasbench_graph.cell import LABELS as LABELS
from gennas.spaces.nasbench_graph.cell import VERTICES as VERTICES
from gennas.spaces.nasbench_graph.cell import Cell as Cell
from gennas.spaces.nasbench_graph.cell import all_architectures as all_architectures
from gennas.spaces.nasbench_graph.cell import encode as encode
from gennas.spaces.nasbench_graph.cell import from_graph as from_graph
from gennas.spaces.nasbench_graph.cell import from_id as from_id
from gennas.spaces.nasbench_graph.cell import graph as graph
from gennas.spaces.nasbench_graph.cell import mutate as mutate
from gennas.spaces.nasbench_graph.cell import neighbours as neighbours
from gennas.spaces.nasbench_graph.cell import random_architecture as random_architecture
from gennas.spaces.nasbench_graph.cell import to_id as to_id

if TYPE_CHECKING:
    from torch import nn

DECLARATION = {"family": "graphs"}
FAMILY = DECLARATION["family"]
#: Fewer nodes than the benchmark's arXiv has, each of which costs the same; as many features as its.
INPUT_SHAPE = (1000, 128)


def build(architecture: Cell, width: float = 1.0, depth: float = 1.0) -> nn.Module:
    """The network of a cell, see `network.build`."""
    from gennas.spaces.nasbench_graph import network  # imports torch, which takes seconds

    return network.build(architecture, width, depth)
