"""The network of every cell of NAS-Bench-201 at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gennas.spaces.common.nasbench201.cell import EDGES, OPERATIONS
from gennas.spaces.common.nasbench201.network import Network, operation, size


class MixedCell(nn.Module):
    """A cell with all operations on every edge, each weighed by its entry of `choices`, which `Supernet` sets."""

    choices: Tensor  # (edges, operations)
    computed: list[list[bool]]  # likewise

    def __init__(self, channels: int) -> None:
        super().__init__()
        #: Edge and operation of each module; `none` has none, for it adds nothing.
        self.places = [(edge, op) for edge in range(len(EDGES)) for op, name in enumerate(OPERATIONS) if name != "none"]
        self.operations = nn.ModuleList(operation(op, channels, channels) for _, op in self.places)

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x, *(torch.zeros_like(x) for _ in range(3))]
        for (edge, op), module in zip(self.places, self.operations, strict=True):
            source, target = EDGES[edge]
            if self.computed[edge][op]:
                nodes[target] = nodes[target] + self.choices[edge, op] * module(nodes[source])
        return nodes[3]


class Supernet(Network):
    """The network of every cell at once: `choose` says how much of each operation there is on each edge."""

    def __init__(self, channels: int, cells: int) -> None:
        super().__init__(MixedCell, channels, cells)
        self.choose(torch.full((len(EDGES), len(OPERATIONS)), 1 / len(OPERATIONS)))

    def choose(self, choices: Tensor, computed: Tensor | None = None) -> None:
        """Set the weights (edges, operations) of all cells; one-hot rows make the network of one architecture.

        Operations that are not to be `computed` (booleans, likewise) count as zero, and have no gradient.
        """
        self.choices = choices
        kept = (torch.ones(choices.shape) if computed is None else computed).tolist()
        for module in self.modules():
            if isinstance(module, MixedCell):
                module.choices, module.computed = choices, kept

    def costs(self, size: tuple[int, int]) -> Tensor:
        """What each operation costs on each edge (edges, operations), for images of a height and width: see `log_cost`.

        The mean over the stages' cells.
        """
        height, width = size
        stages = [(channels, (height >> stage) * (width >> stage)) for stage, channels in enumerate(self.channels)]
        each = [sum(log_cost(name, *stage) for stage in stages) / len(stages) for name in OPERATIONS]
        return torch.tensor([each] * len(EDGES))


def log_cost(name: str, channels: int, pixels: int) -> float:
    """The mean of the logarithms of weights, multiply-adds and values moved; what is below 1 counts as 1.

    Source: the released code of SNAS (Xie et al., ICLR 2019), its closed forms.
    """
    if name == "none":
        return 0.0
    if name.startswith("nor_conv"):
        weights = int(name[-1]) ** 2 * channels**2
        costs = weights, weights * pixels, 2 * pixels * channels + weights
    else:
        costs = 0, 9 * pixels * channels if name.startswith("avg_pool") else 0, 2 * pixels * channels
    return sum(math.log(max(1, value)) for value in costs) / len(costs)


def build(width: float = 1.0, depth: float = 1.0) -> Supernet:
    """All cells' networks in one, likewise initialised."""
    return Supernet(*size(width, depth))
