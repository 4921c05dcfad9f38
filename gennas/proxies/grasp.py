"""grasp: how much removing single weights would harm the gradient flow.

Source: Wang et al., "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR 2020, equation 8; as a
proxy, Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3.2. Needs images (B, 3, H, W)
and labels (B,), no training. score = sum of -(H g) * w, where w are the weights of convolutions and linear layers, g
and H the gradient and Hessian by them of the batch's cross-entropy. More is better: the sign is that of the second
paper, whose code notes that it was found by looking at accuracies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from gennas.families.images import Classifier
from gennas.proxies.common.layers import weighted_layers
from gennas.proxies.common.untrained import Batch, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"]}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The saliencies' sum."""
    weights = [layer.weight for layer in weighted_layers(network)]
    loss = cross_entropy(network(batch.images), batch.labels)
    flow = hessian_gradient_product(loss, weights)
    return -float(sum((w.detach() * h).sum() for w, h in zip(weights, flow, strict=True)))


def hessian_gradient_product(loss: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """H g, without H: the gradient of the product of g with a constant g."""
    gradients = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
    product = torch.stack([(g * g.detach()).sum() for g in gradients]).sum()
    return torch.autograd.grad(product, weights, materialize_grads=True)
