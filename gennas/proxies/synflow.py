"""synflow: what flows through a network whose weights are all positive.

Source: Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow", NeurIPS
2020, equation 2; as a proxy, Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3.2.
Needs neither images (their size only) nor labels nor training. score = sum of w * dR/dw over the weights of
convolutions and linear layers, all parameters replaced by their absolute values, R the sum of the outputs for one image
(1, 3, H, W) of ones. More is better.

Batch norm is left out, which would cancel the flow. As published, every product is positive and grows with depth by
orders of magnitude: double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from gennas.families.images import Classifier
from gennas.proxies.common.layers import weighted_layers
from gennas.proxies.common.untrained import Batch, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"]}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The sum of the weights' flows."""
    positive = linearised(network)
    weights = [layer.weight for layer in weighted_layers(positive)]
    flow = positive(torch.ones_like(batch.images[:1], dtype=torch.double)).sum()
    gradients = torch.autograd.grad(flow, weights, materialize_grads=True)
    return float(sum((w.detach() * g).abs().sum() for w, g in zip(weights, gradients, strict=True)))


def linearised(network: Classifier) -> Classifier:
    """A copy of absolute parameters, whose batch norms pass their inputs on."""
    copy = deepcopy(network).double().eval()  # eval: in training mode a batch norm refuses a single pixel
    for parameter in copy.parameters():
        parameter.data.abs_()
    for module in copy.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(first_input)
    return copy


def first_input(_module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> Tensor:
    """A hook that makes a module the identity."""
    return inputs[0]
