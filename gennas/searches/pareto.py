"""Several objectives: which scores are better than which others, all objectives counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gennas.searches.base import Scores
from gennas.stats import front


def fronts(scores: Sequence[Scores]) -> list[int]:
    """The front of each: 0 if none dominates it, 1 if only those of front 0 do, and so on."""
    values = np.array(scores, float)  # (n, objectives)
    level = np.full(len(values), -1)
    while len(waiting := np.flatnonzero(level < 0)):
        level[waiting[front(values[waiting])]] = level.max() + 1
    found: list[int] = level.tolist()
    return found


def crowding(scores: Sequence[Scores]) -> list[float]:
    """How far the neighbours of each are apart along the objectives, infinite at either end.

    Source: Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE TEC 2002, section III.B.
    What has no score (-inf) counts as the worst of those that have one.
    """
    values = np.array(scores)  # (n, objectives)
    total = np.zeros(len(values))
    for column in values.T:
        finite = column[np.isfinite(column)]
        if len(finite):
            column = column.clip(finite.min(), finite.max())
        order = np.argsort(column, kind="stable")
        if spread := np.ptp(column[order]):
            total[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
        total[order[[0, -1]]] = np.inf
    return [float(one) for one in total]


def best(scores: Sequence[Scores]) -> int:
    """The index of the best: of those that none dominates, the least crowded, the first of equals."""
    if len(scores[0]) == 1:
        return max(range(len(scores)), key=lambda i: scores[i])
    first: list[int] = np.flatnonzero(front(np.array(scores, float))).tolist()
    spread = crowding([scores[i] for i in first])
    return first[max(range(len(first)), key=lambda i: spread[i])]


def best_first(scores: Sequence[Scores]) -> list[int]:
    """All indices, best first: front by front, the highest first score first, in order if equal."""
    level = fronts(scores) if scores and len(scores[0]) > 1 else [0] * len(scores)
    return sorted(range(len(scores)), key=lambda i: (level[i], [-value for value in scores[i]]))
