"""What `gennas.cost` measures of one's own network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gennas import costs
from gennas.adapt.copies import Model, make_copy, reason, title
from gennas.adapt.run import Inputs, as_tensors, computing_on, described, random_state_kept
from gennas.errors import InputError

IMAGE = (1, 3, 32, 32)


def measure(model: Model, kind: str, inputs: Inputs | None, constants: Mapping[str, Any]) -> dict[str, float]:
    """What a module measures of a copy of a network in evaluation mode, by name. See `gennas.api.cost`."""
    costs.check_constants(kind, constants)
    given = as_tensors(torch.zeros(IMAGE) if inputs is None else inputs)
    batch = tuple(one.float() if one.is_floating_point() else one for one in given)
    device = torch.device("cpu")
    with computing_on(device), random_state_kept(device, 0):
        return _run(model, kind, batch, constants)


def _run(model: Model, kind: str, batch: tuple[Tensor, ...], constants: Mapping[str, Any]) -> dict[str, float]:
    network = make_copy(model).eval()
    try:
        return costs.of_network(network, batch, kind, constants)
    except InputError:
        raise
    except Exception as error:  # whatever a forward can raise
        raise InputError(
            f"model: {title(model)} fails on {described(batch)} ({reason(error)}); give inputs= that it reads"
        ) from error
