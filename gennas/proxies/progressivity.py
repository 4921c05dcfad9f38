"""progressivity: the smallest growth of the features' entropy from a block to the next.

Source: Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024, section 3. Needs
noise only: no images, no labels, no training. score = min over l of e(l) - e(l - 1), e(l) being the entropy of block l
as in `expressivity`. More is better.
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
    """The smallest difference; one of nan, of features that are constant, makes it nan."""
    return float(spectral_entropies(network, batch.noise).diff().min())
