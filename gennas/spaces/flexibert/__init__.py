"""FlexiBERT's search space as NAS-Bench-BERT trained it: 2,664 small transformers that read whole sequences.

Sources: Tuli et al., "FlexiBERT: Are Current Transformer Architectures too Homogeneous and Rigid?", JAIR 2023, for the
space; Serianni and Kalita, "Training-free Neural Architecture Search for RNNs and Transformers", ACL 2023, and the code
released with it, for the 500 networks that were trained.

The released training code leaves out the operations in which the described layers differ (docs/spaces.md has the
evidence). What is left, and what this space is: a hidden size of 128 or 256, 2 or 4 layers, and for each layer 2 or 4
heads of plain attention and one of three feed-forward parts. `described` builds layers with the described operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gennas.spaces.flexibert.architecture import LABELS as LABELS
from gennas.spaces.flexibert.architecture import VERTICES as VERTICES
from gennas.spaces.flexibert.architecture import Architecture as Architecture
from gennas.spaces.flexibert.architecture import all_architectures as all_architectures
from gennas.spaces.flexibert.architecture import encode as encode
from gennas.spaces.flexibert.architecture import from_id as from_id
from gennas.spaces.flexibert.architecture import graph as graph
from gennas.spaces.flexibert.architecture import mutate as mutate
from gennas.spaces.flexibert.architecture import neighbours as neighbours
from gennas.spaces.flexibert.architecture import random_architecture as random_architecture
from gennas.spaces.flexibert.architecture import to_id as to_id

if TYPE_CHECKING:
    from torch import nn

#: `training`: these networks see what follows a token, so they cannot learn to foretell it.
DECLARATION = {"family": "sequences", "training": "masked_language_model"}
FAMILY = DECLARATION["family"]
#: The tokens of the benchmark's pre-training, and the size of its embedding.
INPUT_SHAPE = (128, 1, 128)


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> nn.Module:
    """The network of an architecture, see `network.build`."""
    from gennas.spaces.flexibert import network  # imports torch, which takes seconds

    return network.build(architecture, width, depth)
