"""Compute intensity: operations per byte of memory traffic. Hardware that waits for memory wants it high.

Source: Williams et al., "Roofline: An Insightful Visual Performance Model for Multicore Architectures", CACM 2009; as
a constraint of a search, Zhou et al., "EPNAS: Efficient Progressive Neural Architecture Search", BMVC 2019.
"""

from __future__ import annotations

from torch import Tensor, nn

from gennas.costs.counting import count

DECLARATION = {"units": {"intensity": "FLOP/byte"}, "alike": "layers"}


def cost(network: nn.Module, *inputs: Tensor) -> tuple[float]:
    """The quotient of `flops` and `memory_traffic`; 0 of a network without a layer."""
    counted = count(network, *inputs)
    return (counted.flops / counted.bytes if counted.bytes else 0.0,)
