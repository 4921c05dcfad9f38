"""swap: how many different patterns of activity the ReLUs show over a batch.

Source: Peng et al., "SWAP-NAS: Sample-Wise Activation Patterns for Ultra-fast NAS", ICLR 2024, section 3. Needs images,
no labels, no training. Weights are standard normal, as in the released code. The pattern of one output of a ReLU is on
which of the B images it is positive: score = the number of different patterns among all outputs of all ReLUs, at most
2^B. More is better. The regularisation by model size is left out: its two constants are chosen for a space and a size
that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.init import normal_

from gennas.families.images import Classifier
from gennas.proxies.common.initialisation import redraw
from gennas.proxies.common.untrained import Batch, ReluOutputs, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"]}

WORD = 31  # images at a time: their bits and the number of a pattern fit into one integer


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


@torch.no_grad()
def measure(network: Classifier, batch: Batch) -> float:
    """The number of patterns."""
    redraw(network, normal_)
    with ReluOutputs() as relus:
        network(batch.images)
    return float(count_patterns(torch.cat([output.flatten(1) > 0 for output in relus.outputs], dim=1)))


def count_patterns(active: Tensor) -> int:
    """The number of different columns of a matrix of truth values (B, units)."""
    patterns = active.new_zeros(active.shape[1], dtype=torch.int64)  # of each unit, on the images so far
    found = patterns[:1]
    for images in active.split(WORD):
        for image in images:
            patterns = 2 * patterns + image
        found, patterns = patterns.unique(return_inverse=True)
    return len(found)
