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
