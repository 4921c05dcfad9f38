"""expressivity: how evenly the features of each block fill their dimensions.

Source: Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024, section 3. Needs
noise only: no images, no labels, no training. score = sum over blocks of the entropy of the spectrum of the features'
covariance (C, C), normalised to sum 1. More is better. AZ-NAS ranks by the product of the ranks of this,
`progressivity`, `trainability` and `flops`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gennas.families.images import Classifier
from gennas.proxies.common.blocks import spectral_entropies
from gennas.proxies.common.untrained import Batch, make_untrained
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images"], "taps": "blocks"}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_untrained(context, measure)


def measure(network: Classifier, batch: Batch) -> float:
    """The sum of the entropies."""
    return float(spectral_entropies(network, batch.noise).sum())
