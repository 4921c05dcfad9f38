"""Taps: the modules whose outputs (B, C, H, W) a proxy reads, by their names in `named_modules`.

The default ones are the last modules to finish at each of the three smallest resolutions. Global pooling makes no
resolution, nor does a tensor whose sides are not in the proportion of the images' (tokens, windows, channels last).
Which a proxy reads, its DECLARATION says: `taps` is `stages` (three), `last` (one) or `blocks` (two or more).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from torch import nn

from gennas.adapt.examine import Examined, Feature
from gennas.errors import InputError
from gennas.proxies.common.blocks import find_blocks
from gennas.regression.images import STAGES

SHOWN = 6  # names in a message


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
    smallest = {feature.size for feature in sorted(found, key=lambda feature: feature.size)[: len(STAGES)]}
    return tuple(feature.name for feature in found if feature.size in smallest)


def blocks(network: nn.Module, examined: Examined) -> tuple[str, ...]:
    """The outermost modules of layers that are no containers, such as residual blocks: where features are compared."""
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


def choose_stages(examined: Examined, network: nn.Module, given: tuple[str, ...] | None) -> tuple[str, ...]:
    """Three: those given, the network's own list of features, or the default ones."""
    if given is None and len(examined.channels) == len(STAGES):
        return ()
    chosen = stages(examined) if given is None else given
    if len(chosen) != len(STAGES):
        said = f"{len(chosen)} given" if given is not None else f"features at {len(chosen)} resolutions found"
        raise InputError(
            f"taps: the regression needs {len(STAGES)} ({said}); name as many modules that give features (B, C, H, W), "
            f"shallow to deep, {spatial_hint(examined)}"
        )
    return chosen


def choose_last(examined: Examined, network: nn.Module, given: tuple[str, ...] | None) -> tuple[str, ...]:
    """One: the last of those given, the network's output if that is features, or the deepest default one."""
    if given is None and examined.channels:
        return ()
    chosen = (stages(examined) if given is None else given)[-1:]
    if not chosen:
        raise InputError(f"taps: this proxy reads features (B, C, H, W); name a module, {spatial_hint(examined)}")
    return chosen


def choose_blocks(examined: Examined, network: nn.Module, given: tuple[str, ...] | None) -> tuple[str, ...]:
    """Two or more: those given, or the network's blocks."""
    chosen = blocks(network, examined) if given is None else given
    if len(chosen) < 2:
        raise InputError(
            f"taps: this proxy compares features (B, C, H, W) of two blocks or more, not {len(chosen)}; name them, "
            f"shallow to deep, {spatial_hint(examined)}"
        )
    return chosen


def spatial_hint(examined: Examined) -> str:
    """Modules that can be taps."""
    names = [feature.name for feature in examined.features]
    shown = ", ".join(names[-SHOWN:]) if names else "this network has none, so choose another proxy"
    return f"such as {shown}" if names else shown


#: By what a proxy's DECLARATION says of its `taps`.
CHOICES: Mapping[str, Callable[[Examined, nn.Module, tuple[str, ...] | None], tuple[str, ...]]] = {
    "stages": choose_stages,
    "last": choose_last,
    "blocks": choose_blocks,
}
