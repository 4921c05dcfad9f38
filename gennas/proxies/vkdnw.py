"""vkdnw: how evenly the knowledge of the weights is spread over their directions.

Source: Tybl and Neumann, "Training-free Neural Architecture Search through Variance of Knowledge of Deep Network
Weights", CVPR 2025, section 2, equations 8 to 12. Needs noise only: no images, no labels, no training. With J (B,
classes, P) the Jacobian of the logits with respect to one weight of each of P layers, and p the predicted
probabilities, the empirical Fisher information is F = mean over the batch of J^T (diag(p) - p p^T) J (P, P). Of its
eigenvalues the nine deciles, divided by their sum, have an entropy, from 0 to log 9. score = number of layers + entropy
(the paper's VKDNW_single): the entropy orders the networks of equal depth only. More is better.

As in the released code, a layer is a tensor of parameters, its weight the first one, weights are drawn as He et al., p
is mixed with 5 % of the uniform, and batch normalisation sees one image at a time. 128 of the layers are taken if there
are more, here at equal distances. That code has L^T L for the covariance's L L^T, a slip that is not copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap
from torch.nn.init import kaiming_normal_

from gennas.families.images import Classifier
from gennas.proxies.common.initialisation import redraw
from gennas.proxies.common.untrained import Batch, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"]}

LAYERS = 128
CHUNK = 8  # images at a time, as many as memory takes: each has a gradient of every weight and class
SMOOTHING = 0.05


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The number of layers and the entropy."""
    redraw(network, kaiming_normal_)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean = norm.running_var = None  # no statistics but those of the image
            norm.track_running_stats = False
    return len(list(network.parameters())) + decile_entropy(fisher(network, batch.noise))


def fisher(network: Classifier, images: Tensor) -> Tensor:
    """The empirical Fisher information (P, P) of the first weight of up to `LAYERS` layers."""
    weights = {name: parameter.detach() for name, parameter in network.named_parameters()}
    positions = np.linspace(0, len(weights) - 1, min(LAYERS, len(weights))).round().astype(int)
    names = [list(weights)[position] for position in positions]

    def logits(firsts: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        changed = {
            name: torch.cat([first[None], weights[name].flatten()[1:]]).view_as(weights[name])
            for name, first in zip(names, firsts, strict=True)
        }
        output: Tensor = functional_call(network, weights | changed, (image[None],))[0]
        return output, output

    firsts = torch.stack([weights[name].flatten()[0] for name in names])
    jacobian, outputs = vmap(jacrev(logits, has_aux=True), (None, 0), chunk_size=CHUNK)(firsts, images)
    # (B, classes, P), (B, classes)
    probabilities = outputs.softmax(1) * (1 - SMOOTHING) + SMOOTHING / outputs.shape[1]
    covariance = probabilities.diag_embed() - probabilities[:, :, None] * probabilities[:, None]
    return torch.einsum("bip,bij,bjq->pq", jacobian, covariance, jacobian) / len(images)


def decile_entropy(information: Tensor) -> float:
    """The entropy, in nats, of the deciles of a matrix's eigenvalues, divided by their sum."""
    eigenvalues = torch.linalg.eigvalsh(information.double()).clamp(min=0)  # rounding makes some of them negative
    deciles = torch.quantile(eigenvalues, torch.arange(1, 10).to(eigenvalues) / 10)
    shares = deciles / deciles.sum().clamp(min=torch.finfo(deciles.dtype).tiny)  # all may be zero
    return float(torch.special.entr(shares).sum())
