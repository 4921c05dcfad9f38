"""Image classification for real: the data in three parts, the classifier, one epoch of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from stages.datasets import labelled, to_tensor
from stages.reproducibility import rng

Params = Mapping[str, Any]
EVALUATION_BATCH = 500  # images
PADDING = 4  # pixels, of the random crops


@dataclass(frozen=True)
class Part:
    """Standardised images (N, 3, H, W) and labels (N,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Data:
    """A data set in three parts; the validation images are taken from the training images."""

    train: Part
    validation: Part
    test: Part
    classes: int


def load_data(dataset: str, validation_share: float, seed: int, device: torch.device) -> Data:
    """Split and standardise a data set, by the statistics of the images that are trained on."""
    data = labelled(dataset)
    order = rng(seed, "retrain", "validation").permutation(len(data.train_images))
    held_out, kept = np.split(order, [round(validation_share * len(order))])
    reference = data.train_images[kept]

    def part(images: np.ndarray, labels: np.ndarray) -> Part:
        return Part(to_tensor(images, reference).to(device), torch.from_numpy(labels).to(device))

    return Data(
        train=part(reference, data.train_labels[kept]),
        validation=part(data.train_images[held_out], data.train_labels[held_out]),
        test=part(data.test_images, data.test_labels),
        classes=data.classes,
    )


class Classifier(nn.Module):
    """A backbone and NAS-Bench-201's classifier: batch norm, ReLU, global average, linear."""

    def __init__(self, backbone: Any, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.norm = nn.BatchNorm2d(backbone.channels[-1])
        self.linear = nn.Linear(backbone.channels[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm(self.backbone(images)[-1]).relu()
        logits: Tensor = self.linear(features.mean(dim=(2, 3)))  # (B, classes)
        return logits


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip half of the images (B, C, H, W); shift each by up to `PADDING` pixels, zeros coming in."""
    batch, _, height, width = images.shape
    flipped = (torch.rand(batch, 1, 1, 1, generator=generator) < 0.5).to(images.device)
    padded = pad(torch.where(flipped, images.flip(3), images), (PADDING,) * 4).permute(0, 2, 3, 1)
    top, left = torch.randint(2 * PADDING + 1, (2, batch, 1), generator=generator)
    rows = (top + torch.arange(height)).unsqueeze(2).to(images.device)  # (B, H, 1)
    columns = (left + torch.arange(width)).unsqueeze(1).to(images.device)  # (B, 1, W)
    samples = torch.arange(batch, device=images.device).view(-1, 1, 1)
    return padded[samples, rows, columns].permute(0, 3, 1, 2)


@torch.no_grad()
def accuracy_percent(network: nn.Module, part: Part) -> float:
    """Accuracy in evaluation mode."""
    network.eval()
    guesses = torch.cat([network(images).argmax(dim=1) for images in torch.split(part.images, EVALUATION_BATCH)])
    return 100 * int((guesses == part.labels).sum()) / len(guesses)


def train_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, part: Part, params: Params, seed: int
) -> tuple[float, float]:
    """One pass over the images, in an order drawn from `seed`: mean loss, accuracy in percent."""
    network.train()
    generator = torch.Generator().manual_seed(seed)
    count = len(part.images)
    loss_sum, correct = torch.zeros(2, device=part.images.device)
    for batch in torch.split(torch.randperm(count, generator=generator), params["batch_size"]):
        images, labels = part.images[batch], part.labels[batch]
        if params["dataset"] != "digits":  # a mirrored digit is no digit
            images = augment(images, generator)
        logits = network(images)
        loss = cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach() * len(batch)
        correct += (logits.argmax(dim=1) == labels).sum()
    return float(loss_sum) / count, 100 * float(correct) / count
