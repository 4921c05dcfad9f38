"""Several objectives: which scores are better than which others, all objectives counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gennas.searches.base import Scores


def dominates(one: Scores, other: Scores) -> bool:
    """Whether scores are better than others in one objective, and worse in none."""
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def fronts(scores: Sequence[Scores]) -> list[int]:
    """The front of each: 0 if none dominates it, 1 if only those of front 0 do, and so on."""
    front = [-1] * len(scores)
    level = 0
    while waiting := [i for i, found in enumerate(front) if found < 0]:
        for i in waiting:
            if not any(dominates(scores[j], scores[i]) for j in waiting):
                front[i] = level
        level += 1
    return front


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
    front = [i for i, level in enumerate(fronts(scores)) if level == 0]
    spread = crowding([scores[i] for i in front])
    return front[max(range(len(front)), key=lambda i: spread[i])]


def best_first(scores: Sequence[Scores]) -> list[int]:
    """All indices, best first: front by front, the highest first score first, in order if equal."""
    level = fronts(scores) if scores and len(scores[0]) > 1 else [0] * len(scores)
    return sorted(range(len(scores)), key=lambda i: (level[i], [-value for value in scores[i]]))
