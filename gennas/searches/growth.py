"""What searches that grow architectures share: levels, the prediction of scores, and rewards under constraints.

A space with growth has a tree of architectures: those of a level are partial architectures, of one step more than those
of the level before, and members of the space like any other (`gennas.spaces.Space`). Half of the evaluations are kept
for the last level, half of the others for the one before, and so on; what a small level leaves goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, cast

import numpy as np
from scipy.stats import norm

from gennas.errors import InputError
from gennas.searches.base import Scores, SearchContext
from gennas.searches.candidates import OfSpace
from gennas.searches.constraints import UNCONSTRAINED
from gennas.spaces import canonical
from gennas.stats import quantiles

#: Of a violated constraint: the reward of what is twice above a bound is multiplied by this.
PENALTY = 0.1


def rewards(quality: np.ndarray, violations: np.ndarray) -> np.ndarray:
    """Qualities (n,) in (0, 1], less the more constraints (n, bounds) are violated: q * p^v1 * p^v2 * ...

    Source: the product of Zhou et al., "Resource-Efficient Neural Architect", 2018, from memory. A quality must not be
    negative, as negated losses are: a penalty would then be a bonus.
    """
    product: np.ndarray = quality * PENALTY ** violations.sum(axis=1)
    return product


class Predictor:
    """A Gaussian process of scores, by their ranks, on the encodings of architectures, one-hot.

    Costs as further features made it worse on NAS-Bench-201: the encoding says all of them already.
    """

    def __init__(self, encodings: np.ndarray, scores: np.ndarray) -> None:
        """Learn the scores (n,) of architectures from their encodings (n, features)."""
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(2.0, (1.0, 30.0)) + WhiteKernel(0.1, (1e-4, 1.0))
        one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        self.model = make_pipeline(one_hot, GaussianProcessRegressor(kernel))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a scale at its limit, as of few scores or equal ones
            self.model.fit(encodings, norm.ppf(quantiles(scores)))

    def __call__(self, encodings: np.ndarray) -> np.ndarray:
        """The predicted quantiles (n,) of architectures among those learned; rounded, or threads would break ties."""
        predicted: np.ndarray = norm.cdf(self.model.predict(encodings)).round(6)
        return predicted


class Growth:
    """Where a search is in the tree, and what it has evaluated there."""

    def __init__(self, context: SearchContext) -> None:
        assert isinstance(context.candidates, OfSpace)
        self.space: Any = cast(Any, context.candidates.space)
        self.canonical = cache(canonical(self.space))
        self.expansions: Callable[[Any, int], list[Any]] = cache(self.space.expansions)
        self.constraints = context.constraints or UNCONSTRAINED
        self.evaluations = context.evaluations
        self.level = 1  # of what is evaluated now
        self.found: dict[Any, float] = {}  # score of each architecture that has been evaluated
        self.here: list[Any] = []  # those of this level
        self.known: set[Any] = set()  # the identities of all
        self.eligible = cache(self._eligible)
        self.predictor: Predictor | None = None

    @property
    def last(self) -> bool:
        """Whether what is evaluated now is complete."""
        return bool(self.level == self.space.LEVELS)

    def room(self) -> int:
        """How many evaluations this level has left."""
        levels_after = self.space.LEVELS - self.level
        budget = self.evaluations if self.last else max(1, self.evaluations >> levels_after + 1)
        return budget - len(self.here)

    def limit(self, count: int) -> int:
        """As many of `count` evaluations as this level has left."""
        return min(count, self.room())

    def ascend(self) -> None:
        """Go on to the next level."""
        self.level, self.here = self.level + 1, []
        self.known = set(map(self.identity, self.found))

    def fresh(self, architectures: Iterable[Any]) -> list[Any]:
        """Those that are worth an evaluation, each once: not known and, if complete, new networks that are feasible."""
        new: dict[Any, Any] = {}
        for one in architectures:
            if (identity := self.identity(one)) not in self.known and (not self.last or self.eligible(one)):
                new.setdefault(identity, one)
        return list(new.values())

    def identity(self, architecture: Any) -> Any:
        """Equal for complete architectures that are the same network; partial ones may grow into different ones."""
        return self.canonical(architecture) if self.last else architecture

    def check(self) -> None:
        """Raise InputError if nothing has been evaluated that meets the constraints, when there is nothing left."""
        if not any(map(self.eligible, self.found)):
            raise InputError("constraints: nothing that was grown meets them; loosen them")

    def grown(self, parent: Any) -> list[Any]:
        """What an architecture of the level before may grow into that is worth an evaluation."""
        return self.fresh(self.expansions(parent, self.level - 1))

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
        if self.predictor is None or not architectures:
            return np.full(len(architectures), 0.5)
        return self._penalised(self.predictor(self.encode(architectures)), architectures)

    def _penalised(self, quality: np.ndarray, architectures: Sequence[Any]) -> np.ndarray:
        """What a partial architecture lacks it may still get; what it has too much of it keeps."""
        return rewards(quality, self.constraints.excess(self.ids(architectures)))

    def tell(self, architectures: Sequence[Any], scores: Sequence[Scores]) -> None:
        """Add what has been evaluated, and learn to predict all of it anew."""
        self.found.update((one, own[0]) for one, own in zip(architectures, scores, strict=True))
        self.here += architectures
        self.known.update(map(self.identity, architectures))
        self.predictor = Predictor(self.encode(list(self.found)), np.array([*self.found.values()]))

    def _eligible(self, architecture: Any) -> bool:
        """Whether an architecture may be the answer."""
        return bool(self.constraints.met(self.ids([architecture]))[0])
