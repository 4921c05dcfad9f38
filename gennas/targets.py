"""Targets: what a benchmark measured of its architectures, in which unit, and which way is better."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T", float, "np.ndarray")


@dataclass(frozen=True)
class Target:
    """What the values of a column are."""

    quantity: str  # for people; that of a cost is one of `COSTS`
    unit: str  # for people
    higher_is_better: bool
    low: float  # the least and the greatest value that there can be; infinite where there is no bound
    high: float

    @property
    def sign(self) -> int:
        """1 if more is better, else -1."""
        return 1 if self.higher_is_better else -1

    @property
    def is_cost(self) -> bool:
        """Whether it is a cost: known of every architecture before it is evaluated, so it is no label."""
        return self.quantity in COSTS

    def quality(self, values: T) -> T:
        """The values with the sign that makes higher better: what scores are compared with."""
        return self.sign * values

    def check(self, values: Iterable[float]) -> None:
        """Raise ValueError unless all values are within the bounds; not-a-number is not."""
        if not all(self.low <= value <= self.high for value in values):
            raise ValueError(f"values outside {self.low:g}..{self.high:g} {self.unit}")

    def to_text(self) -> str:
        """The declaration as JSON; a bound at infinity is null."""
        fields = {name: None if value in (-math.inf, math.inf) else value for name, value in asdict(self).items()}
        return json.dumps(fields, allow_nan=False)

    @classmethod
    def from_mapping(cls, fields: Any) -> Target:
        """The target of a parsed `to_text`. Raises ValueError for anything it would not have written."""
        kinds = {"quantity": str, "unit": str, "higher_is_better": bool, "low": float | None, "high": float | None}
        if not isinstance(fields, dict) or fields.keys() != kinds.keys():
            raise ValueError("not the declaration of a target")
        wrong = [name for name, kind in kinds.items() if not isinstance(fields[name], kind)]
        if wrong or any(fields[name] is not None and not math.isfinite(fields[name]) for name in ("low", "high")):
            raise ValueError(f"not the declaration of a target: {wrong}")
        low, high = fields["low"], fields["high"]
        bounds = {"low": -math.inf if low is None else low, "high": math.inf if high is None else high}
        return cls(**(fields | bounds))


#: In percent; more is better.
ACCURACY = Target("accuracy", "%", higher_is_better=True, low=0.0, high=100.0)
#: A correlation times 100, or a mean of such and accuracies: of text understanding (GLUE).
SCORE = Target("score", "points", higher_is_better=True, low=-100.0, high=100.0)
#: Cross-entropy per token; infinite for a training that failed.
LOG_PERPLEXITY = Target("log-perplexity", "nats", higher_is_better=False, low=0.0, high=math.inf)
#: Of a regression, as a share of the truth's magnitude.
RELATIVE_ERROR = Target("relative error", "", higher_is_better=False, low=0.0, high=math.inf)
LATENCY = Target("latency", "ms", higher_is_better=False, low=0.0, high=math.inf)
ENERGY_MJ = Target("energy", "mJ", higher_is_better=False, low=0.0, high=math.inf)
ENERGY_UJ = Target("energy", "µJ", higher_is_better=False, low=0.0, high=math.inf)
#: Of parameters, operations or bytes.
COUNT = Target("count", "", higher_is_better=False, low=0.0, high=math.inf)
#: Quantities that are costs, see `Target.is_cost`.
COSTS = {target.quantity for target in (LATENCY, ENERGY_MJ, ENERGY_UJ, COUNT)}
