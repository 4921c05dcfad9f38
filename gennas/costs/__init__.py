"""Costs: what a network takes to be stored and run. One module each.

A cost is a module with a `DECLARATION` (its `unit`) and `cost(network, inputs)`, which looks at the network or runs it
once on the inputs, without gradients; found by name. It says nothing of how good the network is: searches are
constrained by costs (`gennas.searches.constraints`) or have them for an objective, and two of them are the baselines
among the proxies.

Those of in-memory computing declare `crossbars`: they depend on how layers are connected, and take the constants of
`gennas.costs.crossbars`, which params.yaml may give.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gennas import catalogue

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gennas.spaces import Space


def unit(name: str) -> str:
    """The unit of a cost."""
    return str(catalogue.declaration("costs", name)["unit"])


def of_network(network: nn.Module, inputs: Tensor, name: str, constants: Mapping[str, Any]) -> float:
    """A cost of a network in evaluation mode; `constants` are of crossbars, for those that take them."""
    own = constants if catalogue.declaration("costs", name).get("crossbars") else {}
    return float(catalogue.load_module("costs", name).cost(network, inputs, **own))


def measure(
    space: Space, architecture: Any, names: Sequence[str], constants: Mapping[str, Any] | None = None
) -> tuple[float, ...]:
    """Costs of an architecture's network of the benchmark's own size, for one input. Draws no random numbers."""
    import torch  # takes seconds

    with torch.random.fork_rng([]):
        network = space.build(architecture).eval()
    inputs = torch.zeros(space.INPUT_SHAPE)
    return tuple(of_network(network, inputs, name, constants or {}) for name in names)


class Costs:
    """Some costs of the architectures of a space, by their ids; each network is measured once.

    A space may say that several architectures have the same `layers`, or the same ones that are alive (see
    `gennas.spaces.Space`): one is measured.
    """

    def __init__(self, space: Space, names: Sequence[str], constants: Mapping[str, Any] | None = None) -> None:
        self.space = space
        self.names = tuple(names)
        self.constants = constants or {}
        wired = any(catalogue.declaration("costs", name).get("crossbars") for name in names)
        counted: Callable[[Any], Hashable] = getattr(space, "layers", space.to_id)
        alive: Callable[[Any], Hashable] = getattr(space, "alive", space.to_id)
        self.key = (lambda one: (counted(one), alive(one))) if wired else counted
        self.known: dict[Hashable, tuple[float, ...]] = {}

    def __call__(self, ids: Sequence[str]) -> np.ndarray:
        """The costs of architectures (n, names)."""
        return np.array([self._of(self.space.from_id(one)) for one in ids]).reshape(len(ids), len(self.names))

    def _of(self, architecture: Any) -> tuple[float, ...]:
        key = self.key(architecture)
        if key not in self.known:
            self.known[key] = measure(self.space, architecture, self.names, self.constants)
        return self.known[key]
