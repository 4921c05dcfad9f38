"""A table of candidates as a space of its own: draw one, or step to one that resembles it.

So GenNAS searches the spaces of which only some architectures have been trained (section 4.3).
"""

from __future__ import annotations

import numpy as np

#: A step leads to one of so many: as many as cells of NAS-Bench-201 differ from one in one operation.
NEIGHBOURS = 24


class Neighbours:
    """Candidates are row indices of `encodings`, integers (N, features).

    Two candidates are as far apart as they differ in many features (the Hamming distance).
    """

    def __init__(self, encodings: np.ndarray) -> None:
        self.encodings = encodings

    def draw(self, rng: np.random.Generator) -> int:
        """Any row."""
        return int(rng.integers(len(self.encodings)))

    def mutate(self, row: int, rng: np.random.Generator) -> int:
        """One of the rows nearest to another one; among equally distant ones, chance decides which count."""
        distance = (self.encodings != self.encodings[row]).sum(axis=1)  # (N,)
        order = np.lexsort((rng.random(len(distance)), distance))
        return int(rng.choice(order[order != row][:NEIGHBOURS]))
