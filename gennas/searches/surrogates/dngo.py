"""DNGO: Bayesian linear regression on the last hidden layer of a small network.

Source: Snoek et al., "Scalable Bayesian Optimization Using Deep Neural Networks", ICML 2015, section 3, as the code of
arch2vec (Yan et al., NeurIPS 2020) has it: one layer of 128 tanh units, trained for 100 epochs by Adam at 0.01 on the
squared error; then the precisions of weights and noise by the evidence. Unlike there, the basis has a constant, values
are standardised, the evidence is exact, each batch is everything known, and the deviation is no variance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import BayesianRidge
from torch import Tensor, nn

from gennas.searches.surrogates import Posterior, Trend

WIDTH, EPOCHS, LEARNING_RATE = 128, 100, 0.01


class Dngo:
    """Trained anew at each fit, from weights that depend on the seed alone."""

    def __init__(self, features: np.ndarray, seed: int, trend: Trend | None = None) -> None:
        """`features` (N, F), standardised; what a `trend` follows is one more column of the basis."""
        self.features = torch.tensor(features, dtype=torch.float64)
        self.seed = seed
        constant = np.ones((len(features), 1))
        self.linear = constant if trend is None else np.column_stack([constant, trend.values])
        self.basis = self.linear  # (N, columns)
        self.regression = BayesianRidge(fit_intercept=False)

    def fit(self, rows: Sequence[int], values: np.ndarray) -> None:
        """Train the network, then estimate both precisions."""
        hidden = self._train(self.features[rows], torch.tensor(values, dtype=torch.float64))
        with torch.no_grad():
            self.basis = np.column_stack([hidden(self.features).numpy(), self.linear])
        self.regression.fit(self.basis[rows], values)

    def posterior(self, rows: Sequence[int], values: np.ndarray) -> Posterior:
        """Mean and standard deviation (N,) of what is predicted, without the noise."""
        noise, weights = self.regression.alpha_, self.regression.lambda_  # precisions
        known = self.basis[rows]
        precision = noise * known.T @ known + weights * np.eye(known.shape[1])
        covariance = np.linalg.inv(precision)
        mean = self.basis @ (noise * covariance @ known.T @ values)
        return mean, np.sqrt(np.einsum("nc,cd,nd->n", self.basis, covariance, self.basis, optimize=True))

    def _train(self, features: Tensor, values: Tensor) -> nn.Module:
        """The hidden layer."""
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(self.seed)
            hidden = nn.Sequential(nn.Linear(features.shape[1], WIDTH), nn.Tanh())
            network = nn.Sequential(hidden, nn.Linear(WIDTH, 1), nn.Flatten(0)).double()
        optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
        for _ in range(EPOCHS):
            optimizer.zero_grad()
            nn.functional.mse_loss(network(features), values).backward()
            optimizer.step()
        return hidden
