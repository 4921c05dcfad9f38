"""Successive halving: a training that is behind half of those before it is not worth going on with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


class Halving:
    """Asynchronous successive halving, its stopping variant, by half at each rung.

    Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2; there a
    training waits at its rung until it is among the better half, here it ends.
    """

    def __init__(self, rungs: Sequence[int], window: int, minimum: int) -> None:
        """`rungs` are numbers of iterations; losses are means over `window` ones; `minimum` trainings go on freely."""
        self.window = window
        self.minimum = minimum
        self.seen: dict[int, list[float]] = {rung: [] for rung in rungs}

    def limits(self) -> dict[int, float]:
        """By rung, the loss above which a training is to end: the median of those seen."""
        return {rung: median(losses) for rung, losses in self.seen.items() if len(losses) >= self.minimum}

    def tell(self, losses: Sequence[float]) -> None:
        """The curve of a training, as far as it got."""
        from gennas.regression.training import recent  # imports torch, which takes seconds

        for rung, seen in self.seen.items():
            if len(losses) >= rung:
                loss = recent(losses[:rung], self.window)
                seen.append(loss if math.isfinite(loss) else math.inf)  # a nan has no place in a median
