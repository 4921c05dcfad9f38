"""One pass of a network, followed from its input to its output: the layers on the way, and which waits for which.

It follows memory, not modules: what an operation of torch writes depends on what it read. So it works for networks
that are written in any way, with views, with writes in place, or with the same weights at every step of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gennas.costs.fusion import nothing_fused
from gennas.errors import InputError

PRODUCTS = ("mm", "bmm", "addmm", "baddbmm")


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights that multiply what depends on the input: matrices of `rows` inputs and `outputs`, side by side.

    There are as many matrices as `groups`, and each is applied at so many `positions`.
    """

    weights: Tensor
    rows: int
    outputs: int
    positions: int
    groups: int = 1


class Value(NamedTuple):
    """What a number depends on: the layers before it, a bit for each, and when the last of them is done."""

    layers: int
    time: float


#: Of what does not depend on the input, and of the input itself.
CONSTANT, INPUT = 0, 1


class Memory:
    """Which value each number in memory has, as an index. Views share their memory, and may write to a part of it."""

    def __init__(self) -> None:
        # By weak references, which are not used anew, as addresses are: one index for all, or one for each number.
        self.held: dict[StorageWeakRef, int | Tensor] = {}

    def read(self, tensor: Tensor) -> set[int]:
        """The values that are in a tensor."""
        held = self.held.get(StorageWeakRef(tensor.untyped_storage()), CONSTANT)
        return {held} if isinstance(held, int) else {*_part(held, tensor).unique().tolist()}

    def write(self, tensor: Tensor, value: int) -> None:
        """Let a tensor have one value."""
        key, numbers = StorageWeakRef(tensor.untyped_storage()), _numbers(tensor)
        held = self.held.get(key, CONSTANT)
        if tensor.numel() == numbers:
            self.held[key] = value
        elif isinstance(held, Tensor) or held != value:
            self.held[key] = held = torch.full((numbers,), held) if isinstance(held, int) else held
            _part(held, tensor).fill_(value)


def _numbers(tensor: Tensor) -> int:
    """How many numbers of its type the memory of a tensor has room for."""
    return int(tensor.untyped_storage().nbytes()) // tensor.element_size()


def _part(held: Tensor, tensor: Tensor) -> Tensor:
    """The indices of a tensor's own numbers; all of them if it sees numbers of another size there."""
    if len(held) != _numbers(tensor):
        return held
    return held.as_strided(tensor.size(), tensor.stride(), tensor.storage_offset())


class Follower(TorchDispatchMode):
    """Within its block, follows what depends on `inputs`. `duration` says how long a layer takes."""

    def __init__(self, inputs: Sequence[Tensor], duration: Callable[[Layer], float]) -> None:
        super().__init__()
        self.duration = duration
        self.layers: list[Layer] = []
        self.values = [Value(0, 0.0), Value(0, 0.0)]  # CONSTANT, INPUT
        self.memory = Memory()
        for tensor in inputs:
            self.memory.write(tensor, INPUT)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if not func.is_view:
            read = {**kwargs, "out": None}  # which is written
            value = self._value(func.overloadpacket.__name__, args, read, out)
            for tensor in _tensors(out):
                self.memory.write(tensor, value)
        return out

    def _value(self, name: str, args: Any, kwargs: Any, out: Any) -> int:
        """The value of what an operation gives."""
        if name.endswith("_like") or name.startswith("new_"):  # which reads a shape
            return CONSTANT
        value = self.join(_tensors((args, kwargs)))
        layer = read_layer(name, args, out, self._depends) if value else None
        if layer is None:
            return value
        before = self.values[value]
        self.layers.append(layer)
        self.values.append(Value(before.layers | 1 << len(self.layers) - 1, before.time + self.duration(layer)))
        return len(self.values) - 1

    def _depends(self, tensor: Tensor) -> bool:
        return self.memory.read(tensor) != {CONSTANT}

    def join(self, tensors: Iterator[Tensor]) -> int:
        """The value of what waits for all of some tensors."""
        read = {value for tensor in tensors for value in self.memory.read(tensor)} - {CONSTANT}
        if len(read) < 2:
            return read.pop() if read else CONSTANT
        layers = 0
        for value in read:
            layers |= self.values[value].layers
        self.values.append(Value(layers, max(self.values[value].time for value in read)))
        return len(self.values) - 1


def _tensors(value: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def read_layer(name: str, args: Any, out: Any, depends: Callable[[Tensor], bool]) -> Layer | None:
    """The layer that an operation of torch is, if one of its two factors depends on the input, and only one."""
    if name == "convolution":
        read, weights, *_, transposed, _, groups = args
        if depends(weights) or not depends(read):
            return None
        inside, outside = weights[0].numel(), weights.shape[0] // groups
        if transposed:  # each position of the input is multiplied by all that it spreads to
            return Layer(weights, outside, inside, read.numel() // weights.shape[0], groups)
        return Layer(weights, inside, outside, out.numel() // weights.shape[0], groups)
    if name.removesuffix("_") in PRODUCTS:
        left, right = args[-2:]
        groups = right.shape[0] if right.ndim == 3 else 1
        if not depends(right):
            return Layer(right, right.shape[-2], right.shape[-1], left.shape[-2], groups) if depends(left) else None
        if not depends(left):
            return Layer(left, left.shape[-1], left.shape[-2], right.shape[-1], groups)
    return None


def follow(
    network: nn.Module, inputs: Sequence[Tensor], duration: Callable[[Layer], float]
) -> tuple[list[Layer], float]:
    """The layers between input and output of one pass, and the time of the longest path. The network runs as it is.

    What leads nowhere is left out, and so is what reads constants only, such as zeros of the input's shape. A product
    of two things that depend on the input, as in attention, is no layer. An InputError if the output has no tensors.
    """
    with torch.no_grad(), nothing_fused(network), Follower(inputs, duration) as follower:
        output = network(*inputs)
    if not [*_tensors(output)]:
        raise InputError(f"model: gives {type(output).__name__}; let it give tensors, or lists or dicts of them")
    end = follower.values[follower.join(_tensors(output))]
    return [layer for i, layer in enumerate(follower.layers) if end.layers >> i & 1], end.time
