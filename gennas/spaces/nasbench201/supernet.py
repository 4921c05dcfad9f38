"""The network of every cell of NAS-Bench-201 at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gennas.spaces.nasbench201.cell import EDGES, OPERATIONS
from gennas.spaces.nasbench201.network import Network, operation, size


class MixedCell(nn.Module):
    """A cell with all operations on every edge, each weighed by its entry of `choices`, which `Supernet` sets."""

    choices: Tensor  # (edges, operations)

    def __init__(self, channels: int) -> None:
        super().__init__()
        #: Edge and operation of each module; `none` has none, for it adds nothing.
        self.places = [(edge, op) for edge in range(len(EDGES)) for op, name in enumerate(OPERATIONS) if name != "none"]
        self.operations = nn.ModuleList(operation(op, channels) for _, op in self.places)

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x, *(torch.zeros_like(x) for _ in range(3))]
        for (edge, op), module in zip(self.places, self.operations, strict=True):
            source, target = EDGES[edge]
            nodes[target] = nodes[target] + self.choices[edge, op] * module(nodes[source])
        return nodes[3]


class Supernet(Network):
    """The network of every cell at once: `choose` says how much of each operation there is on each edge."""

    def __init__(self, channels: int, cells: int) -> None:
        super().__init__(MixedCell, channels, cells)
        self.choose(torch.full((len(EDGES), len(OPERATIONS)), 1 / len(OPERATIONS)))

    def choose(self, choices: Tensor) -> None:
        """Set the weights (edges, operations) of all cells; one-hot rows make the network of one architecture."""
        self.choices = choices
        for module in self.modules():
            if isinstance(module, MixedCell):
                module.choices = choices


def build(width: float = 1.0, depth: float = 1.0) -> Supernet:
    """All cells' networks in one, likewise initialised."""
    return Supernet(*size(width, depth))
