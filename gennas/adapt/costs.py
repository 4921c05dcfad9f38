"""What `gennas.cost` measures of one's own network."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from gennas import catalogue, costs
from gennas.errors import InputError

IMAGE = (1, 3, 32, 32)


def measure(
    model: nn.Module, kind: str, inputs: np.ndarray | torch.Tensor | None, constants: Mapping[str, float]
) -> dict[str, tuple[float, str]]:
    """Value and unit of the cost of a name, or of those whose names begin with it."""
    known = catalogue.names("costs")
    names = [name for name in known if name == kind or name.startswith(f"{kind}_")]
    if not names:
        raise InputError(f"kind: {kind!r} is no cost (known: {', '.join(known)})")
    taking = [name for name in names if catalogue.declaration("costs", name).get("crossbars")]
    if constants and not taking:
        raise InputError(f"{min(constants)}: the cost {kind} has no constants; leave it out")
    batch = torch.zeros(IMAGE) if inputs is None else torch.as_tensor(inputs)
    if len(batch) != 1 and taking:
        raise InputError(f"inputs: {len(batch)} of them; give one, whose first dimension is 1")
    network = copy.deepcopy(model).eval()
    return {name: (costs.of_network(network, batch, name, constants), costs.unit(name)) for name in names}
