"""What a proxy is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    from gennas.spaces import Space


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
    protocol: Mapping[str, Any]  # how a network is built and trained; see docs/parameters.md
    images: np.ndarray  # unlabelled, uint8 (N, H, W, 3)
    seed: int
    device: torch.device
    task: Mapping[str, Any] | None = None  # the regression task, for the regression proxy
    limits: Mapping[int, float] = field(default_factory=dict)  # by iteration, the loss above which a training ends
    dataset: str | None = None  # labelled images, for the proxy that learns them
