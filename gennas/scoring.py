"""What a proxy is given and what it gives back; below the proxies and the regression that they train."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from gennas.errors import InputError

if TYPE_CHECKING:
    import torch

    from gennas.spaces import Space


#: Fields of a protocol that trains networks: it has all of them.
TRAINING = ("iterations", "optimizer", "learning_rate", "momentum", "weight_decay", "readout", "readout_window")


@dataclass(frozen=True)
class Protocol:
    """How a proxy builds and, if it trains them, trains its networks. docs/parameters.md explains each field."""

    width: float  # factors of the benchmark's own networks
    depth: float
    batch_size: int
    time_limit: float  # seconds
    resolution: int | Sequence[int] | None = None  # pixels: of a square, or (height, width); None: no images are read
    target_channels: int = 64  # of a regression target, at factor 1
    iterations: int = 0  # 0: networks are looked at as they are initialised
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 4e-5
    readout: str = "training"  # or evaluation
    readout_window: int = 1  # iterations

    @classmethod
    def from_section(cls, section: Mapping[str, Any]) -> Protocol:
        """A section of params.yaml; an InputError names a key that no protocol has, or one that is missing.

        A protocol that trains says everything about it: no field of `TRAINING` is left to its default.
        """
        known = {one.name: one.default is MISSING for one in fields(cls)}
        needed = {name for name, required in known.items() if required}
        needed |= {*TRAINING} if {*TRAINING} & section.keys() else set()
        for keys, what in ((section.keys() - known, "unknown"), (needed - section.keys(), "missing")):
            if keys:
                names = ", ".join(sorted(keys))
                raise InputError(f"params.yaml: protocols: {names} is {what}; docs/parameters.md lists the keys of one")
        return cls(**section)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images, in pixels; an InputError where the resolution does not say."""
        match self.resolution:
            case int(side):
                return side, side
            case int(height), int(width):
                return height, width
            case None:
                raise InputError("params.yaml: protocols: resolution is missing from the one for images; add it")
        raise InputError(f"protocol: resolution is {self.resolution!r}; give one number of pixels, or (height, width)")


#: For proxies that only count something of the benchmark's own networks.
BENCHMARK_NETWORK = Protocol(width=1.0, depth=1.0, batch_size=1, time_limit=math.inf)
#: Those of the default study, for use without params.yaml. Measured in docs/protocols.md; `paper` is GenNAS's own.
PROTOCOLS: Mapping[str, Protocol] = {
    "reduced": Protocol(0.5, 0.2, 8, 120, resolution=24, iterations=30, readout_window=5),
    "thorough": Protocol(0.5, 1.0, 8, 600, resolution=32, iterations=60, readout_window=5),
    "untrained": Protocol(1.0, 0.2, 16, 120, resolution=32),
    "paper": Protocol(1.0, 1.0, 16, 3600, resolution=32, iterations=100, readout="evaluation"),
}


@dataclass(frozen=True)
class Score:
    """What a proxy says of one architecture. Higher is better."""

    score: float
    status: str = "ok"  # or "stopped" at a limit; "diverged", "undefined", "timed out", "crashed": -inf
    losses: tuple[float, ...] = ()  # training loss at each iteration, for proxies that train


@dataclass(frozen=True)
class Context:
    """Everything a proxy may look at besides the architecture."""

    space: Space
    protocol: Protocol
    #: Unlabelled, uint8 (N, H, W, 3); or what one's own network reads, such as a graph's features and edges.
    images: np.ndarray | torch.Tensor | tuple[torch.Tensor, ...]
    seed: int
    device: torch.device
    options: Mapping[str, Any] = field(default_factory=dict)  # what the proxy's DECLARATION names
    limits: Mapping[int, float] = field(default_factory=dict)  # by iteration, the loss above which a training ends
