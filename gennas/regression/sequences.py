"""The regression proxy on sequences: a synthetic one in, another one out, token by token.

Source: Li et al., "Generic Neural Architecture Search via Regression", NeurIPS 2021, section 4.1, and the released
code, whose dropout is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Generator, Tensor, nn

from gennas.regression.signals import draw_sequences
from gennas.regression.training import Drawn
from gennas.scoring import Context

DEFAULT_TASK = "nlp"
ENDS = ("input", "target")
LOSS_WEIGHTS = (1.0,)
INITIAL_RANGE = 0.1  # of the weights of encoder and decoder


class RegressionNetwork(nn.Module):
    """A backbone between a linear encoder and a linear decoder; maps (T, B, D) to one prediction of that shape."""

    def __init__(self, backbone: nn.Module, dimension: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.encoder = nn.Linear(dimension, cast(int, backbone.inputs))
        self.decoder = nn.Linear(cast(int, backbone.outputs), dimension)
        nn.init.uniform_(self.encoder.weight, -INITIAL_RANGE, INITIAL_RANGE)
        nn.init.uniform_(self.decoder.weight, -INITIAL_RANGE, INITIAL_RANGE)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, sequences: Tensor) -> list[Tensor]:
        return [self.decoder(self.backbone(self.encoder(sequences)))]


def draw(task: Mapping[str, Any], context: Context, generator: Generator) -> Drawn:
    """The input sequences and their one target, both (T, B, D)."""
    sizes = context.protocol.batch_size, task["length"], task["dimension"]
    inputs, target = (draw_sequences(task["signals"][end], *sizes, generator) for end in ENDS)
    return Drawn(inputs, (target,))


def network(task: Mapping[str, Any], context: Context, architecture: Any) -> RegressionNetwork:
    """The network that learns the task."""
    backbone = context.space.build(architecture, context.protocol.width, context.protocol.depth)
    return RegressionNetwork(backbone, task["dimension"])
