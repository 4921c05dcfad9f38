"""What an encoding is given and what it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from gennas.spaces import Space


class Measure(NamedTuple):
    """Something measured of an encoding: of `n` cells, pairs or architectures, maybe over several seeds."""

    name: str  # such as reconstruction
    subject: str  # what of it, such as whole cell
    n: int
    value: float
    labels: int = 0  # whose accuracies it has seen
    seeds: int = 1
    deviation: float = 0.0  # over the seeds


class Encoder(Protocol):
    """What a training gives."""

    @property
    def architectures(self) -> Sequence[Any]:
        """Those that it was made with."""

    def encode(self, architectures: Sequence[Any]) -> np.ndarray:
        """A vector per architecture: float32 (A, D)."""

    def measures(self) -> list[Measure]:
        """What can be said of it without labels."""


@dataclass(frozen=True)
class EncodingContext:
    """Everything that an encoding may use."""

    space: Space
    seed: int
    options: Mapping[str, Any]  # what the encoding's DECLARATION names
    device: torch.device
