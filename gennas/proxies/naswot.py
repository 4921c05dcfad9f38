"""naswot: how differently a network's ReLUs respond to different images.

Source: Mellor et al., "Neural Architecture Search without Training", ICML 2021, section 3, equation 2. Needs images
(B, 3, H, W), neither labels nor training. score = log |det K|, where K (B, B) counts the ReLU units of the whole
network that are both active or both inactive for images i and j. More is better.

Every ReLU that runs counts, as the paper defines it; its code leaves out those that do not reach the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from gennas.families.images import Classifier
from gennas.proxies.common.untrained import Batch, ReluOutputs, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"]}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The log-determinant; of a singular matrix, -inf."""
    with torch.no_grad(), ReluOutputs() as relus:
        network(batch.images)
    return float(torch.linalg.slogdet(agreements(relus.outputs, len(batch.images))).logabsdet)


def agreements(outputs: Iterable[Tensor], batch: int) -> Tensor:
    """K: with a unit's codes +1 and -1, the sum of products is the agreements less the disagreements."""
    kernel = torch.zeros(batch, batch, dtype=torch.double)
    for output in outputs:
        codes = (output > 0).flatten(1).float() * 2 - 1
        kernel += ((codes @ codes.T).cpu() + codes.shape[1]).double() / 2  # whole numbers, exact in single precision
    return kernel
