"""What a network of images is, found by running a copy of it once.

It maps images (B, C, H, W) to features (B, C', H', W'), to a list of these, or to logits (B, classes); of a tuple, the
first element counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gennas.adapt.copies import Model, first, make_copy, reason, recorded, title
from gennas.errors import InputError

GLOBAL = 3  # a side of more pixels than this is pooled to one pixel by global pooling only
#: Most networks are fastest with their channels last; some, which `view` what is not contiguous, fail so.
MEMORY_FORMATS = (torch.channels_last, torch.contiguous_format)
POOLING = (nn.AvgPool2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


@dataclass(frozen=True)
class Feature:
    """What a module gave when it last ran."""

    name: str
    channels: int
    size: tuple[int, int]  # height, width
    composite: bool  # whether the module consists of others
    pooled: bool  # by global pooling, the module itself
    reduces: bool  # by a layer of its own, from more pixels to fewer


@dataclass(frozen=True)
class Examined:
    """What a network of images is, found by running it once."""

    features: tuple[Feature, ...]  # of modules with a spatial output, in the order in which they finished
    names: tuple[str, ...]  # of all modules
    channels: tuple[int, ...]  # of its output, one per feature; none if it gives logits
    classes: int | None  # logits, if it gives these
    is_backbone: bool  # it gives a list of features, whose channels it states, as the networks of the spaces do
    memory_format: torch.memory_format


def size_of(value: Any) -> tuple[int, int] | None:
    """Height and width of a tensor (B, C, H, W)."""
    return (value.shape[2], value.shape[3]) if isinstance(value, Tensor) and value.ndim == 4 else None


def examine_images(model: Model, images: Tensor) -> Examined:
    """Run a copy on images (B, C, H, W); raises InputError where it fails or gives something else than it may."""
    network = make_copy(model).eval()
    for memory_format in MEMORY_FORMATS:
        try:
            return look_at(model, network, images, memory_format)
        except InputError:
            raise
        except Exception as error:  # whatever a forward can raise
            failure = error
    found = f"model: {title(model)} fails on images {tuple(images.shape)} ({reason(failure)})"
    raise InputError(f"{found}; {inputs_hint(network, images)}") from failure


def inputs_hint(network: nn.Module, images: Tensor) -> str:
    """What to try when a network cannot read the images."""
    reads = next((layer.in_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)), images.shape[1])
    shape = f"{max(16, len(images))}, {reads}, {images.shape[2]}, {images.shape[3]}"
    if reads != images.shape[1]:
        return f"its first convolution reads {reads} channels: give inputs=torch.randn({shape})"
    return f"give inputs= of a shape that it reads, as torch.randn({shape}), larger perhaps; sequences as (T, B, D)"


def look_at(model: Model, network: nn.Module, images: Tensor, memory_format: torch.memory_format) -> Examined:
    """Run a network once, and note what its modules give."""
    network.to(memory_format=memory_format)  # type: ignore[call-overload]  # missing in torch's stubs
    modules = {name: module for name, module in network.named_modules() if name}
    seen: dict[str, Feature] = {}

    def note(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        seen.pop(name, None)  # what ran again finished later
        if (size := size_of(output)) and in_proportion(size, images):
            seen[name] = feature(name, module, inputs, output, size)

    with torch.no_grad(), recorded(modules, note):
        output = network(images.to(memory_format=memory_format))
    channels, classes = outcome(model, output)
    stated = getattr(network, "channels", None)
    is_backbone = isinstance(output, list) and isinstance(stated, Sequence) and tuple(stated) == channels
    return Examined(tuple(seen.values()), tuple(modules), channels, classes, is_backbone, memory_format)


def in_proportion(size: tuple[int, int], images: Tensor) -> bool:
    """Whether height and width are those of the images, shrunk or grown, up to a pixel."""
    height, width = images.shape[2:]
    return abs(size[0] * width - size[1] * height) <= max(height, width)


def feature(name: str, module: nn.Module, inputs: Any, output: Tensor, size: tuple[int, int]) -> Feature:
    """What there is to know of a module's output (B, C, H, W)."""
    before = size_of(inputs[0]) if inputs else None
    shrinks = before is not None and size < before
    leaf = not any(True for _ in module.children())
    pooled = (
        isinstance(module, POOLING)
        and size == (1, 1)
        and ("Adaptive" in type(module).__name__ or (before is not None and max(before) > GLOBAL))
    )
    return Feature(name, output.shape[1], size, not leaf, pooled, leaf and shrinks and not pooled)


def outcome(model: Model, output: Any) -> tuple[tuple[int, ...], int | None]:
    """The channels of the features that a network gives, or none and its number of classes."""
    if isinstance(output, list) and output and all(size_of(features) for features in output):
        return tuple(features.shape[1] for features in output), None
    output = first(output)
    if size_of(output):
        return (output.shape[1],), None
    if isinstance(output, Tensor) and output.ndim == 2:
        return (), output.shape[1]
    shape = f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
    raise InputError(
        f"model: {title(model)} gives {shape}, of images; let it give features (B, C, H, W) or logits (B, classes)"
    )
