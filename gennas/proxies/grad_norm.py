"""grad_norm: the Euclidean norms of the gradients of the layers' weights, summed.

Source: Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3.1. Needs images and labels, no
training. score = sum over convolutions and linear layers of ||dL/dW||_2, L the cross-entropy of a batch. More is
better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
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
    """The sum of the norms."""
    loss = cross_entropy(network(batch.images), batch.labels)
    weights = [layer.weight for layer in weighted_layers(network)]
    gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
    return float(torch.stack([gradient.norm() for gradient in gradients]).sum())
