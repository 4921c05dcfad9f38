"""Bayesian optimisation: evaluate the candidate of which most improvement is expected, learn, repeat.

A surrogate predicts every candidate of the pool from those evaluated so far; the next one has the largest expected
improvement on the best of these (Jones, Schonlau and Welch, "Efficient Global Optimization of Expensive Black-Box
Functions", 1998, equation 15). Within a batch, what was chosen before is believed to have the value predicted of it
(the kriging believer of Ginsbourger, Le Riche and Carraro, 2010). No candidate is evaluated twice.

Of a quality and a cost, which is known of every candidate, it is the hypervolume of the front that is to improve. The
surrogate predicts the quality alone, and its mean may follow the cost; see `gennas.searches.common.acquisition`.

Scores may have any scale and outliers: a surrogate sees -ln(1 + gap / median gap), standardised, the gap being that to
the best one. So the best ones are told apart, and the bad ones are not told from very bad ones.

With a `prior`, label-free scores, the search starts where they point and learns where they are wrong. Candidates
without a score get what a Gaussian process expects of them; the first candidates are the best of a draw from it
(Thompson, 1933); and the surrogate's mean follows the scores as far as evaluations confirm them. Nothing of this is in
the papers above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from gennas.errors import InputError
from gennas.searches import driver
from gennas.searches.base import Candidate, Scores, SearchContext, Step
from gennas.searches.common.acquisition import HypervolumeImprovement, Improvement
from gennas.searches.features import Distances, hamming, represent, squared_euclidean, standardise
from gennas.searches.surrogates import Posterior, Surrogate, Trend
from gennas.searches.surrogates.gaussian_process import GaussianProcess
from gennas.seeds import derive_seed
from gennas.spaces.common.encoding import one_hot

DECLARATION = {
    "scores": True,
    "objectives": "several",
    "supernet": False,
    "options": {
        "surrogate": {"enum": ["gp", "dngo"], "description": "a Gaussian process, by default, or a network"},
        "initial": {
            "type": "integer",
            "minimum": 1,
            "description": "candidates before the surrogate chooses, by default 5: random ones, or the prior's",
        },
        "prior": {"type": "string", "description": "a proxy or aggregate: the search starts where its scores point"},
        "encoding": {"type": "string", "description": "a learned encoding, instead of the space's own"},
    },
    "optional": ["surrogate", "initial", "prior", "encoding"],
}
INITIAL = 5
OBJECTIVES = "by: bayesian takes a quality, or a quality and a cost; name one scorer, or one and a cost"
#: Mean and variance of the slope of a label-free score, and of a cost, of which it is not known whether it helps.
SCORE, COST = (1.0, 0.25), (0.0, 1.0)
#: Of the logarithm of expected improvement: less than this apart, it is equal, on any number of threads.
TIE = 1e-8


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Blom's normal scores (n,): the quantiles of the standard normal distribution at the values' ranks."""
    scores: np.ndarray = ndtri((rankdata(values) - 0.375) / (len(values) + 0.25))
    return scores


def flatten(scores: Sequence[float]) -> np.ndarray:
    """-ln(1 + gap / median gap) to the best score, standardised (n,); what has no score counts as the worst one."""
    values = np.array(scores, float)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(len(values))
    values[~finite] = values[finite].min()
    gaps = values.max() - values
    flat = -np.log1p(gaps / (np.median(gaps) or gaps.mean() or 1.0))
    standardised: np.ndarray = (flat - flat.mean()) / (flat.std() or 1.0)
    return standardised


