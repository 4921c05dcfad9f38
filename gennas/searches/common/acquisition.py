"""Acquisition functions of Bayesian optimisation: how much is expected of evaluating each candidate of a pool.

All are logarithms, which are finite however hopeless a candidate is, and are given what a surrogate says of all N
candidates, its mean and standard deviation (N,), and which of them have been evaluated, with what value, in order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import erfcx, logsumexp, ndtr

from gennas.stats import front

#: Candidates of a front that is believed in, to begin with.
BEGINNING = 20


def log_expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float | np.ndarray) -> np.ndarray:
    """ln E[max(0, f - best)] of f ~ N(mean, deviation^2), elementwise.

    Source: Ament et al., "Unexpected Improvements to Expected Improvement for Bayesian Optimization", NeurIPS 2023,
    equation 9.
    """
    u = (mean - best) / deviation
    v = np.minimum(u, -1.0)  # where u is less, phi(u) + u Phi(u) cancels: factor phi(u) out
    ratio = -v * erfcx(-v / np.sqrt(2)) * np.sqrt(np.pi / 2)  # -v Phi(v) / phi(v), near 1
    remainder = np.where(v > -1e4, np.log1p(-np.minimum(ratio, 1 - 1e-16)), -2 * np.log(-v))
    small = -(v**2) / 2 - np.log(2 * np.pi) / 2 + remainder
    w = np.maximum(u, -1.0)
    large = np.log(np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi) + w * ndtr(w))
    logarithm: np.ndarray = np.log(deviation) + np.where(u > -1, large, small)
    return logarithm


class Improvement:
    """Of one objective: on the best value so far."""

    several = False

    def __call__(self, mean: np.ndarray, deviation: np.ndarray, rows: Sequence[int], values: np.ndarray) -> np.ndarray:
        """The logarithm of expected improvement (N,)."""
        return log_expected_improvement(mean, deviation, values.max())

    def order(self, drawn: np.ndarray) -> np.ndarray:
        """Which of candidates (N,) to begin with, if these were their values: the best first."""
        best: np.ndarray = np.argsort(-drawn, kind="stable")
        return best


class HypervolumeImprovement:
    """Of a quality that is modelled and a cost that is known: on the hypervolume of the front so far.

    With the front's staircase, costs x_1 < ... < x_k of qualities y_1 < ... < y_k, and the reference point (x_(k+1),
    y_0), a candidate of cost c gains

        sum_i max(0, x_(i+1) - max(x_i, c)) E[(Y - y_i)+],    i = 0 ... k,    x_0 = -inf:

    the closed form of Emmerich et al. ("Hypervolume-based Expected Improvement", CEC 2011) where one objective is
    certain. The reference point is the median cost of the pool and the median of the expected qualities: it comes from
    the model, not from the truth.
    """

    several = True

    def __init__(self, costs: np.ndarray) -> None:
        """`costs` (N,) of the pool; less is better."""
        self.costs = costs
        self.limit = float(np.median(costs))

    def __call__(self, mean: np.ndarray, deviation: np.ndarray, rows: Sequence[int], values: np.ndarray) -> np.ndarray:
        """The logarithm of expected hypervolume improvement (N,); -inf where there can be none."""
        steps, qualities = self._staircase(np.array(rows, int), values, float(np.median(mean)))  # (k + 1,), (k + 1,)
        begins = np.maximum(steps[:-1], self.costs[:, None])  # (N, k + 1)
        with np.errstate(divide="ignore"):
            widths = np.log(np.maximum(steps[1:] - begins, 0.0))
        gains = log_expected_improvement(mean[:, None], deviation[:, None], qualities)
        logarithm: np.ndarray = logsumexp(widths + gains, axis=1)
        return logarithm

    def _staircase(self, rows: np.ndarray, values: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
        """Costs (k + 2,) from -inf to the reference's, and qualities (k + 1,) from the reference's to the best."""
        points = np.column_stack([values, -self.costs[rows]])
        points = np.unique(points[front(points)], axis=0)  # the least quality, which is the cheapest, first
        points = points[(points[:, 0] > least) & (-points[:, 1] < self.limit)]
        return np.array([-np.inf, *-points[:, 1], self.limit]), np.array([least, *points[:, 0]])

    def order(self, drawn: np.ndarray) -> np.ndarray:
        """Which of candidates (N,) to begin with, if these were their values: what gains most hypervolume first."""
        certain = np.full(len(drawn), 1e-6)
        order = list(np.argsort(-drawn, kind="stable"))
        chosen: list[int] = []
        for _ in range(min(BEGINNING, len(drawn))):
            gain = self(drawn, certain, chosen, drawn[chosen])
            gain[chosen] = -np.inf
            if not np.isfinite(gain).any():  # whatever is left is beyond the reference point
                break
            chosen.append(int(gain.argmax()))
        return np.array([*chosen, *(row for row in order if row not in chosen)])
