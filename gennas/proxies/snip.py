"""snip: how much the loss would change if single weights were removed.

Source: Lee et al., "SNIP: Single-shot Network Pruning based on Connection Sensitivity", ICLR 2019, section 4.1; as a
proxy, Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3.2. Needs images (B, 3, H, W)
and labels (B,), no training. score = sum |w * dL/dw| over the weights of convolutions and linear layers, L the
cross-entropy of the batch. More is better.
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
    """The saliencies' sum."""
    weights = [layer.weight for layer in weighted_layers(network)]
    loss = cross_entropy(network(batch.images), batch.labels)
    gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
    return float(sum((w.detach() * g).abs().sum() for w, g in zip(weights, gradients, strict=True)))