class BayesianOptimisation(Generic[Candidate]):
    """Candidates are known by their row in the pool."""

    def __init__(
        self,
        pool: Sequence[Candidate],
        surrogate: Surrogate,
        order: np.ndarray,
        initial: int,
        gain: Improvement | HypervolumeImprovement,
        objective: int = 0,
    ) -> None:
        """`order` (N,): which rows come first, of which `initial` ones begin, and of equally promising ones.

        `gain` is the logarithm of what is expected of each; `objective` is the one that the surrogate predicts.
        """
        self.pool = pool
        self.surrogate = surrogate
        self.gain = gain
        self.objective = objective
        self.order = order
        self.initial = min(initial, len(pool))
        self.rows: list[int] = []  # evaluated, or asked for
        self.scores: list[float] = []

    def ask(self, count: int) -> list[Candidate]:
        """The first candidates, then the most promising ones; none if all have been evaluated."""
        if len(self.rows) < self.initial:
            chosen = self.order[len(self.rows) : self.initial][:count].tolist()
        else:
            chosen = self._promising(min(count, len(self.pool) - len(self.rows)))
        self.rows += chosen
        return [self.pool[row] for row in chosen]

    def _promising(self, count: int) -> list[int]:
        """The rows of a batch."""
        rows, values = list(self.rows), flatten(self.scores)
        if count:
            self.surrogate.fit(rows, values)
        for _ in range(count):
            mean, deviation = self.surrogate.posterior(rows, values)
            gain = self.gain(mean, deviation, rows, values)
            gain[rows] = -np.inf
            if not np.isfinite(gain).any():  # whatever is left is beyond the reference point
                gain = Improvement()(mean, deviation, rows, values)
                gain[rows] = -np.inf
            most = gain[self.order] > gain.max() - TIE
            rows.append(int(self.order[most.argmax()]))
            values = np.append(values, mean[rows[-1]])
        return rows[len(self.rows) :]

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[Scores]) -> None:
        """Their scores. Raises InputError for two of them without a cost."""
        if any(len(own) > 1 + (self.gain.several) for own in scores):
            raise InputError(OBJECTIVES)
        self.scores += [own[self.objective] for own in scores]


def interpolate(scores: Sequence[float], distances: Distances) -> Posterior:
    """What a Gaussian process expects of all candidates but the first n, whose scores are given: mean and deviation."""
    rows, values = range(len(scores)), normal_scores(np.array(scores))
    process = GaussianProcess(distances)
    process.fit(rows, values)
    mean, deviation = process.posterior(rows, values)
    return mean[len(scores) :], deviation[len(scores) :]


def run(context: SearchContext) -> Iterator[Step]:
    """Optimise over the pool of candidates."""
    candidates, options = context.candidates, context.options
    # Names of one network can cost hardware differently, and a table has measured each by itself.
    pool = candidates.pool(context.rng, twins=bool(context.known))
    gain, objective = _objectives(context, pool)
    found = [(candidates.from_id(one), score) for one, score in (context.prior or {}).items()]
    scored = [(candidate, score) for candidate, score in found if candidate is not None]
    features = represent(context, [*(candidate for candidate, _ in scored), *pool])  # (scored + N, F)
    measure = hamming if context.vectors is None else squared_euclidean
    trend, order = None, context.rng.permutation(len(pool))
    if isinstance(gain, HypervolumeImprovement):
        trend = Trend(normal_scores(gain.costs), COST)
    if scored:
        mean, deviation = interpolate([score for _, score in scored], measure(features))
        trend, order = Trend(normal_scores(mean), SCORE), gain.order(context.rng.normal(mean, deviation))
    surrogate = _surrogate(context, features[len(scored) :], measure, trend)
    initial = options.get("initial", INITIAL)
    searcher = BayesianOptimisation(pool, surrogate, order, initial, gain, objective)
    return driver.search(searcher, context)


def _objectives(context: SearchContext, pool: Sequence[Candidate]) -> tuple[Improvement | HypervolumeImprovement, int]:
    """What is to be gained, and which of the scores is to be predicted."""
    if not context.known:
        return Improvement(), 0
    (position, cost), *others = context.known.items()
    if others or position > 1:
        raise InputError(OBJECTIVES)
    costs = -np.array(cost([context.candidates.to_id(candidate) for candidate in pool]))
    return HypervolumeImprovement(costs), 1 - position


def _surrogate(
    context: SearchContext, features: np.ndarray, measure: Callable[[np.ndarray], Distances], trend: Trend | None
) -> Surrogate:
    """The one that the options name, over candidates of these features (N, F)."""
    if context.options.get("surrogate", "gp") == "gp":
        return GaussianProcess(measure(features), trend)
    from gennas.searches.surrogates.dngo import Dngo  # imports torch, which takes seconds

    inputs = standardise(one_hot(features)) if context.vectors is None else features
    return Dngo(inputs, derive_seed(context.seed, "surrogate"), trend)
