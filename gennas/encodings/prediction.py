"""What vectors are worth: predicting a target of other architectures from a few, by an exact Gaussian process.

Its kernel is a constant times an RBF of one length scale, plus noise. They maximise the marginal likelihood of the
labels, of 250 of them at most. Vectors are scaled as a whole, so that their coordinates have unit variance on average.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gennas.encodings.base import Measure
from gennas.seeds import rng

LABELS = (100, 250, 1000)
SEEDS = 10
TESTED = 5000  # architectures at most that are predicted
FITTED = 250  # labels at most that the kernel is fitted to

#: The values (m,) that are predicted at the rows `others` (m,) from the values (n,) at the rows `labelled` (n,).
Predictor = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class Scores(NamedTuple):
    """Pearson's r, Spearman's rho, the root mean square error, and of how many architectures."""

    r: float
    rho: float
    rmse: float
    tested: int


def gaussian_process(vectors: np.ndarray) -> Predictor:
    """The predictor of vectors (A, D)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    scaled = vectors / (np.sqrt(vectors.var(axis=0).mean()) or 1.0)
    kernel = ConstantKernel(1.0, (1e-3, 1e3)) * RBF(3.0, (1e-2, 1e3)) + WhiteKernel(0.1, (1e-6, 10.0))

    def predict(labelled: np.ndarray, values: np.ndarray, others: np.ndarray) -> np.ndarray:
        few = GaussianProcessRegressor(kernel, normalize_y=True)
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # a bound that is reached is fine
            few.fit(scaled[labelled[:FITTED]], values[:FITTED])
        process = GaussianProcessRegressor(few.kernel_, optimizer=None, normalize_y=True)
        found: np.ndarray = process.fit(scaled[labelled], values).predict(scaled[others])
        return found

    return predict


def measure(
    predictors: Callable[[int], Mapping[str, Predictor]],
    values: np.ndarray,
    seed: int,
    track: Callable[[range], Iterable[int]] = iter,
) -> list[Measure]:
    """How well the predictors of each repetition do on a target's values (A,): the means and the deviations.

    All are given the same labels, and tested on the same others. Fewer architectures than twice the labels are too
    few to say.
    """
    scores: dict[tuple[int, str], list[Scores]] = {}
    numbers = [labels for labels in LABELS if 2 * labels <= len(values)]
    for repetition in track(range(SEEDS)):
        order = rng(seed, "labels", repetition).permutation(len(values))
        for name, predict in predictors(repetition).items():
            for labels in numbers:
                own, others = order[:labels], order[labels : labels + TESTED]
                found = score(predict(own, values[own], others), values[others])
                scores.setdefault((labels, name), []).append(found)
    return [one for (labels, name), own in sorted(scores.items()) for one in summaries(name, labels, own)]


def score(predicted: np.ndarray, true: np.ndarray) -> Scores:
    """How well values (m,) are predicted; a constant prediction has no correlation, 0."""
    from scipy.stats import pearsonr, spearmanr

    error = float(np.sqrt(np.mean((predicted - true) ** 2)))
    if np.ptp(predicted) == 0:
        return Scores(0.0, 0.0, error, len(true))
    return Scores(float(pearsonr(predicted, true)[0]), float(spearmanr(predicted, true)[0]), error, len(true))


def summaries(name: str, labels: int, scores: Sequence[Scores]) -> list[Measure]:
    """The measures of one predictor and number of labels."""
    columns = {what: [getattr(one, what) for one in scores] for what in ("r", "rho", "rmse")}
    return [
        Measure(f"prediction {what}", name, scores[0].tested, float(np.mean(own)), labels, len(own), float(np.std(own)))
        for what, own in columns.items()
    ]
