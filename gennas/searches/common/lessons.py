"""What a supernet learns of images: their labels; or the signals of GenNAS's regression, which need none.

Images are in two parts. Weights are trained on one; the other is held out for choosing the architecture. With nothing
held out, both are trained on the same images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from gennas import scoring
from gennas.data.images import labelled, to_tensor
from gennas.errors import InputError
from gennas.families.images import MEMORY_FORMAT, Classifier
from gennas.proxies.regression import draw_noise
from gennas.regression.images import LOSS_WEIGHTS, STAGES, RegressionNetwork, head_channels
from gennas.regression.signals import draw_target
from gennas.regression.training import Drawn, Task
from gennas.searches.base import SearchContext
from gennas.seeds import derive_seed, rng

#: Labelled images that are used at most, drawn at random.
IMAGES = 10_000


class Lesson(Protocol):
    """What is learnt. Parts are positions of images."""

    @property
    def train(self) -> Tensor:
        """Those that the weights are trained on."""

    @property
    def held_out(self) -> Tensor:
        """Those that choose the architecture; none where both are trained on the same."""

    def network(self, backbone: nn.Module) -> nn.Module:
        """The backbone and what it needs to learn this, initialised from torch's global generator."""

    def loss(self, network: nn.Module, positions: Tensor, generator: Generator) -> Tensor:
        """The mean loss on some images; `generator` draws the noise on them, if there is any."""


@dataclass(frozen=True)
class Labels:
    """The classes of images."""

    train: Tensor
    held_out: Tensor
    images: Tensor  # (N, 3, H, W), standardised
    labels: Tensor  # (N,)
    classes: int

    def network(self, backbone: nn.Module) -> Classifier:
        """NAS-Bench-201's classifier."""
        return Classifier(backbone, self.classes)

    def loss(self, network: nn.Module, positions: Tensor, generator: Generator) -> Tensor:
        """The cross-entropy in nats."""
        return cross_entropy(network(self.images[positions]), self.labels[positions])


@dataclass(frozen=True)
class Regression:
    """The signals of a task, drawn once for every image."""

    train: Tensor
    held_out: Tensor
    images: Tensor  # (N, 3, H, W), standardised
    targets: tuple[Tensor, ...]  # one of each stage, (N, channels_k, 8, 8)
    noise: Mapping[str, Any]

    def network(self, backbone: nn.Module) -> RegressionNetwork:
        """One head per stage."""
        return RegressionNetwork(backbone, tuple(target.shape[1] for target in self.targets))

    def loss(self, network: nn.Module, positions: Tensor, generator: Generator) -> Tensor:
        """The weighted sum of the stages' mean squared errors."""
        images = self.images[positions]
        noise = draw_noise(self.noise, tuple(images.shape), generator).to(images.device)
        targets = tuple(target[positions] for target in self.targets)
        return Task(Drawn(images, targets), LOSS_WEIGHTS, (noise,)).losses(network, 0).sum()


def draw(context: SearchContext) -> Lesson:
    """The lesson that the search's options name: a regression `task`, or a `dataset` with labels; and their `split`."""
    options = context.options
    if ("task" in options) == ("dataset" in options):
        raise InputError("dataset: give either a labelled dataset or a regression task to learn")
    return draw_labels(context) if "dataset" in options else draw_regression(context)


def divide(count: int, share: float, order: np.ndarray) -> tuple[Tensor, Tensor]:
    """Of positions in an order, those to train on and those to hold out, as near to the share as both have one."""
    held_out = min(max(round(share * count), int(share > 0)), count - 1)
    return torch.from_numpy(order[held_out:]), torch.from_numpy(order[:held_out])


def standardise(images: np.ndarray, train: Tensor, context: SearchContext) -> Tensor:
    """Images as networks take them, by the statistics of those that are trained on: (N, 3, H, W)."""
    assert context.protocol is not None and context.device is not None
    tensor = to_tensor(images, images[train.numpy()])
    resized = interpolate(tensor, size=context.protocol.size, mode="area")
    return resized.to(context.device, memory_format=MEMORY_FORMAT)


def draw_labels(context: SearchContext) -> Labels:
    """Training images of a data set, in two parts."""
    data = labelled(context.options["dataset"])
    chosen = rng(context.seed, "images").permutation(len(data.train_images))[:IMAGES]
    order = rng(context.seed, "split").permutation(len(chosen))
    train, held_out = divide(len(chosen), context.options.get("split", 0), order)
    images = standardise(data.train_images[chosen], train, context)
    return Labels(train, held_out, images, torch.from_numpy(data.train_labels[chosen]).to(images.device), data.classes)


def draw_regression(context: SearchContext) -> Regression:
    """The unlabelled images in two parts, and their targets."""
    task, protocol = context.options["task"], context.protocol
    assert protocol is not None
    if context.images is None or not len(context.images):
        raise InputError("task: the regression needs unlabelled images, and there are none; choose some")
    order = rng(context.seed, "split").permutation(len(context.images))
    train, held_out = divide(len(order), context.options.get("split", 0), order)
    images = standardise(context.images, train, context)
    return Regression(train, held_out, images, draw_targets(task, images, protocol, context.seed), task["noise"])


def draw_targets(task: Mapping[str, Any], images: Tensor, protocol: scoring.Protocol, seed: int) -> tuple[Tensor, ...]:
    """The target of each stage for every image, (N, channels_k, 8, 8)."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "task"))
    return tuple(
        draw_target(task["signals"][stage], images.cpu(), channels, generator).to(images.device)
        for stage, channels in zip(STAGES, head_channels(task, protocol), strict=True)
    )
