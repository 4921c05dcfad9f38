"""Aggregates: the ranks by several proxies in one number. One module each, found by name.

An aggregate is a module with a `DECLARATION` (whether it learns `labels`) and `combine(ranks, labels)`,
from the relative ranks of architectures by each member, r / n, 1 for the best of n, to one
number each (n, members) -> (n,), higher being better. One that learns may say what, `learnt(labels)`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)  # hashed by identity: what was learnt of them is kept
class Labels:
    """Labelled architectures: relative ranks by each member (labelled, members), and quality (labelled,)."""

    ranks: np.ndarray
    quality: np.ndarray
