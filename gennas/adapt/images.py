"""A network of images (B, C, H, W) as a space: as a backbone, and as a classifier if it is one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from gennas.adapt.copies import Model, first, make_copy, recorded
from gennas.adapt.examine import examine_images
from gennas.adapt.space import Own
from gennas.adapt.taps import CHOICES, check_taps
from gennas.families.images import inputs
from gennas.scoring import Context

ACCEPTS = "floating-point images (N, C, H, W) or uint8 images (N, H, W, 3), two images or more"
EXAMPLES = 2  # images that a network is looked at with


class Backbone(nn.Module):
    """A network of images that gives a list of features: at its taps, or without any, its output."""

    def __init__(self, network: nn.Module, taps: Sequence[str], channels: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.taps = tuple(taps)
        self.channels = tuple(channels)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (B, C, H, W) to one tensor (B, C', H', W') per tap."""
        features: dict[str, Tensor] = {}
        modules = {tap: self.network.get_submodule(tap) for tap in self.taps}
        with recorded(modules, lambda name, _module, _inputs, output: features.__setitem__(name, output)):
            output = self.network(images)
        if self.taps:
            return [features[tap] for tap in self.taps]
        return list(output) if isinstance(output, list) else [first(output)]


class LogitsBackbone(Backbone):
    """The same of a network that gives logits: it is its own classifier."""

    def as_classifier(self) -> OwnClassifier:
        """See `gennas.families.images.head`."""
        return OwnClassifier(self)


class OwnClassifier(nn.Module):
    """A network as it is: images (B, C, H, W) to logits (B, classes)."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = first(self.backbone.network(images))
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Those at the last tap, before the global average: (B, C', H', W')."""
        features: Tensor = self.backbone(images)[-1]
        return features


def read(batch: tuple[Tensor, ...]) -> np.ndarray | Tensor | None:
    """Images as proxies take them: bytes (N, H, W, 3), or a batch as it is; None for what is no images."""
    (images, *others) = batch
    if others or images.ndim != 4 or images.shape[0] < 2:
        return None
    if images.dtype == torch.uint8 and images.shape[3] == 3:
        return images.numpy()
    return images.float() if images.is_floating_point() else None


def adapt(model: Model, context: Context, reads: str | None, taps: Sequence[str] | None) -> Own:
    """A network of the context's images, for a proxy that reads `reads` (a key of `CHOICES`) of it."""
    images = inputs(context)[:EXAMPLES]
    examined = examine_images(model, images)
    given = None if taps is None else check_taps(taps, examined)
    space = partial(Own, "images", (1, *images.shape[1:]), examined.memory_format, CLASSES=examined.classes)
    if examined.is_backbone and (given is None or reads is None):
        return space(lambda network: network)
    chosen = CHOICES[reads](examined, make_copy(model), given) if reads else ()
    known = {feature.name: feature.channels for feature in examined.features}
    channels = [known[tap] for tap in chosen] or examined.channels
    backbone = Backbone if examined.classes is None else LogitsBackbone
    return space(lambda network: backbone(network, chosen, channels), chosen)
