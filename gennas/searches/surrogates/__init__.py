"""Surrogates: what predicts the value of every candidate of a pool from those that have been evaluated.

A surrogate is made for a pool of N candidates. `fit(rows, values)` chooses its hyper-parameters by the candidates that
were evaluated, and `posterior(rows, values)` returns the mean and the standard deviation (N,), both of them of all
candidates, given these values under the hyper-parameters chosen last. Values are standardised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

Posterior = tuple[np.ndarray, np.ndarray]


class Trend(NamedTuple):
    """What the mean of a surrogate may follow, linearly: a number for each candidate (N,), of variance 1."""

    values: np.ndarray
    slope: tuple[float, float]  # mean and variance of the belief in it


class Surrogate(Protocol):
    """A regression over a pool, with its uncertainty."""

    def fit(self, rows: Sequence[int], values: np.ndarray) -> None:
        """Choose the hyper-parameters."""

    def posterior(self, rows: Sequence[int], values: np.ndarray) -> Posterior:
        """Mean and standard deviation of every candidate, given the values of some."""
