"""Costs: what a network takes to be stored and run. One module each.

A cost is a module with a `DECLARATION` (its `unit`) and `cost(network, inputs)`, which looks at the network or runs it
once on the inputs, without gradients; found by name. It says nothing of how good the network is: searches are
constrained by costs (`gennas.searches.constraints`), and two of them are the baselines among the proxies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gennas import catalogue

if TYPE_CHECKING:
    from gennas.spaces import Space


def measure(space: Space, architecture: Any, names: Sequence[str]) -> tuple[float, ...]:
    """Costs of an architecture's network of the benchmark's own size, for one input. Draws no random numbers."""
    import torch  # takes seconds

    with torch.random.fork_rng([]):
        network = space.build(architecture).eval()
    inputs = torch.zeros(space.INPUT_SHAPE)
    return tuple(float(catalogue.load_module("costs", name).cost(network, inputs)) for name in names)


class Costs:
    """Some costs of the architectures of a space, by their ids; each network is measured once.

    A space may say that several architectures have the same `layers` (see `gennas.spaces.Space`): one is measured.
    """

    def __init__(self, space: Space, names: Sequence[str]) -> None:
        self.space = space
        self.names = tuple(names)
        self.layers: Callable[[Any], Hashable] = getattr(space, "layers", space.to_id)
        self.known: dict[Hashable, tuple[float, ...]] = {}

    def __call__(self, ids: Sequence[str]) -> np.ndarray:
        """The costs of architectures (n, names)."""
        return np.array([self._of(self.space.from_id(one)) for one in ids]).reshape(len(ids), len(self.names))

    def _of(self, architecture: Any) -> tuple[float, ...]:
        layers = self.layers(architecture)
        if layers not in self.known:
            self.known[layers] = measure(self.space, architecture, self.names)
        return self.known[layers]
