"""nasi: the trace norm of the neural tangent kernel, estimated by the gradient of one batch.

Source: Shu et al., "NASI: Label- and Data-agnostic Neural Architecture Search at Initialization", ICLR 2022, section
3.2. Needs noise and random labels only: no images, no training; the paper shows that either hardly matters. score = ||
1 / b * sum over i of dL(i)/dw ||_2^2 over all w, L(i) being the cross-entropy of image i of b: the trace norm, but for
factors that all architectures share (equation 12). More is better: training converges faster.

The paper searches under a constraint, which the score of one architecture goes without; see `gennas.searches.nasi`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gennas.families.images import Classifier
from gennas.proxies.common.untrained import Batch, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"]}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The estimate of the trace norm."""
    return float(trace_norm(network, batch.noise, batch.labels))


def trace_norm(network: nn.Module, images: Tensor, labels: Tensor, create_graph: bool = False) -> Tensor:
    """The same of a batch (b, 3, H, W) with labels (b,); to be differentiated once more, with `create_graph`."""
    loss = cross_entropy(network(images), labels)
    weights = list(network.parameters())
    gradients = torch.autograd.grad(loss, weights, create_graph=create_graph, materialize_grads=True)
    return torch.stack([gradient.square().sum() for gradient in gradients]).sum()
