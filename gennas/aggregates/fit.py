"""A ridge regression of the labelled architectures' ranks of quality on their ranks by each member.

The weights are not negative; leaving one out chooses the penalty.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from gennas.aggregates import Labels
from gennas.stats import relative_ranks, spearman

DECLARATION = {"labels": True, "options": {}}
#: Penalties that a fit chooses from; its features and what it predicts are between 0 and 1.
PENALTIES = np.logspace(-3, 1, 9)


def fit(features: np.ndarray, quality: np.ndarray) -> Any:
    """The regression of ranks of quality (n,) on features (n, members)."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, LeaveOneOut

    ridge = Ridge(positive=True)
    search = GridSearchCV(ridge, {"alpha": PENALTIES}, scoring="neg_mean_squared_error", cv=LeaveOneOut())
    return search.fit(features, relative_ranks(quality))


@lru_cache(maxsize=1)
def fit_labels(labels: Labels) -> Any:
    """The regression of the labelled architectures, once."""
    return fit(labels.ranks, labels.quality)


def cross_validated_rho(features: np.ndarray, quality: np.ndarray) -> float:
    """Rho of the predictions for architectures that were each left out, of the choice of the penalty, too."""
    predicted = []
    for left_out in range(len(quality)):
        others = np.delete(features, left_out, axis=0), np.delete(quality, left_out)
        predicted.append(fit(*others).predict(features[[left_out]])[0])
    return float(spearman(predicted, quality))


def combine(ranks: np.ndarray, labels: Labels | None) -> np.ndarray:
    """The predicted rank of quality."""
    assert labels is not None
    predicted: np.ndarray = fit_labels(labels).predict(ranks)
    return predicted


def learnt(labels: Labels) -> dict[str, Any]:
    """What was learnt: its cross-validated rho, the penalty, and the weight of each member."""
    regression = fit_labels(labels)
    rho = cross_validated_rho(labels.ranks, labels.quality)
    return {
        "labelled": len(labels.quality),
        "cross_validated_rho": round(rho, 4) if math.isfinite(rho) else None,
        "penalty": float(regression.best_params_["alpha"]),
        "weights": [round(weight, 4) for weight in regression.best_estimator_.coef_.tolist()],
    }
