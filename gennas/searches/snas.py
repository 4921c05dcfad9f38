"""SNAS: one operation per edge, drawn from a relaxed distribution that hardens as the temperature falls.

Source: Xie et al., "SNAS: Stochastic Neural Architecture Search", ICLR 2019. The relaxed choices are

    Z = softmax((a + G) / temperature), a being an edge's logits and G Gumbel noise,

and the loss plus eta times what Z costs is differentiated through them. The answer has the likeliest operation of every
edge, `none` counted; no edge is added to connect what it cuts. What costs how much is the supernet's `costs`. Its
gradient is taken in one of three ways:

- reparametrisation: of Z . c, through Z
- policy_gradient: of the log density of Z times Z . c, less its discrete mean
- discrete: of softmax(a) . c, the expectation of one operation per edge, in closed form

The paper's text was not at hand: this is a reconstruction from the authors' released code and from what is known of it.
Its temperature falls from 1 to 0.03 in 117,000 steps; there the gradient of Z is noisier than a score function's, so
that hundreds of steps end at a higher one. What is common to supernets is in `gennas.searches.common.supernets`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import RelaxedOneHotCategorical
from torch.nn.functional import gumbel_softmax

from gennas.searches.base import SearchContext, Step
from gennas.searches.common import supernets
from gennas.searches.common.supernets import Draw, Penalty, linear

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
        "penalty": {
            "type": "number",
            "minimum": 0,
            "description": "weight of what an architecture costs, eta; 0 by default",
        },
        "estimator": {
            "enum": ["reparametrisation", "policy_gradient", "discrete"],
            "description": "how the gradient of the cost is taken; reparametrisation by default",
        },
    },
    "optional": ["task", "dataset", "split", "architecture_learning_rate", "penalty", "estimator"],
}
#: First and last.
TEMPERATURES = 1.0, 0.33


def sample(logits: Tensor, progress: float) -> Draw:
    """Relaxed choices: all operations, one of them more than the others."""
    return Draw(gumbel_softmax(logits, linear(*TEMPERATURES, progress)))


def cost(logits: Tensor, choices: Tensor, costs: Tensor, temperature: float, estimator: str) -> Tensor:
    """What differentiates as an estimator of the expected cost, given costs (edges, operations)."""
    if estimator == "reparametrisation":
        return (choices * costs).sum()
    expected = (logits.softmax(dim=1) * costs).sum(dim=1)  # (edges,)
    if estimator == "discrete":
        return expected.sum()
    drawn = choices.detach().clamp_min(torch.finfo(choices.dtype).tiny)  # the density has their logarithm
    relaxed = RelaxedOneHotCategorical(logits.new_tensor(temperature), logits=logits, validate_args=False)
    density: Tensor = relaxed.log_prob(drawn)  # (edges,)
    return (density * ((drawn * costs).sum(dim=1) - expected.detach())).sum()


def make_penalty(costs: Tensor, eta: float, estimator: str) -> Penalty:
    """The penalty of what an architecture costs."""

    def penalty(logits: Tensor, draw: Draw, progress: float) -> Tensor:
        return eta * cost(logits, draw.choices, costs, linear(*TEMPERATURES, progress), estimator)

    return penalty


def run(context: SearchContext) -> Iterator[Step]:
    """Train what is drawn; a step's architecture has the operations that there is most of."""
    penalty: Penalty = supernets.no_penalty
    if eta := context.options.get("penalty", 0):
        assert context.protocol is not None and context.supernet is not None
        costs = context.supernet().costs(context.protocol.size)
        penalty = make_penalty(costs, eta, context.options.get("estimator", "reparametrisation"))
    yield from supernets.search(context, sample, penalty)
