"""Costs: what a network takes to be stored and run. One module each, which measures one thing or several.

A cost is a module with a `DECLARATION` and `cost(network, *inputs, **constants)`, which looks at the network or runs it
once on the inputs, without gradients, and gives a tuple of what it measures. It says nothing of how good the network
is: searches are constrained by costs (`gennas.searches.constraints`) or have them for an objective, and two of them are
the baselines among the proxies.

`DECLARATION`: `units`, the unit of each thing that is measured, by its name, which no other module has, in the order of
the tuple; `options`, the JSON schemas of its constants, which may all be left out; `alike`, which function of a space,
`layers` or `alive`, is equal for networks that cost the same (see `gennas.spaces.Space`), if one is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gennas import catalogue
from gennas.errors import InputError
from gennas.files import documents

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gennas.spaces import Space

#: Constants by the name of a module: {"imc": {"adc_pj": 0.7}}.
Constants = Mapping[str, Mapping[str, Any]]


def names() -> list[str]:
    """All that is measured, by any module, sorted."""
    return sorted(_kinds())


def kind_of(name: str) -> str:
    """The module that measures what has a name; an InputError lists the known names."""
    kinds = _kinds()
    if name not in kinds:
        raise InputError(f"{name!r} is no cost (known: {', '.join(sorted(kinds))})")
    return kinds[name]


def unit(name: str) -> str:
    """The unit of what has a name."""
    return str(catalogue.declaration("costs", kind_of(name))["units"][name])


def _kinds() -> dict[str, str]:
    """The module by what it measures. Raises InputError for a name that two modules have."""
    kinds: dict[str, str] = {}
    for kind in catalogue.names("costs"):
        for name in catalogue.declaration("costs", kind)["units"]:
            if name in kinds:
                raise InputError(f"gennas/costs/{kind}.py: {kinds[name]} measures {name!r}, too; rename one of them")
            kinds[name] = kind
    return kinds


def check_constants(kind: str, constants: Mapping[str, Any]) -> None:
    """Raise an InputError of one line unless these are constants of a module, of the values that it allows."""
    documents.check_options(constants, catalogue.declaration("costs", kind).get("options", {}), kind)


def of_network(
    network: nn.Module, inputs: Sequence[Tensor], kind: str, constants: Mapping[str, Any]
) -> dict[str, float]:
    """What a module measures of a network in evaluation mode, by name."""
    found = catalogue.load_module("costs", kind).cost(network, *inputs, **constants)
    return dict(zip(catalogue.declaration("costs", kind)["units"], map(float, found), strict=True))


def measure(
    space: Space, architecture: Any, names: Sequence[str], constants: Constants | None = None
) -> tuple[float, ...]:
    """Costs of an architecture's network of the benchmark's own size, for one input. Draws no random numbers."""
    import torch  # takes seconds

    with torch.random.fork_rng([]):
        network = space.build(architecture).eval()
    inputs = catalogue.load_module("families", space.FAMILY).example(space.INPUT_SHAPE)
    found: dict[str, float] = {}
    for kind in dict.fromkeys(map(kind_of, names)):
        found |= of_network(network, inputs, kind, (constants or {}).get(kind, {}))
    return tuple(found[name] for name in names)


class Costs:
    """Some costs of the architectures of a space, by their ids; each network is measured once.

    Of architectures whose networks cost the same, as far as the space says so, one is measured.
    """

    def __init__(self, space: Space, names: Sequence[str], constants: Constants | None = None) -> None:
        self.space = space
        self.names = tuple(names)
        self.constants = constants or {}
        self.keys = [_key(space, kind) for kind in dict.fromkeys(map(kind_of, names))]
        self.known: dict[Hashable, tuple[float, ...]] = {}

    def __call__(self, ids: Sequence[str]) -> np.ndarray:
        """The costs of architectures (n, names)."""
        return np.array([self._of(self.space.from_id(one)) for one in ids]).reshape(len(ids), len(self.names))

    def _of(self, architecture: Any) -> tuple[float, ...]:
        alike = tuple(key(architecture) for key in self.keys)
        if alike not in self.known:
            self.known[alike] = measure(self.space, architecture, self.names, self.constants)
        return self.known[alike]


def _key(space: Space, kind: str) -> Callable[[Any], Hashable]:
    """A function of architectures, equal for those that cost the same by a module."""
    alike = catalogue.declaration("costs", kind).get("alike", "")
    found: Callable[[Any], Hashable] = getattr(space, alike, space.to_id)
    return found
