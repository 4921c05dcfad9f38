"""NAS-Bench-NLP: recurrent cells as graphs, stacked three deep into a language model.

Source: Klyuchnikov et al., "NAS-Bench-NLP: Neural Architecture Search Benchmark for Natural Language Processing", IEEE
Access 2022, and the code and logs released with it: 14,322 random cells trained on Penn Treebank, some on WikiText-2.

A cell maps an input x and its previous states h0, h1, ... to its new states; h0 is also its output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gennas.spaces.nasbench_nlp.canonical_form import Cell as Cell
from gennas.spaces.nasbench_nlp.cell import encode as encode
from gennas.spaces.nasbench_nlp.cell import from_id as from_id
from gennas.spaces.nasbench_nlp.cell import graph as graph
from gennas.spaces.nasbench_nlp.cell import mutate as mutate
from gennas.spaces.nasbench_nlp.cell import random_architecture as random_architecture
from gennas.spaces.nasbench_nlp.cell import to_id as to_id

if TYPE_CHECKING:
    from torch import nn

DECLARATION = {"family": "sequences"}
FAMILY = DECLARATION["family"]
#: Fewer tokens than the benchmark's 70, each of which costs the same; as many inputs as its embedding.
INPUT_SHAPE = (8, 1, 400)


def build(architecture: Cell, width: float = 1.0, depth: float = 1.0) -> nn.Module:
    """The network of a cell, see `network.build`."""
    from gennas.spaces.nasbench_nlp import network  # imports torch, which takes seconds

    return network.build(architecture, width, depth)
