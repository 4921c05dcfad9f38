"""Computation: floating-point operations of a pass, those of convolutions and matrix products."""

from __future__ import annotations

from torch import Tensor, nn

from gennas.costs.counting import count

DECLARATION = {"units": {"flops": "FLOP"}, "alike": "layers"}


def cost(network: nn.Module, *inputs: Tensor) -> tuple[float]:
    """Two operations per multiply-add."""
    return (float(count(network, *inputs).flops),)
