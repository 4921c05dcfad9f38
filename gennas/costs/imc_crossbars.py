"""Area of in-memory computing: crossbars that hold the weights, by the model of `gennas.costs.crossbars`."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from gennas.costs import crossbars

DECLARATION = {"unit": "crossbars", "crossbars": True}


def cost(network: nn.Module, inputs: Tensor, **constants: Any) -> float:
    """How many there are."""
    hardware = crossbars.constants(constants)
    return float(sum(layer.crossbars(hardware) for layer in crossbars.layers(network, inputs)))
