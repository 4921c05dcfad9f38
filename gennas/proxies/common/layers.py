"""The layers whose weights proxies judge."""

from __future__ import annotations

from torch import nn


def weighted_layers(network: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """Convolutions and linear layers, the classifier's included: neither biases nor batch norm count."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
