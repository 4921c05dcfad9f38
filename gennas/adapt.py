"""One's own network as a backbone: what it maps, where its features are, and copies that a proxy may change.

A network is run once on a small batch, in evaluation mode and without gradients, to see what its modules give. Then
it is the only member of a space (`Own`), which proxies use as they use any other: `build` gives a copy.

Images (B, C, H, W) become features (B, C', H', W'), a list of these, or logits (B, classes); sequences (T, B, D) become
sequences (T, B, E). Of a tuple the first element counts.

A **tap** is a module, by its name in `named_modules`, whose output a proxy reads. The default taps are the last modules
to finish at each of the three smallest resolutions. Global pooling makes no resolution, nor does what follows it, nor a
tensor whose sides are not in the proportion of the images' (tokens, windows, channels last).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from gennas.errors import InputError

#: A network, or a function that makes one: then each repetition initialises it anew, from its own seed.
Model = nn.Module | Callable[[], nn.Module]

STAGES = 3  # taps of the regression proxy on images
GLOBAL = 3  # a side of more pixels than this is pooled to one pixel by global pooling only
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


def title(model: Model) -> str:
    """How an error message calls a network."""
    return type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", "the model")


def reason(error: BaseException) -> str:
    """What an exception says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def make_copy(model: Model) -> nn.Module:
    """A copy, or what the function makes: on the CPU, in single precision, all parameters trainable."""
    if not isinstance(model, nn.Module):
        made = model()
        if not isinstance(made, nn.Module):
            raise InputError(f"model: {title(model)}() gives a {type(made).__name__}; let it return an nn.Module")
    else:
        try:
            made = copy.deepcopy(model)
        except Exception as error:  # a network may hold anything: an open file, a lock, a tensor that was computed
            hint = "give a function that makes the network in its place: score(lambda: MyNetwork(), ...)"
            raise InputError(f"model: {title(model)} cannot be copied ({reason(error)}); {hint}") from error
    if any(tensor.is_meta for tensor in (*made.parameters(), *made.buffers())):
        raise InputError(f"model: {title(model)} is on the meta device, without weights; initialise it first")
    return made.cpu().float().requires_grad_()


def first(output: Any) -> Any:
    """Of a tuple, the first element: an LSTM's output without its states, logits without auxiliary ones."""
    while isinstance(output, tuple) and output:
        output = output[0]
    return output


@contextmanager
def recorded(modules: Mapping[str, nn.Module], note: Callable[[str, nn.Module, Any, Any], None]) -> Iterator[None]:
    """Within the block, `note(name, module, inputs, output)` whenever one of the modules has run."""
    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.enter_context(
                module.register_forward_hook(lambda module, inputs, output, name=name: note(name, module, inputs, output))
            )
        yield


# --- images -------------------------------------------------------------------------------------


def size_of(value: Any) -> tuple[int, int] | None:
    """Height and width of a tensor (B, C, H, W)."""
    return tuple(value.shape[2:]) if isinstance(value, Tensor) and value.ndim == 4 else None


