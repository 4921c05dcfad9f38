"""The regression proxy on images: three tapped stages, each with a head and a target of its own.

Source: Li et al., "Generic Neural Architecture Search via Regression", NeurIPS 2021, section 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Generator, Tensor, nn
from torch.nn.functional import interpolate

from gennas.families.images import inputs
from gennas.regression.signals import GRID, draw_target
from gennas.regression.training import Drawn
from gennas.scoring import Context, Protocol

DEFAULT_TASK = "nasbench101"
STAGES = ("stage_1", "stage_2", "stage_3")
#: Of each stage's mean squared error, shallow to deep.
LOSS_WEIGHTS = (0.25, 0.5, 1.0)


class RegressionNetwork(nn.Module):
    """A backbone with one regression head per tapped stage.

    Maps images (B, 3, H, W) to one prediction (B, channels_k, 8, 8) per stage k: the features are
    resized to the grid (nearest), normalised per channel and projected by a 1x1 convolution.
    """

    def __init__(self, backbone: nn.Module, target_channels: tuple[int, ...]) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 1))
            for inputs, outputs in zip(cast(tuple[int, ...], backbone.channels), target_channels, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        features = self.backbone(images)
        return [head(interpolate(x, (GRID, GRID))) for head, x in zip(self.heads, features, strict=True)]


def head_channels(task: Mapping[str, Any], protocol: Protocol) -> tuple[int, ...]:
    """Target channels per stage: the task's factors times the protocol's `target_channels`."""
    return tuple(max(1, int(factor * protocol.target_channels)) for factor in task["channel_factors"])


def draw(task: Mapping[str, Any], context: Context, generator: Generator) -> Drawn:
    """The images, and the target (B, channels_k, 8, 8) of each stage k."""
    images = inputs(context)
    targets = tuple(
        draw_target(task["signals"][stage], images, target_channels, generator)
        for stage, target_channels in zip(STAGES, head_channels(task, context.protocol), strict=True)
    )
    return Drawn(images, targets)


def network(task: Mapping[str, Any], context: Context, architecture: Any) -> RegressionNetwork:
    """The network that learns the task."""
    backbone = context.space.build(architecture, context.protocol.width, context.protocol.depth)
    return RegressionNetwork(backbone, head_channels(task, context.protocol))
