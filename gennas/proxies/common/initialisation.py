"""Weights drawn anew, for the proxies whose papers do not start from PyTorch's defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


@torch.no_grad()
def redraw(network: nn.Module, draw: Callable[[Tensor], Any]) -> None:
    """Let `draw` fill the weights of every convolution and linear layer; their biases become zero.

    Batch normalisation starts as the papers want it: weights one, biases zero.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            weight = torch.empty(module.weight.shape)  # on the CPU, whose generator `make_untrained` seeds
            draw(weight)
            module.weight.copy_(weight)
            if module.bias is not None:
                module.bias.zero_()
