"""Memory traffic: what layers read and write in a pass, weights included, in single precision.

Source of the closed form, k^2 C C' + y^2 (C + C') numbers for a convolution of stride 1 and 2 y^2 C for pooling: the
resource model of Xie et al., "SNAS: Stochastic Neural Architecture Search", ICLR 2019. Only layers count
(`gennas.costs.counting`): a skip connection, 2 y^2 C there, is free here.
"""

from __future__ import annotations

from torch import Tensor, nn

from gennas.costs.counting import count

DECLARATION = {"units": {"memory_traffic": "byte"}, "alike": "layers"}


def cost(network: nn.Module, *inputs: Tensor) -> tuple[float]:
    """Bytes, were every layer to read its inputs from memory and to write its outputs there."""
    return (float(count(network, *inputs).bytes),)
