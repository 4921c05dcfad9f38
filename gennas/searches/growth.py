"""What searches that grow architectures share: levels, the prediction of scores, and rewards under constraints.

A space with growth has a tree of architectures: those of a level are partial architectures, of one step more than those
of the level before, and members of the space like any other (`gennas.spaces.Space`). Half of the evaluations are kept
for the last level, half of the others for the one before, and so on; what a small level leaves goes on.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata

from gennas.searches.base import Scores, SearchContext
from gennas.searches.candidates import OfSpace

#: Of a violated constraint: the reward of what is twice above a bound is multiplied by this.
PENALTY = 0.1
#: Architectures of a level that are expanded at a time.
BEAM = 10


def quantiles(scores: np.ndarray) -> np.ndarray:
    """Where each of scores (n,) is among all of them, in (0, 1), the highest last; equal ones share their mean."""
    return (rankdata(scores) - 0.5) / len(scores)


def rewards(quality: np.ndarray, violations: np.ndarray) -> np.ndarray:
    """Qualities (n,) in (0, 1], less the more constraints (n, bounds) are violated: q * p^v1 * p^v2 * ...

    Source: the product of Zhou et al., "Resource-Efficient Neural Architect", 2018, from memory. A quality must not be
    negative, as negated losses are: a penalty would then be a bonus.
    """
    product: np.ndarray = quality * PENALTY ** violations.sum(axis=1)
    return product


class Predictor:
    """A Gaussian process of scores, by their ranks, on what architectures are like: their encodings and costs."""

    def __init__(self, encodings: np.ndarray, costs: np.ndarray, scores: np.ndarray) -> None:
        """Learn the scores (n,) of architectures: encodings (n, features), integers, and costs (n, bounds)."""
        from sklearn.compose import make_column_transformer
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        features = encodings.shape[1]
        columns = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(range(features))),
            (StandardScaler(), list(range(features, features + costs.shape[1]))),
        )
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(2.0, (0.3, 30.0)) + WhiteKernel(0.1, (1e-4, 1.0))
        self.model = make_pipeline(columns, GaussianProcessRegressor(kernel))
        self.model.fit(np.hstack([encodings, costs]), norm.ppf(quantiles(scores)))

    def __call__(self, encodings: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """The predicted quantiles (n,) of architectures among those learned."""
        predicted: np.ndarray = norm.cdf(self.model.predict(np.hstack([encodings, costs])))
        return predicted


class Growth:
    """Where a search is in the tree, and what it has evaluated there."""

    def __init__(self, context: SearchContext) -> None:
        assert isinstance(context.candidates, OfSpace)
        self.space: Any = context.candidates.space
        self.context = context
        self.level = 1  # of what is evaluated now
        self.parents: list[Any] = [self.space.ROOT]
        self.found: dict[Any, float] = {}  # score of each architecture that has been evaluated
        self.here: list[Any] = []  # those of this level
        self.predictor: Predictor | None = None

    @property
    def last(self) -> bool:
        """Whether what is evaluated now is complete."""
        return bool(self.level == self.space.LEVELS)

    def room(self) -> int:
        """How many evaluations this level has left."""
        levels_after = self.space.LEVELS - self.level
        budget = self.context.evaluations
        return (budget if self.last else max(1, budget >> levels_after + 1)) - len(self.here)

    def limit(self, count: int) -> int:
        """As many of `count` evaluations as this level has left."""
        return min(count, self.room())

    def beam(self) -> list[tuple[Any, list[Any]]]:
        """The best parents that have anything left to grow into, and what: at the next level if this one is done."""
        beam = self._beam()
        while not self.last and (self.room() <= 0 or not beam):
            self.level, self.here, self.parents = self.level + 1, [], self._best_first(self.here)
            beam = self._beam()
        return beam

    def _beam(self) -> list[tuple[Any, list[Any]]]:
        fresh = ((parent, self._fresh(parent)) for parent in self.parents)
        return list(itertools.islice((pair for pair in fresh if pair[1]), BEAM))

    def _fresh(self, parent: Any) -> list[Any]:
        """What a parent may grow into and has not; at the last level, networks that are new and feasible."""
        children = self.space.expansions(parent, self.level - 1)
        if not self.last:
            return [child for child in children if child not in self.found]
        canonical = getattr(self.space, "canonical", lambda architecture: architecture)
        known = set(map(canonical, self.found))
        children = [child for child in children if canonical(child) not in known]
        return [child for child, met in zip(children, self.context.constraints.met(self.ids(children)), strict=True) if met]

    def _best_first(self, architectures: Sequence[Any]) -> list[Any]:
        order = np.argsort(-self.rewards(architectures), kind="stable")
        return [architectures[i] for i in order]

    def ids(self, architectures: Sequence[Any]) -> list[str]:
        """The ids of architectures."""
        return [self.space.to_id(architecture) for architecture in architectures]

    def encode(self, architectures: Sequence[Any]) -> np.ndarray:
        """The encodings (n, features) of architectures."""
        return np.array([self.space.encode(architecture) for architecture in architectures])

    def rewards(self, architectures: Sequence[Any]) -> np.ndarray:
        """The rewards (n,) of architectures that have been evaluated, by their ranks among all that have."""
        known = dict(zip(self.found, quantiles(np.array([*self.found.values()])), strict=True))
        return self._penalised(np.array([known[architecture] for architecture in architectures]), architectures)

    def predicted_rewards(self, architectures: Sequence[Any]) -> np.ndarray:
        """The rewards (n,) that the predictor expects; all equal before there is one."""
        if self.predictor is None:
            return np.full(len(architectures), 0.5)
        return self._penalised(self.predictor(*self._features(architectures)), architectures)

    def _penalised(self, quality: np.ndarray, architectures: Sequence[Any]) -> np.ndarray:
        """What a partial architecture lacks it may still get; what it has too much of it keeps."""
        return rewards(quality, self.context.constraints.excess(self.ids(architectures)))

    def _features(self, architectures: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        return self.encode(architectures), self.context.constraints.costs(self.ids(architectures))

    def tell(self, architectures: Sequence[Any], scores: Sequence[Scores]) -> None:
        """Add what has been evaluated, and learn to predict all of it anew."""
        self.found.update((one, own[0]) for one, own in zip(architectures, scores, strict=True))
        self.here += architectures
        self.predictor = Predictor(*self._features(list(self.found)), np.array([*self.found.values()]))

    def eligible(self, architecture: Any) -> bool:
        """Whether an architecture may be the answer."""
        return bool(self.context.constraints.met(self.ids([architecture]))[0])
