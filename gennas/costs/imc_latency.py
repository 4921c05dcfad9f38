"""Latency of in-memory computing: of one input, by the model of `gennas.costs.crossbars`."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from gennas.costs import crossbars

DECLARATION = {"unit": "ms", "crossbars": True}


def cost(network: nn.Module, inputs: Tensor, **constants: Any) -> float:
    """That of the longest path."""
    return 1e-6 * crossbars.longest(network, inputs, crossbars.constants(constants))
