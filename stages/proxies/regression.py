"""The regression proxy: train an architecture for seconds on synthetic signals, score it by the loss.

Source: Li et al., "Generic Neural Architecture Search via Regression", NeurIPS 2021, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import interpolate, mse_loss

from stages.datasets import to_tensor
from stages.proxies.base import Context, Score
from stages.proxies.signals import GRID, draw_target
from stages.proxies.tasks import STAGES
from stages.reproducibility import derive_seed

#: Weight of each stage's mean squared error in the loss, shallow to deep.
STAGE_WEIGHTS = (0.25, 0.5, 1.0)
#: Convolutions and pooling are 1.4 times faster in it on a CPU, together with the fused optimiser.
MEMORY_FORMAT = torch.channels_last


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


@dataclass(frozen=True)
class Task:
    """A drawn regression task: fixed images and targets, and the noise added at each iteration."""

    images: Tensor  # (B, 3, H, W)
    targets: tuple[Tensor, ...]  # per stage (B, channels_k, 8, 8)
    noise: tuple[Tensor, ...]  # per iteration (B, 3, H, W), and one more for the evaluation pass

    def to(self, device: torch.device) -> Task:
        """On a device, in the memory format of the networks that train on it."""

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, memory_format=MEMORY_FORMAT)

        return Task(move(self.images), tuple(map(move, self.targets)), tuple(map(move, self.noise)))


def draw_task(task: Mapping[str, Any], protocol: Mapping[str, Any], images: Tensor, seed: int) -> Task:
    """Draw the targets and the noise of a task description (see docs/parameters.md) from a seed."""
    generator = Generator().manual_seed(seed)
    targets = tuple(
        draw_target(task["signals"][stage], images, target_channels, generator)
        for stage, target_channels in zip(STAGES, head_channels(task, protocol), strict=True)
    )
    shape = (protocol["iterations"] + 1, *images.shape)
    level = task["noise"]["level"]
    if task["noise"]["kind"] == "uniform":
        noise = (torch.rand(shape, generator=generator) * 2 - 1) * level
    else:
        noise = torch.randn(shape, generator=generator) * level
    return Task(images, targets, tuple(noise))


def head_channels(task: Mapping[str, Any], protocol: Mapping[str, Any]) -> tuple[int, ...]:
    """Target channels per stage: the task's factors times the protocol's width (64 in the paper)."""
    return tuple(max(1, int(factor * protocol["target_channels"])) for factor in task["channel_factors"])


def weighted_loss(predictions: list[Tensor], targets: tuple[Tensor, ...]) -> Tensor:
    """0.25 MSE(stage 1) + 0.5 MSE(stage 2) + 1.0 MSE(stage 3)."""
    terms = [w * mse_loss(p, t) for w, p, t in zip(STAGE_WEIGHTS, predictions, targets, strict=True)]
    return torch.stack(terms).sum()


def make_optimizer(network: nn.Module, protocol: Mapping[str, Any]) -> torch.optim.SGD:
    """SGD with momentum; weight decay only on tensors of more than one dimension."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": protocol["weight_decay"]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=protocol["learning_rate"], momentum=protocol["momentum"], fused=True)


def train(network: nn.Module, task: Task, protocol: Mapping[str, Any]) -> Score:
    """Train on the task and read the score out: the negated loss.

    readout `evaluation` (the paper): one pass in evaluation mode after the last iteration;
    `training`: the mean training-mode loss of the last `readout_window` iterations.
    """
    optimizer = make_optimizer(network, protocol)
    network.train()
    losses = []
    for step in range(protocol["iterations"]):
        loss = weighted_loss(network(task.images + task.noise[step]), task.targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    curve = tuple(torch.stack(losses).tolist())
    if protocol["readout"] == "evaluation":
        network.eval()
        with torch.no_grad():
            final = float(weighted_loss(network(task.images + task.noise[-1]), task.targets))
    else:
        window = curve[-protocol["readout_window"] :]
        final = math.fsum(window) / len(window)
    if not math.isfinite(final):
        return Score(-math.inf, "diverged", curve)
    return Score(-final, "ok", curve)


def prepare_images(context: Context) -> Tensor:
    """The one batch of a repetition, drawn, standardised and resized: (B, 3, resolution, resolution)."""
    order = np.random.default_rng(derive_seed(context.seed, "images")).permutation(len(context.images))
    images = to_tensor(context.images[order[: context.protocol["batch_size"]]])
    return interpolate(images, size=(context.protocol["resolution"],) * 2, mode="area")


def make(context: Context) -> Callable[[Any], Score]:
    """Draw images, targets and noise once; every architecture starts from the same seed."""
    protocol, task = context.protocol, context.task
    if task is None:
        raise ValueError("the regression proxy needs a task")
    drawn = draw_task(task, protocol, prepare_images(context), derive_seed(context.seed, "task")).to(context.device)
    weights_seed = derive_seed(context.seed, "weights")

    def score(architecture: Any) -> Score:
        torch.manual_seed(weights_seed)
        backbone = context.space.build(architecture, protocol["channels"], protocol["cells"])
        network = RegressionNetwork(backbone, head_channels(task, protocol)).to(context.device)
        network.to(memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]  # missing in torch's stubs
        return train(network, drawn, protocol)

    return score
