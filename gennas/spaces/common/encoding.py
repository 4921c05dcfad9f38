"""The integers of `Space.encode` as models read them."""

from __future__ import annotations

import numpy as np


def one_hot(encodings: np.ndarray) -> np.ndarray:
    """Integers (A, F) as indicators (A, D), whose squared distances are twice the number of differing integers."""
    columns = [column[:, None] == np.unique(column) for column in encodings.T]
    return np.concatenate(columns, axis=1).astype(float)
