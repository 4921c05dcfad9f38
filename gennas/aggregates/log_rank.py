"""The mean of the ranks' logarithms, for which a bad rank weighs more than a good one.

Source: the non-linear aggregation of Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture
Search", CVPR 2024.
"""

from __future__ import annotations

import numpy as np

from gennas.aggregates import Labels

DECLARATION = {"labels": False, "options": {}}


def combine(ranks: np.ndarray, labels: Labels | None = None) -> np.ndarray:
    """The mean logarithm of each row."""
    combined: np.ndarray = np.log(ranks).mean(axis=1)
    return combined
