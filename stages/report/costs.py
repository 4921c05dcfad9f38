"""What a proxy costs per architecture, an aggregate that of its members together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Seconds(NamedTuple):
    """Seconds per architecture, all repetitions together: the median of the rounds, the least and the most."""

    median: float
    low: float
    high: float


def per_architecture(section: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, Seconds]:
    """The cost of every proxy and aggregate of a space's section of params.yaml, from the rows of `artifacts.COSTS`."""
    measured = {row["proxy"]: Seconds(row["seconds"], row["seconds_low"], row["seconds_high"]) for row in rows}
    costs = {
        name: Seconds(*(proxy["seeds"] * seconds for seconds in measured[name]))
        for name, proxy in section["train_proxy"]["proxies"].items()
    }
    members = {name: [costs[member] for member in one["members"]] for name, one in section["aggregate"].items()}
    return costs | {name: Seconds(*map(sum, zip(*own, strict=True))) for name, own in members.items()}


def text(seconds: float) -> str:
    """Two digits that count, as many as a measurement on a busy machine has."""
    return f"{seconds:#.2g}".rstrip(".") if seconds < 99.5 else f"{seconds:.0f}"
