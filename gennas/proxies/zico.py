"""zico: how little the gradients of the weights vary from batch to batch, relative to their size.

Source: Li et al., "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients", ICLR 2023, section 3. Needs
images and labels, no training. score = sum over layers of log sum over w of E|g(w)| / std(g(w)), w being the weights of
a convolution or linear layer and g their gradients of the cross-entropy of two batches: here, the halves of one. A
weight whose gradients are equal counts for nothing. More is better.

The released code never resets its gradients, so that its second batch is the sum of both; here it is as published.
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

BATCHES = 2


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The sum over layers."""
    weights = [layer.weight for layer in weighted_layers(network)]
    gradients = [
        torch.autograd.grad(cross_entropy(network(images), labels), weights, materialize_grads=True)
        for images, labels in zip(batch.images.chunk(BATCHES), batch.labels.chunk(BATCHES), strict=True)
    ]
    return sum(layer_score(torch.stack(layer)) for layer in zip(*gradients, strict=True))


def layer_score(gradients: Tensor) -> float:
    """Of one layer, from its gradients (batches, *weights); 0 for a layer that gets none."""
    deviation = gradients.std(dim=0, correction=0)
    varies = deviation > 0
    ratios = gradients.abs().mean(dim=0)[varies] / deviation[varies]
    return float(ratios.sum().log()) if len(ratios) else 0.0
