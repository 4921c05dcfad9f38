"""Image classification for real: images in three parts, the classifier, one epoch of training, its accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from gennas.data.images import labelled, to_tensor
from gennas.families.images import Classifier
from gennas.seeds import rng

Params = Mapping[str, Any]
EVALUATION_BATCH = 500  # images
PADDING = 4  # pixels, of the random crops


@dataclass(frozen=True)
class Part:
    """Standardised images (N, 3, H, W) and labels (N,)."""

    images: Tensor
    labels: Tensor


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


@dataclass(frozen=True)
class Classification:
    """A `Problem` of `gennas.training.recipe`: labelled images in three parts, and how their classes are learnt."""

    parts: Mapping[str, Part]
    classes: int
    batch_size: int
    augmented: bool
    metric = "accuracy_percent"
    content = ""  # none of these data sets changes under its name

    def model(self, network: nn.Module) -> Classifier:
        """The classifier on a backbone, initialised from the global generator."""
        return Classifier(network, self.classes)

    def train_epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> float:
        """One pass over the images, in an order drawn from `seed`: mean loss in nats."""
        model.train()
        part, generator = self.parts["train"], torch.Generator().manual_seed(seed)
        count = len(part.images)
        loss_sum = torch.zeros((), device=part.images.device)
        for batch in torch.split(torch.randperm(count, generator=generator), self.batch_size):
            images, labels = part.images[batch], part.labels[batch]
            if self.augmented:
                images = augment(images, generator)
            loss = cross_entropy(model(images), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(batch)
        return float(loss_sum) / count

    @torch.no_grad()
    def evaluate(self, model: nn.Module, part: str) -> tuple[float, float]:
        """Mean loss in nats, and accuracy in percent; nan for a model that computes no numbers."""
        model.eval()
        images, labels = self.parts[part].images, self.parts[part].labels
        logits = torch.cat([model(batch) for batch in torch.split(images, EVALUATION_BATCH)])
        correct = int((logits.argmax(dim=1) == labels).sum())  # of nan, the first class is the largest
        accuracy = 100 * correct / len(labels) if logits.isfinite().all() else math.nan
        return float(cross_entropy(logits, labels)), accuracy


def load(params: Params, seed: int, device: torch.device) -> Classification:
    """The images that `dataset` names, standardised by the statistics of those that are trained on.

    The validation images are drawn from the training images.
    """
    data = labelled(params["dataset"])
    order = rng(seed, "retrain", "validation").permutation(len(data.train_images))
    held_out, kept = np.split(order, [min(max(1, round(params["validation_share"] * len(order))), len(order) - 1)])
    reference = data.train_images[kept]

    def part(images: np.ndarray, labels: np.ndarray) -> Part:
        return Part(to_tensor(images, reference).to(device), torch.from_numpy(labels).to(device))

    parts = {
        "train": part(reference, data.train_labels[kept]),
        "validation": part(data.train_images[held_out], data.train_labels[held_out]),
        "test": part(data.test_images, data.test_labels),
    }
    augmented = params["dataset"] != "digits"  # a mirrored digit is no digit
    return Classification(parts, data.classes, params["batch_size"], augmented)
