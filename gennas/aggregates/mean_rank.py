"""The mean of the ranks."""

from __future__ import annotations

import numpy as np

from gennas.aggregates import Labels

DECLARATION = {"labels": False, "options": {}}


def combine(ranks: np.ndarray, labels: Labels | None = None) -> np.ndarray:
    """The mean of each row."""
    combined: np.ndarray = ranks.mean(axis=1)
    return combined
