"""DARTS: every edge has all operations at once, weighed by the softmax of its logits.

Source: Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, first order. What is common to supernets is
in `gennas.searches.common.supernets`.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from gennas.searches.base import SearchContext, Step
from gennas.searches.common import supernets
from gennas.searches.common.supernets import Draw

DECLARATION = {
    "scores": False,
    "objectives": "one",
    "supernet": True,
    "trains": True,
    "options": {
        "protocol": {"$ref": "#/$defs/protocol_name"},
        "steps": {"$ref": "#/$defs/steps"},
        "task": {"$ref": "#/$defs/task"},
        "dataset": {"$ref": "#/$defs/labelled_images"},
        "split": {"$ref": "#/$defs/split"},
        "architecture_learning_rate": {"$ref": "#/$defs/architecture_learning_rate"},
    },
    "optional": ["task", "dataset", "split", "architecture_learning_rate"],
}


def sample(logits: Tensor, progress: float) -> Draw:
    """The mixture; nothing is random."""
    return Draw(logits.softmax(dim=1))


def run(context: SearchContext) -> Iterator[Step]:
    """Train the mixture; a step's architecture has the operations that weigh most."""
    return supernets.search(context, sample)
