"""What models of a pool read of its N candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gennas.errors import InputError
from gennas.searches.base import SearchContext

#: From a candidate, by its row, to all of them (N,).
Distances = Callable[[int], np.ndarray]


def represent(context: SearchContext, chosen: Sequence[Any]) -> np.ndarray:
    """Candidates by the learned encoding (n, D), standardised, or else by the space's own integers (n, F)."""
    if context.vectors is None:
        return np.array([context.candidates.encode(one) for one in chosen])
    ids = [context.candidates.to_id(one) for one in chosen]
    if missing := [one for one in ids if one not in context.vectors]:
        raise InputError(f"encoding: there is no vector of {missing[0]}; give one of every candidate")
    return standardise(np.array([context.vectors[one] for one in ids]))


def hamming(encodings: np.ndarray) -> Distances:
    """The numbers of differing entries, of encodings (N, F)."""
    return lambda row: np.count_nonzero(encodings != encodings[row], axis=1)


def squared_euclidean(vectors: np.ndarray) -> Distances:
    """The squared distances, of vectors (N, D)."""
    return lambda row: ((vectors - vectors[row]) ** 2).sum(axis=1)


def standardise(vectors: np.ndarray) -> np.ndarray:
    """Columns (N, D) of mean 0 and variance 1; a constant one becomes 0."""
    deviation = vectors.std(axis=0)
    standardised: np.ndarray = (vectors - vectors.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return standardised
