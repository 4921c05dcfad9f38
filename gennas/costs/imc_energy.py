"""Energy of in-memory computing: of one input, by the model of `gennas.costs.crossbars`."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from gennas.costs import crossbars

DECLARATION = {"unit": "µJ", "crossbars": True}


def cost(network: nn.Module, inputs: Tensor, **constants: Any) -> float:
    """The sum over layers."""
    hardware = crossbars.constants(constants)
    return 1e-6 * sum(layer.energy(hardware) for layer in crossbars.layers(network, inputs))
