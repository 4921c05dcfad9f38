"""An exact Gaussian process over a finite pool, whose mean may follow what is known of all candidates.

The value of candidate i is

    f(i) = b0 + b1 z(i) + g(i),    g ~ GP(0, s^2 exp(-w d(i, j))),    observed with noise of variance s^2 v,

with d the Hamming distance, or the squared Euclidean one (then the kernel is RBF), and z a label-free score, or a cost.
b0 and b1 are Gaussian as well: generalised least squares, only that b1 starts at a belief in z, which observations
overrule. A score is believed to rise with the values. Of a cost it is not known whether it does, nor how fast.
Together they make one covariance K (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section
2.7). w and v are the likeliest of a grid; s^2 has a conjugate prior, and is integrated out of their likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from gennas.searches.features import Distances
from gennas.searches.surrogates import Posterior, Trend

#: The grid of w, times the mean distance, and of v.
DECAYS = np.geomspace(0.25, 4.0, 9)
NOISES = np.geomspace(1e-4, 1.0, 9)
#: Variance of b0, in units of s^2; values have variance 1.
INTERCEPT = 10.0
#: How many values the belief that s^2 is 1 counts for.
BELIEF = 3.0
#: Growth of the number of values at which w and v are chosen anew.
GROWTH = 1.1


class GaussianProcess:
    """Keeps L^-1 K(observed, pool) with L L^T = K(observed, observed) + s^2 v: a row (N,) for each observation."""

    def __init__(self, distances: Distances, trend: Trend | None = None) -> None:
        """`distances(i)` from candidate i to all (N,); `trend`, z and the belief in b1."""
        self.distances = distances
        self.prior, self.believed = trend or Trend(np.zeros(len(distances(0))), (0.0, 0.0))
        self.slope, self.slope_variance = self.believed
        self.columns: dict[int, np.ndarray] = {}
        self.decay, self.noise = 1.0, 1.0
        self.fitted = 0  # values by which w and v were chosen
        self._forget()

    def fit(self, rows: Sequence[int], values: np.ndarray) -> None:
        """Choose w and v anew where there are a tenth more values than last time; drop a score that misleads."""
        if len(rows) < GROWTH * self.fitted:
            return
        self.fitted = len(rows)
        self.slope, self.slope_variance = self.believed
        self._choose(rows, values)
        if self.slope and self._estimated_slope(rows, values) < 0:
            self.slope, self.slope_variance = 0.0, 0.0
            self._choose(rows, values)
        self._forget()

    def posterior(self, rows: Sequence[int], values: np.ndarray) -> Posterior:
        """Mean and standard deviation (N,) of every candidate."""
        if self.rows != list(rows[: len(self.rows)]):
            self._forget()
        self._extend(list(rows[len(self.rows) :]))
        weights = solve_triangular(self.factor, values - self.slope * self.prior[rows], lower=True)
        scale = (BELIEF + weights @ weights) / (BELIEF + len(rows))  # of s^2
        return self.slope * self.prior + weights @ self.reduced, np.sqrt(scale * self.variance)

    def _forget(self) -> None:
        """No observations: only the prior process."""
        size = len(self.prior)
        self.rows: list[int] = []
        self.factor = np.zeros((0, 0))  # L
        self.reduced = np.zeros((0, size))
        self.variance = 1 + INTERCEPT + self.slope_variance * self.prior**2  # (N,), in units of s^2

    def _extend(self, rows: list[int]) -> None:
        """Take further candidates for observed, by a block of the Cholesky decomposition."""
        if not rows:
            return
        known = self.reduced[:, rows]  # (n, new)
        cross = self._covariance(rows) - known.T @ self.reduced  # (new, N)
        corner = cholesky(cross[:, rows] + self.noise * np.eye(len(rows)), lower=True)
        added = solve_triangular(corner, cross, lower=True)
        self.factor = np.block([[self.factor, np.zeros_like(known)], [known.T, corner]])
        self.reduced = np.concatenate([self.reduced, added])
        self.variance = np.maximum(self.variance - (added**2).sum(axis=0), 1e-12)
        self.rows += rows

    def _covariance(self, rows: Sequence[int]) -> np.ndarray:
        """Between some candidates and all of them (n, N), without noise."""
        covariance: np.ndarray = np.exp(-self.decay * self._distances(rows)) + self._linear(rows)
        return covariance

    def _linear(self, rows: Sequence[int]) -> np.ndarray:
        """That part of the covariance which is due to b0 and b1 (n, N)."""
        linear: np.ndarray = INTERCEPT + self.slope_variance * np.outer(self.prior[rows], self.prior)
        return linear

    def _distances(self, rows: Sequence[int]) -> np.ndarray:
        """From some candidates to all of them (n, N)."""
        for row in rows:
            if row not in self.columns:
                self.columns[row] = self.distances(row)
        return np.stack([self.columns[row] for row in rows])

    def _choose(self, rows: Sequence[int], values: np.ndarray) -> None:
        """Maximise the marginal likelihood over the grid."""
        distances = self._distances(rows)
        among, linear = distances[:, rows], self._linear(rows)[:, rows]
        residual = values - self.slope * self.prior[rows]
        best = -np.inf
        for decay in DECAYS / distances.mean():
            eigenvalues, vectors = np.linalg.eigh(np.exp(-decay * among) + linear)
            spectrum = eigenvalues[:, None] + NOISES  # (n, noises)
            squares = ((vectors.T @ residual)[:, None] ** 2 / spectrum).sum(axis=0)
            evidence = -np.log(spectrum).sum(axis=0) - (BELIEF + len(rows)) * np.log(BELIEF + squares)
            if evidence.max() > best:
                best, self.decay, self.noise = evidence.max(), decay, NOISES[evidence.argmax()]

    def _estimated_slope(self, rows: Sequence[int], values: np.ndarray) -> float:
        """The posterior mean of b1."""
        scores = self.prior[rows]
        covariance = self._covariance(rows)[:, rows] + self.noise * np.eye(len(rows))
        residual = np.linalg.solve(covariance, values - self.slope * scores)
        return float(self.slope + self.slope_variance * scores @ residual)
