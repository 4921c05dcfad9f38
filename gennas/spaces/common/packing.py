"""Many networks as one: what a GPU can train at once.

A small network's kernels end before the next can be launched. Packed, P networks of C channels compute as one of
P x C channels, each with a group of its own in every convolution, so that none sees another; the kernels are as many
as for one.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import nn
from torch.nn.utils import skip_init


def pack(modules: Sequence[nn.Module]) -> nn.Module:
    """One module that maps (B, P * C, H, W) as each of the P given ones maps its own C channels.

    Convolutions, batch norms and modules without parameters can be packed, and whatever is made of these, if its
    forward pass treats all channels alike: one that concatenates, splits or counts channels does not, and says in a
    class method `pack` how it is packed, as does one whose structure differs between networks. Weights are copied.
    """
    first = modules[0]
    if own := getattr(type(first), "pack", None):
        return cast(nn.Module, own(modules))
    if isinstance(first, nn.Conv2d):
        return _concatenate(_wide_convolution(first, len(modules)), modules)
    if isinstance(first, nn.BatchNorm2d):
        return _concatenate(nn.BatchNorm2d(len(modules) * first.num_features, first.eps, first.momentum), modules)
    if first._parameters or first._buffers:
        raise TypeError(f"there is no way to pack a {type(first).__name__}")
    packed = copy.copy(first)
    packed._modules = {
        name: pack([module.get_submodule(name) for module in modules]) for name, _ in first.named_children()
    }
    return packed


def _wide_convolution(one: nn.Conv2d, count: int) -> nn.Conv2d:
    """A convolution with the channels and the groups of `count` of them."""
    options = {name: getattr(one, name) for name in ("kernel_size", "stride", "padding", "dilation", "padding_mode")}
    groups, bias = count * one.groups, one.bias is not None
    # Drawing weights here would disturb those of the next networks, which another thread draws meanwhile.
    return cast(
        nn.Conv2d,
        skip_init(nn.Conv2d, count * one.in_channels, count * one.out_channels, groups=groups, bias=bias, **options),
    )


def _concatenate(packed: nn.Module, modules: Sequence[nn.Module]) -> nn.Module:
    """Fill a module with the tensors of the given ones, channel after channel."""
    states = [module.state_dict() for module in modules]
    # A batch norm's count of batches is a number, the same for all.
    state = {name: torch.cat([s[name] for s in states]) if value.ndim else value for name, value in states[0].items()}
    packed.load_state_dict(state)
    return packed
