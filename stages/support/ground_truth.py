"""What the benchmark says of the architectures that a search found."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

from gennas.errors import InputError
from gennas.targets import Target


class GroundTruth:
    """What the benchmark says of an architecture."""

    def __init__(self, values: dict[str, float], target: Target) -> None:
        self.values, self.target = values, target
        #: Higher is better.
        self.quality = {architecture: target.quality(value) for architecture, value in values.items()}
        self.sorted = sorted(self.quality.values())

    def of(self, architecture: str) -> tuple[float, int, float]:
        """The target, the rank from 1 (equals share the best), the regret against the optimum."""
        if architecture not in self.values:
            raise InputError(
                f"params.yaml: search_architecture.candidates: the benchmark has not trained {architecture}; "
                "search those that it has trained (benchmark)"
            )
        quality = self.quality[architecture]
        rank = len(self.sorted) - bisect_right(self.sorted, quality) + 1
        return self.values[architecture], rank, self.sorted[-1] - quality


def reported_by(target: str) -> str:
    """The column of the test set beside that of a validation set: choose by the one, report the other."""
    return target.replace("_validation_", "_test_")


def answer(architecture: str, score: float, truth: GroundTruth) -> dict[str, Any]:
    """An architecture that was found, its score, and how good it is; what is not finite is null."""
    value, rank, regret = truth.of(architecture)
    finite = {
        name: round(number, 6) if math.isfinite(number) else None
        for name, number in (("score", score), ("value", value), ("regret", regret))
    }
    return {"architecture": architecture, "rank": rank, **finite}


def regret_csv(rows: list[dict[str, Any]]) -> str:
    """Regret after each evaluation, averaged over seeds, one line per search and evaluation."""
    regrets: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        regrets.setdefault((row["search"], row["evaluation"]), []).append(row["regret"])
    lines = [f"{name},{step},{sum(values) / len(values):.4f}" for (name, step), values in regrets.items()]
    return "\n".join(["search,evaluation,regret", *lines, ""])
