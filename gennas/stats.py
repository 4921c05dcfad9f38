"""Rank statistics that scipy does not have in vectorised form."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata


def spearman(x: Any, y: Any, axis: int = -1) -> Any:
    """Spearman's rho along an axis, ties sharing their mean rank; nan where one side is constant.

    Vectorised over the other axes, which scipy.stats.spearmanr is not: the bootstrap needs it.
    """
    rx, ry = (rankdata(v, axis=axis) for v in (x, y))
    rx, ry = (r - r.mean(axis=axis, keepdims=True) for r in (rx, ry))
    with np.errstate(invalid="ignore"):
        return (rx * ry).sum(axis) / np.sqrt((rx**2).sum(axis) * (ry**2).sum(axis))


def relative_ranks(values: np.ndarray) -> np.ndarray:
    """The ranks r / n of values along the first axis: 1 for the highest; ties share their mean."""
    ranked: np.ndarray = rankdata(values, axis=0) / len(values)
    return ranked


def rank_among(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The relative rank of each of values (m,) in a reference (n,): that of `relative_ranks` for one of its members.

    Any other value is half-way between its neighbours, and at most 1. It depends on that value and the reference only.
    """
    ordered = np.sort(reference)
    below, up_to = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    ranks: np.ndarray = np.minimum((below + up_to + 1) / (2 * len(reference)), 1)
    return ranks