def examine_images(model: Model, images: Tensor) -> Examined:
    """Run a copy on images (B, C, H, W); raises InputError where it fails or gives something else than it may."""
    network = make_copy(model).eval()
    # Most networks are faster with their channels last; some, which `view` what is not contiguous, fail.
    try:
        return look_at(model, network, images, torch.channels_last)
    except RuntimeError:
        pass
    try:
        return look_at(model, network, images, torch.contiguous_format)
    except InputError:
        raise
    except Exception as error:  # whatever a forward can raise
        raise InputError(
            f"model: {title(model)} fails on images {tuple(images.shape)} ({reason(error)}); {inputs_hint(network, images)}"
        ) from error


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
    pooled = isinstance(module, POOLING) and size == (1, 1) and (
        "Adaptive" in type(module).__name__ or (before is not None and max(before) > GLOBAL)
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


def resolutions(examined: Examined) -> list[Feature]:
    """The last module at each resolution, in the order in which they finished."""
    last: dict[tuple[int, int], Feature] = {}
    single = any(found.size == (1, 1) and found.reduces for found in examined.features)
    for found in examined.features:
        if found.size != (1, 1) or (single and not found.pooled):
            last.pop(found.size, None)
            last[found.size] = found
    return list(last.values())


def stages(examined: Examined) -> tuple[str, ...]:
    """The default taps, shallow to deep; fewer if there are fewer resolutions."""
    found = resolutions(examined)
    smallest = {feature.size for feature in sorted(found, key=lambda feature: feature.size)[:STAGES]}
    return tuple(feature.name for feature in found if feature.size in smallest)


def blocks(network: nn.Module, examined: Examined) -> tuple[str, ...]:
    """The outermost modules of layers that are no containers, such as residual blocks: where features are compared."""
    from gennas.proxies.common.blocks import find_blocks

    found = {id(block) for child in network.children() for block in find_blocks(child)}
    names = {name for name, module in network.named_modules() if id(module) in found}
    composite = tuple(feature.name for feature in examined.features if feature.name in names and feature.composite)
    return composite if len(composite) > 1 else stages(examined)


def check_taps(taps: Sequence[str], examined: Examined) -> tuple[str, ...]:
    """The taps in the order given. Raises InputError for one that is no module, or has no spatial output."""
    if isinstance(taps, str):
        raise InputError(f"taps: {taps!r} is one name; give a list of names")
    spatial = [feature.name for feature in examined.features]
    for tap in taps:
        if tap not in examined.names:
            close = get_close_matches(tap, spatial or examined.names, n=3, cutoff=0.4) or spatial[-3:]
            hint = f"the closest are {', '.join(close)}" if close else "the network has no modules inside"
            raise InputError(f"taps: the network has no module {tap!r}; {hint}")
        if tap not in spatial:
            known = ", ".join(stages(examined)) or "this network has none"
            raise InputError(f"taps: {tap!r} gives no features (B, C, H, W); choose modules that do, such as {known}")
    return tuple(taps)


class Backbone(nn.Module):
    """A network of images that gives a list of features: at its taps, or without any, its output.

    One that gives logits is its own classifier: `classes` is their number, and `logits` gives them.
    """

    def __init__(self, network: nn.Module, taps: Sequence[str], channels: tuple[int, ...], classes: int | None) -> None:
        super().__init__()
        self.network = network
        self.taps = tuple(taps)
        self.channels = channels
        self.classes = classes

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (B, C, H, W) to one tensor (B, C', H', W') per tap."""
        features: dict[str, Tensor] = {}
        modules = {tap: self.network.get_submodule(tap) for tap in self.taps}
        with recorded(modules, lambda name, _module, _inputs, output: features.__setitem__(name, output)):
            output = self.network(images)
        if self.taps:
            return [features[tap] for tap in self.taps]
        return list(output) if isinstance(output, list) else [first(output)]

    def logits(self, images: Tensor) -> Tensor:
        """What the network says of images (B, C, H, W): (B, classes)."""
        found: Tensor = first(self.network(images))
        return found


# --- sequences ----------------------------------------------------------------------------------


class SequenceBackbone(nn.Module):
    """A network of sequences: (T, B, inputs) to (T, B, outputs)."""

    def __init__(self, network: nn.Module, inputs: int, outputs: int) -> None:
        super().__init__()
        self.network = network
        self.inputs = inputs
        self.outputs = outputs

    def forward(self, sequences: Tensor) -> Tensor:
        """See the class."""
        output: Tensor = first(self.network(sequences))
        return output


def examine_sequences(model: Model, sequences: Tensor) -> int:
    """Run a copy on sequences (T, B, D): the size E of what it gives, (T, B, E)."""
    shape = tuple(sequences.shape)
    try:
        with torch.no_grad():
            output = first(make_copy(model).eval()(sequences))
    except InputError:
        raise
    except Exception as error:  # whatever a forward can raise
        raise InputError(
            f"model: {title(model)} fails on sequences {shape} ({reason(error)}); give inputs= as (time, batch, "
            "dimension) that it reads"
        ) from error
    if not (isinstance(output, Tensor) and output.ndim == 3 and output.shape[:2] == sequences.shape[:2]):
        given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise InputError(f"model: {title(model)} gives {given} of sequences {shape}; let it give (time, batch, features)")
    return int(output.shape[2])
