"""A space of one network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from gennas.adapt.copies import Model, make_copy


@dataclass(frozen=True)
class Own:
    """A space whose one member is a network of one's own: what proxies ask of any space, less width and depth."""

    FAMILY: str
    INPUT_SHAPE: tuple[int, ...]  # of one input
    MEMORY_FORMAT: torch.memory_format
    wrap: Callable[[nn.Module], nn.Module]  # a copy as a backbone
    taps: tuple[str, ...] = ()
    CLASSES: int | None = None  # of a network that is its own classifier

    def build(self, architecture: Model, width: float = 1.0, depth: float = 1.0) -> nn.Module:
        """A copy of the network, or a new one from the function that makes it."""
        return self.wrap(make_copy(architecture))
