"""trainability: whether gradients keep their size through every block.

Source: Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024, section 3. Needs
noise only: no images, no labels, no training. For a block of features (B, C, H, W) whose predecessor's are (B, D, H,
W), a Rademacher vector v of the former is propagated back to g of the latter. The Jacobian of a position is estimated
by A = mean over positions of g v^T (D, C): the mean of v v^T is the identity. With s its spectral norm, score = mean
over blocks of 2 - s - 1 / s: 0 at best, where s = 1. More is better.

Two details are the released code's. Where a block halves the resolution, the gradients of the positions that
become one are channels of it: D is four times as large. A block that changes nothing has no Jacobian to judge: -inf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, pixel_unshuffle

from gennas.families.images import Classifier
from gennas.proxies.common.blocks import block_features
from gennas.proxies.common.untrained import Batch, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"], "taps": "blocks"}

EPSILON = 1e-6  # as in the released code; a block that passes no gradient scores about -1e6


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The mean over the blocks after the first."""
    features = block_features(network, batch.noise)
    return sum(map(block_score, features, features[1:])) / (len(features) - 1)


def block_score(before: Tensor, after: Tensor) -> float:
    """Of one block, from the features before and after it."""
    # on the CPU, whose generator `make_untrained` seeds
    signs = (torch.randint(2, after.shape) * 2.0 - 1).to(after.device)
    gradient = torch.zeros_like(before)  # where one of them is constant, as an empty cell's zeros are
    if before.requires_grad and after.requires_grad:
        (gradient,) = torch.autograd.grad(after, before, signs, retain_graph=True, materialize_grads=True)
    if torch.equal(gradient, signs):
        return -torch.inf
    norm = float(torch.linalg.matrix_norm(mean_outer(gradient, signs), 2))
    return 2 - norm - 1 / (norm + EPSILON)


def mean_outer(gradient: Tensor, signs: Tensor) -> Tensor:
    """The estimate A of the Jacobian."""
    height, width = signs.shape[2:]
    stride = -(-gradient.shape[2] // height)  # rounded up: the last positions of an odd number may stand alone
    missing = (0, stride * width - gradient.shape[3], 0, stride * height - gradient.shape[2])
    merged = pixel_unshuffle(pad(gradient, missing), stride)
    return torch.einsum("bdhw,bchw->dc", merged, signs) / (len(signs) * height * width)
