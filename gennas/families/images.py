"""Images (B, C, H, W): the batch that a proxy shows to networks, and the classifier that it puts on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gennas.data.images import to_tensor
from gennas.errors import InputError
from gennas.seeds import derive_seed

if TYPE_CHECKING:
    from gennas.scoring import Context

DECLARATION = {
    "reads": "images (B, 3, H, W)",
    "inputs": "images",
    "labelled": "images",
    "protocol": ["resolution"],
    "training": "classification",
    "task": {
        "places": ["stage_1", "stage_2", "stage_3"],
        "bases": {
            "sin1d": {"frequencies": None},
            "sin2d": {"frequencies": None},
            "dot": {"density": None},
            "gaussian_dot": {"density": None},
            "resize": {},
        },
        "per_sample": [False, True],
        "genes": {
            # of each stage's target; times 256 channels, what signals are drawn for
            "channel_factors": {
                "choices": [0.25, 0.5, 0.75, 1.0, 1.25, 1.5],
                "minimum": 0.001,
                "maximum": 2.5,
                "length": 3,
            },
        },
    },
}
#: Convolutions and pooling are 1.4 times faster in it on a CPU, together with the fused optimiser.
MEMORY_FORMAT = torch.channels_last


def example(shape: tuple[int, ...]) -> tuple[Tensor]:
    """What a network is shown to find what it costs: one image of a space's `INPUT_SHAPE`."""
    return (torch.zeros(shape),)


class Classifier(nn.Module):
    """A backbone and NAS-Bench-201's classifier: batch norm, ReLU, global average, linear."""

    def __init__(self, backbone: Any, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.norm = nn.BatchNorm2d(backbone.channels[-1])
        self.linear = nn.Linear(backbone.channels[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.features(images).mean(dim=(2, 3)))  # (B, classes)
        return logits

    def features(self, images: Tensor) -> Tensor:
        """What is averaged: (B, C, H, W)."""
        features: Tensor = self.norm(self.backbone(images)[-1]).relu()
        return features


def head(backbone: Any, classes: int) -> Any:
    """The backbone as a classifier: its own (`gennas.adapt`), or NAS-Bench-201's on the last of its features."""
    own = getattr(backbone, "as_classifier", None)
    return own() if own else Classifier(backbone, classes)


def inputs(context: Context) -> Tensor:
    """The one batch of a repetition, (B, 3, H, W) of the protocol's resolution: drawn, standardised and resized.

    A batch that is a tensor already is taken as it is.
    """
    if isinstance(context.images, Tensor):
        return context.images
    pool = cast(np.ndarray, context.images)
    if not len(pool):
        raise InputError("params.yaml: download.images: none, but the space is one of images; choose some")
    order = np.random.default_rng(derive_seed(context.seed, "images")).permutation(len(pool))
    images = to_tensor(pool[order[: context.protocol.batch_size]])
    return interpolate(images, size=context.protocol.size, mode="area")
