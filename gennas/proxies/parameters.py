"""Baseline: the number of trainable parameters of the benchmark's own network, without classifier or embedding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from gennas.costs import parameters
from gennas.scoring import Context, Score

DECLARATION = {"families": ["graphs", "images", "sequences"], "protocol": False}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """Bigger is better: a proxy that does not beat this one says nothing of the architecture."""

    def count(architecture: Any) -> Score:
        with torch.device("meta"):
            network = context.space.build(architecture)
        (found,) = parameters.cost(network)
        return Score(found)

    return lambda architectures: map(count, architectures)
