"""Labelled graphs that need no download: the neighbours among scikit-learn's digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gennas.errors import InputError
from gennas.seeds import rng

DECLARATION = {"labelled": {"digits_neighbours": "scikit-learn's digits, each joined to its nearest neighbours"}}
NEIGHBOURS = 8
PIXEL_LIMIT = 16
#: Labelled nodes of each class to learn from, as in the citation graphs that networks of graphs are compared on.
PER_CLASS = 20
VALIDATION_LIMIT = 500  # nodes, as there


@dataclass(frozen=True)
class LabelledGraph:
    """Nodes with features and classes, and edges in both directions."""

    features: np.ndarray  # (N, F), float32
    edges: np.ndarray  # (2, E), int64
    labels: np.ndarray  # (N,), int64

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1


def digits_neighbours() -> LabelledGraph:
    """1,797 digits of 64 pixels, ten classes: two are joined where one is among the nearest eight of the other.

    Of equally near ones, the first is the nearest: which one a library takes depends on the machine.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    squares = np.square(pixels).sum(1)
    distances = squares[:, None] + squares - 2 * pixels @ pixels.T  # exact: of whole numbers
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argsort(axis=1, kind="stable")[:, :NEIGHBOURS]
    joined = np.zeros(distances.shape, bool)
    np.put_along_axis(joined, nearest, True, axis=1)
    edges = np.stack((joined | joined.T).nonzero())
    return LabelledGraph((pixels / PIXEL_LIMIT).astype(np.float32), edges.astype(np.int64), labels.astype(np.int64))


def load(dataset: str) -> LabelledGraph:
    """The graph of a name."""
    if dataset != "digits_neighbours":
        raise InputError(f"dataset: {dataset!r} is not one of {', '.join(DECLARATION['labelled'])}")
    return digits_neighbours()


def split(graph: LabelledGraph, validation_share: float, seed: int) -> dict[str, np.ndarray]:
    """The nodes of each part, drawn from the seed: a few of each class to learn, a share of the others to validate.

    That share is of one node at least, whatever it is, and of 500 at most.
    """
    order = rng(seed, "split").permutation(len(graph.labels))
    train = np.concatenate([order[graph.labels[order] == label][:PER_CLASS] for label in range(graph.classes)])
    rest = order[~np.isin(order, train)]
    validation, test = np.split(rest, [min(max(1, round(validation_share * len(rest))), VALIDATION_LIMIT)])
    return {"train": train, "validation": validation, "test": test}
