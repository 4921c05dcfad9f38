"""jacob_cov: how differently a network's outputs react to changes of different images.

Source: Mellor et al., "Neural Architecture Search without Training", first version (arXiv:2006.04647v1), section 3; as
in Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3.2. Needs images (B, 3, H, W),
neither labels nor training. score = -sum over i of (log(s_i + k) + 1 / (s_i + k)), where k = 1e-5 and s are the
eigenvalues of the B x B matrix of correlations between the images' Jacobians, each that of the sum of all outputs of
the batch (batch norm is in training mode) by the image, 3 * H * W numbers. More is better.

A network that ignores an image has no correlations, thus no score.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from gennas.families.images import Classifier
from gennas.proxies.common.untrained import Batch, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"]}

K = 1e-5


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The score of the Jacobians' correlations."""
    correlations = torch.corrcoef(jacobians(network, batch.images).flatten(1).double())
    if not correlations.isfinite().all():  # of which there are no eigenvalues
        return math.nan
    shifted = torch.linalg.eigvalsh(correlations) + K
    return -float((shifted.log() + 1 / shifted).sum())


def jacobians(network: Classifier, images: Tensor) -> Tensor:
    """Of the images' shape."""
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network(images).sum(), images, materialize_grads=True)
    return gradient
