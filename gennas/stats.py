"""Statistics of ranks: correlation and its interval, shares of the best, relative ranks, Pareto fronts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import bootstrap, kendalltau, rankdata, t

from gennas.seeds import rng

RESAMPLES = 1000
#: Architectures beyond which rho's interval is in closed form: the bootstrap would take minutes and say the same.
MANY = 2000


def spearman(x: Any, y: Any, axis: int = -1) -> Any:
    """Spearman's rho along an axis, ties sharing their mean rank; nan where one side is constant.

    Vectorised over the other axes, which scipy.stats.spearmanr is not: the bootstrap needs it.
    """
    rx, ry = (rankdata(v, axis=axis) for v in (x, y))
    rx, ry = (r - r.mean(axis=axis, keepdims=True) for r in (rx, ry))
    with np.errstate(invalid="ignore"):
        return (rx * ry).sum(axis) / np.sqrt((rx**2).sum(axis) * (ry**2).sum(axis))


def interval(scores: np.ndarray, quality: np.ndarray, seed: int) -> tuple[float, float]:
    """Rho's 95 % interval over architectures: by percentile bootstrap or, of many, that of Fisher's transformation.

    Source of its variance for ranks: Bonett and Wright, Psychometrika 65, 2000, p. 24.
    """
    if len(scores) > MANY:
        rho = spearman(scores, quality)
        reach = 1.96 * np.sqrt((1 + rho**2 / 2) / (len(scores) - 3))
        with np.errstate(divide="ignore"):  # of a rho of 1
            low, high = np.tanh(np.arctanh(rho) - reach), np.tanh(np.arctanh(rho) + reach)
        return float(low), float(high)
    low, high = bootstrap(
        (scores, quality), spearman, paired=True, vectorized=True, n_resamples=RESAMPLES,
        method="percentile", rng=rng(seed, "bootstrap"),
    ).confidence_interval  # fmt: skip
    return float(low), float(high)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean of several runs, and half of its 95 % interval by Student's t; nan of one run."""
    found = np.array(values)
    if len(found) < 2:
        return float(found.mean()), math.nan
    reach = t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / math.sqrt(len(found))
    return float(found.mean()), float(reach)


def top_share(scores: np.ndarray, quality: np.ndarray) -> float:
    """Share of the truly best 5 % that the predicted best 10 % contain."""
    n = len(scores)
    best = np.argsort(-quality, kind="stable")[: max(1, n // 20)]
    predicted = np.argsort(-scores, kind="stable")[: max(1, n // 10)]
    return len(np.intersect1d(best, predicted)) / len(best)


def agreement(scores: np.ndarray, quality: np.ndarray, seed: int) -> tuple[float, ...]:
    """How far scores agree with quality: n, how many of them failed, rho, its interval, Kendall's tau, top share."""
    rho, tau = float(spearman(scores, quality)), float(kendalltau(scores, quality).statistic)
    failed = int(np.isneginf(scores).sum())
    return len(scores), failed, rho, *interval(scores, quality, seed), tau, top_share(scores, quality)


def relative_ranks(values: np.ndarray) -> np.ndarray:
    """The ranks r / n of values along the first axis: 1 for the highest; ties share their mean."""
    ranked: np.ndarray = rankdata(values, axis=0) / len(values)
    return ranked


def quantiles(values: np.ndarray) -> np.ndarray:
    """Where each of values (n,) is among all of them, in (0, 1), the highest last; ties share their mean."""
    found: np.ndarray = (rankdata(values) - 0.5) / len(values)
    return found


def rank_among(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The relative rank of each of values (m,) in a reference (n,): that of `relative_ranks` for one of its members.

    Any other value is between its neighbours, as far as it is between them, and beyond the best by less than one more
    rank: different values have different ranks. A rank depends on its value and the reference only.
    """
    ordered = np.sort(reference)
    below, up_to = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    members = (below + up_to + 1) / 2
    ranks: np.ndarray = np.where(below == up_to, below + _way(ordered, values, below), members) / len(reference)
    return ranks


def _way(ordered: np.ndarray, values: np.ndarray, below: np.ndarray) -> np.ndarray:
    """How far each value (m,) is on its way, 0 to 1, from the neighbour with `below` others under or at it to the next.

    Where there is no neighbour, or an infinite one, it nears the end with the distance from the other, in spans of the
    reference; but the way from a missing worst one begins at its half, so that no rank is 0.
    """
    # Halves, so that no difference of finite numbers overflows.
    finite = ordered[np.isfinite(ordered)] / 2
    span = (np.ptp(finite) if len(finite) else 0.0) or 1.0
    lower = np.concatenate([[-np.inf], ordered])[below]
    upper = np.concatenate([ordered, [np.inf]])[below]
    with np.errstate(all="ignore"):
        up, down, gap = values / 2 - lower / 2, upper / 2 - values / 2, upper / 2 - lower / 2
        between, beyond, under = (
            np.nan_to_num(up / gap, nan=0.5),
            1 - 1 / (1 + up / span),
            0.5 + 0.5 / (1 + down / span),
        )
    least, most = np.isneginf(values), np.isposinf(values)
    alone, worst, best = np.isneginf(lower) & np.isposinf(upper), np.isneginf(lower), np.isposinf(upper)
    way: np.ndarray = np.select([least, most, alone, worst, best], [0.5, 1.0, 0.5, under, beyond], between)
    return way


def front(points: np.ndarray) -> np.ndarray:
    """Which of points (n, objectives), higher is better, no other one dominates (n,); equal ones all or none."""
    kept: list[int] = []
    for i in np.lexsort(-points.T[::-1]):  # the highest first objective first: none is dominated by a later one
        better = points[kept] >= points[i]
        if not (better.all(axis=1) & (points[kept] > points[i]).any(axis=1)).any():
            kept.append(int(i))
    chosen = np.zeros(len(points), bool)
    chosen[kept] = True
    return chosen


def hypervolume(points: np.ndarray, reference: np.ndarray) -> float:
    """The area that points (n, 2), higher is better, dominate beyond a reference point (2,).

    Source: Zitzler and Thiele, "Multiobjective Optimization Using Evolutionary Algorithms", PPSN 1998.
    """
    gained = np.maximum(points - reference, 0.0)
    gained = gained[np.argsort(-gained[:, 0], kind="stable")]
    heights = np.maximum.accumulate(gained[:, 1])
    widths = gained[:, 0] - np.append(gained[1:, 0], 0.0)
    return float(widths @ heights)


def igd_plus(points: np.ndarray, true_front: np.ndarray) -> float:
    """How far points (n, objectives) are from a true front (k, objectives), higher is better; 0 if they have all of it.

    The mean over the true front of the distance to the nearest point, counting only where that is worse, in shares of
    the true front's range. Source: Ishibuchi et al., "Modified Distance Calculation in Generational Distance and
    Inverted Generational Distance", EMO 2015. Infinite of no points.
    """
    if not len(points):
        return math.inf
    span = np.ptp(true_front, axis=0)
    worse = np.maximum(true_front[:, None] - points[None], 0.0) / np.where(span > 0, span, 1.0)  # (k, n, objectives)
    return float(np.sqrt((worse**2).sum(axis=2)).min(axis=1).mean())


def pareto_front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The names of the points (cost, value) that none as cheap or cheaper equals in value, cheapest first."""
    best: list[str] = []
    for name, (_, value) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if not best or value > points[best[-1]][1]:
            best.append(name)
    return best
