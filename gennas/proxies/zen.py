"""zen: how much a small change of the input changes the features, whatever batch normalisation rescales.

Source: Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition", ICCV 2021, its Zen-Score. Needs
noise only: no images, no labels, no training. Weights are standard normal. With x and e standard normal (B, 3, H, W)
and f the features before the global average (B, C, H, W), score = log mean over the batch of ||f(x) - f(x + 0.01
e)||_1, plus the sum over batch normalisations of log sqrt(mean over channels of the variance). More is better.

The paper removes residual links first. Where most links are skips, as in a cell, nothing is a network without them:
here they stay, as when others apply the score to NAS-Bench-201. The variances are those of the first batch, as
published; the released code reads running means of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.init import normal_

from gennas.families.images import Classifier
from gennas.proxies.common.initialisation import redraw
from gennas.proxies.common.untrained import Batch, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"], "taps": "last"}

PERTURBATION = 0.01


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


@torch.no_grad()
def measure(network: Classifier, batch: Batch) -> float:
    """The Zen-score."""
    redraw(network, normal_)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0  # its running variance becomes that of the last batch
    # on the CPU, whose generator `make_untrained` seeds
    change = PERTURBATION * torch.randn(batch.noise.shape).to(batch.noise)
    before = network.features(batch.noise)
    variances = [float(norm.running_var.mean()) for norm in norms if norm.running_var is not None]
    after = network.features(batch.noise + change)
    # a branch that is cut off from the input is zero: nothing there is rescaled
    scale = sum(math.log(variance) / 2 for variance in variances if variance > 0)
    return float((after - before).abs().sum(dim=(1, 2, 3)).mean().log()) + scale
