"""fisher: how much the loss would change if whole channels were removed.

Source: Turner et al., "BlockSwap: Fisher-guided Block Substitution for Network Compression on a Budget", ICLR 2020,
equation 3; as a proxy, Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3.2. Needs
images (B, 3, H, W) and labels (B,), no training.

Of the output a (B, K, H, W) or (B, K) of each convolution and linear layer, before batch norm, with its gradient g of
the batch's cross-entropy: D_k = mean over B of (sum over H, W of a * g)^2 / 2. As released, a channel counts once per
weight of its filter: score = sum over layers and channels of D_k * (weights per output channel). More is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
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
    outputs: list[Tensor] = []
    sizes: list[int] = []  # weights per output channel

    def keep(layer: Any, _inputs: Any, output: Tensor) -> None:
        outputs.append(output)
        sizes.append(layer.weight[0].numel())

    with ExitStack() as hooks:
        for layer in weighted_layers(network):
            hooks.enter_context(layer.register_forward_hook(keep))
        loss = cross_entropy(network(batch.images), batch.labels)
    gradients = torch.autograd.grad(loss, outputs, materialize_grads=True)
    return float(sum(n * saliency(a, g) for n, a, g in zip(sizes, outputs, gradients, strict=True)))


def saliency(output: Tensor, gradient: Tensor) -> Tensor:
    """The sum of D_k."""
    positions = (output.detach() * gradient).reshape(*output.shape[:2], -1)  # one, after a linear layer
    return positions.sum(2).square().mean(0).sum() / 2
