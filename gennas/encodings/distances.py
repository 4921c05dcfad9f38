"""Whether similar architectures have similar vectors."""

from __future__ import annotations

import numpy as np

from gennas.encodings.base import Measure
from gennas.seeds import rng

ANCHORS, OTHERS = 100, 10_000  # architectures whose distances are measured, and at most from how many others
FARTHEST = 10  # edit distance that has a row of its own


def measure(vectors: np.ndarray, encodings: np.ndarray, seed: int) -> list[Measure]:
    """Mean Euclidean distance of vectors (A, D) at each edit distance, and rho between the two.

    The edit distance is that of the space: the number of integers of `Space.encode` (A, F) that differ.
    """
    from scipy.spatial.distance import cdist
    from scipy.stats import spearmanr

    chosen = rng(seed, "distances").permutation(len(vectors))[:OTHERS]
    anchors = chosen[:ANCHORS]
    edits = np.rint(cdist(encodings[anchors], encodings[chosen], "hamming") * encodings.shape[1]).astype(int).ravel()
    latent = cdist(vectors[anchors], vectors[chosen]).ravel()
    latent, edits = latent[edits > 0], edits[edits > 0]
    if len({*edits.tolist()}) < 2:
        return []
    rho = Measure("distance", "rho with edit distance", len(edits), float(spearmanr(latent, edits)[0]))
    return [rho, *(_at(latent[edits == edit], edit) for edit in range(1, FARTHEST + 1) if (edits == edit).any())]


def _at(distances: np.ndarray, edit: int) -> Measure:
    deviation = float(distances.std())
    return Measure("distance", f"edit distance {edit}", len(distances), float(distances.mean()), deviation=deviation)
