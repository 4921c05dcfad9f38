"""nasi: the trace norm of the neural tangent kernel, estimated by the gradient of one batch.

Source: Shu et al., "NASI: Label- and Data-agnostic Neural Architecture Search at Initialization", ICLR 2022, section 3.
Needs noise and random labels only: no images, no training; the paper shows that either hardly matters. score = ||sum
over i of dL(i)/dw||_2^2 / B over all w, L(i) being the cross-entropy of image i of B: the trace norm, but for a factor
that all architectures share. More is better: training converges faster.

The paper searches under a constraint: the trace norm must stay below a bound that lets training converge. That bound
is of a learning rate, or follows the architectures that a search has met; the score of one architecture knows neither
and goes without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import get_total_norm

from stages.classifier import Classifier
from stages.proxies.base import Context, Score
from stages.proxies.common.untrained import Batch, make_untrained


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained("nasi", context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The estimate of the trace norm."""
    loss = cross_entropy(network(batch.noise), batch.labels, reduction="sum")
    gradients = torch.autograd.grad(loss, list(network.parameters()), materialize_grads=True)
    return float(get_total_norm(gradients)) ** 2 / len(batch.noise)
