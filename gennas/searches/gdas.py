"""GDAS: one operation per edge, drawn by the Gumbel-softmax and differentiated as if it were the softmax.

Source: Dong and Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", CVPR 2019: only the operation
that was drawn is computed, and the gradient of the logits comes through it alone. The authors' released code adds the
weights of the others, each a difference of equal numbers, so that their gradient is that of an operation that always
gives 1; here it is zero. What is common to supernets is in `gennas.searches.common.supernets`.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.nn.functional import gumbel_softmax

from gennas.searches.base import SearchContext, Step
from gennas.searches.common import supernets
from gennas.searches.common.supernets import Draw, linear

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
#: First and last.
TEMPERATURES = 10.0, 0.1


def sample(logits: Tensor, progress: float) -> Draw:
    """One operation per edge."""
    choices = gumbel_softmax(logits, linear(*TEMPERATURES, progress), hard=True)
    return Draw(choices, choices.detach() > 0.5)


def run(context: SearchContext) -> Iterator[Step]:
    """Train one architecture after the other."""
    return supernets.search(context, sample)
