"""Size: trainable parameters."""

from __future__ import annotations

from torch import Tensor, nn

DECLARATION = {"units": {"parameters": "parameters"}, "alike": "layers"}


def cost(network: nn.Module, *inputs: Tensor) -> tuple[float]:
    """How many there are, each counted once."""
    return (float(sum(parameter.numel() for parameter in network.parameters())),)
