"""Baseline: floating-point operations of one input through the benchmark's own network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from gennas.proxies.common.fusion import nothing_fused
from gennas.scoring import Context, Score

DECLARATION = {"families": ["images", "sequences"], "protocol": False}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """More is better. Counts convolutions and matrix products, two operations per multiply-add."""

    def count(architecture: Any) -> Score:
        network = context.space.build(architecture).eval()
        # One real pass: on the meta device, whose shapes are found in Python, it takes three times as long.
        with torch.no_grad(), nothing_fused(network), FlopCounterMode(display=False) as counter:
            network(torch.zeros(context.space.INPUT_SHAPE))
        return Score(float(counter.get_total_flops()))

    return lambda architectures: map(count, architectures)
