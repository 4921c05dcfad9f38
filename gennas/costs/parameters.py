"""Size: trainable parameters."""

from __future__ import annotations

from torch import Tensor, nn

DECLARATION = {"unit": "parameters"}


def cost(network: nn.Module, inputs: Tensor) -> float:
    """How many there are, each counted once."""
    return float(sum(parameter.numel() for parameter in network.parameters()))
