"""Baseline: floating-point operations of one input through the benchmark's own network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gennas import catalogue
from gennas.costs import flops
from gennas.scoring import Context, Score

DECLARATION = {"families": ["graphs", "images", "sequences"], "protocol": False, "per_family": ["families"]}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """More is better. Counts convolutions and matrix products, two operations per multiply-add."""

    family = catalogue.load_module("families", context.space.FAMILY)

    def count(architecture: Any) -> Score:
        network = context.space.build(architecture).eval()
        (found,) = flops.cost(network, *family.example(context.space.INPUT_SHAPE))
        return Score(found)

    return lambda architectures: map(count, architectures)
