"""In-memory computing: what layers take on crossbars of memory cells, by an analytic model in the manner of ISAAC.

Weights are conductances: of a layer with R rows of weights and C outputs, at P positions, S x S crossbars of b_c bits a
cell compute the products where the weights are stored, one bit of the inputs at a time. With b_w bits a weight and b_i
bits an input,

    columns = C ceil(b_w / b_c)
    crossbars = ceil(R / S) ceil(columns / S)
    conversions = P b_i ceil(R / S) columns
    energy = conversions (e_adc + e_add) + P b_i (R ceil(columns / S) e_dac + e_array R columns / S^2)
             + 8 P (R + C) e_buffer
    latency = P b_i t_read

The crossbars of a layer work in parallel, and a layer waits for those that it reads: the latency is that of the longest
path. Layers are the convolutions and the products with weights that one pass of the network meets, on the way from its
input to its output: what leads nowhere, or reads nothing but zeros, is not built. Sums, pooling and activations are
free.

Absolute joules are not to be believed: sources differ 30-fold in a constant. The order of networks hardly changes.

Sources: Shafiee et al., "ISAAC", ISCA 2016, by the constants that PUMA's simulator has (Ankit et al., ASPLOS 2019).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from gennas.costs.fusion import nothing_fused
from gennas.errors import InputError


@dataclass(frozen=True)
class Constants:
    """Of the hardware."""

    size: int = 128  # S, rows and columns of a crossbar: ISAAC
    cell_bits: int = 2  # b_c: ISAAC
    weight_bits: int = 8  # b_w: as the converters of Analog-NASBench; ISAAC has 16
    input_bits: int = 8  # b_i: likewise
    read_ns: float = 100.0  # t_read, of one bit: ISAAC
    adc_pj: float = 1.56  # e_adc, of a conversion to 8 bits: 2 mW for 100 ns, by 128 columns: PUMA
    add_pj: float = 0.021  # e_add, shift and add of a conversion: ISAAC, second hand
    dac_pj: float = 0.39  # e_dac, of one bit of a row: 3.9 uW for 100 ns: PUMA
    array_pj: float = 30.0  # e_array, of a full crossbar: 0.3 mW for 100 ns: PUMA
    buffer_pj: float = 0.080  # e_buffer, of a bit: 20.45 pJ for 256: ISAAC, second hand


NAMES = tuple(one.name for one in fields(Constants))


def constants(given: dict[str, Any]) -> Constants:
    """The constants, some of them other than ours; an InputError names an unknown one."""
    if unknown := given.keys() - {*NAMES}:
        raise InputError(f"crossbars: {min(unknown)!r} is no constant (known: {', '.join(NAMES)}); remove it")
    return Constants(**given)


@dataclass(frozen=True)
class Layer:
    """Weights on crossbars: `groups` matrices of `rows` inputs and `outputs`, applied at `positions`."""

    rows: int
    outputs: int
    positions: int
    groups: int = 1

    def columns(self, hardware: Constants) -> int:
        """Of the cells that hold a matrix."""
        return self.outputs * math.ceil(hardware.weight_bits / hardware.cell_bits)

    def crossbars(self, hardware: Constants) -> int:
        """How many hold the weights."""
        across = math.ceil(self.columns(hardware) / hardware.size)
        return self.groups * math.ceil(self.rows / hardware.size) * across

    def energy(self, hardware: Constants) -> float:
        """Of one input, in picojoules."""
        columns, bits = self.columns(hardware), self.positions * hardware.input_bits
        conversions = bits * math.ceil(self.rows / hardware.size) * columns
        drivers = self.rows * math.ceil(columns / hardware.size) * hardware.dac_pj
        cells = hardware.array_pj * self.rows * columns / hardware.size**2
        moved = 8 * self.positions * (self.rows + self.outputs) * hardware.buffer_pj
        return self.groups * (conversions * (hardware.adc_pj + hardware.add_pj) + bits * (drivers + cells) + moved)

    def latency(self, hardware: Constants) -> float:
        """Of one input, in nanoseconds."""
        return self.positions * hardware.input_bits * hardware.read_ns


@dataclass(frozen=True, eq=False)
class Step:
    """An operation that depends on the network's input: what it reads of such, and its layer if it is one."""

    reads: tuple[Step, ...]
    layer: Layer | None = None


class Recorder(TorchDispatchMode):
    """Within its block, follows what depends on an input."""

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.made: dict[int, Step] = {id(inputs): Step(())}
        self.kept: list[Any] = [inputs]  # so that no other tensor gets the same id

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if not name.endswith("_like") and not name.startswith("new_"):  # these read a shape only
            read = [self.made[id(one)] for one in tensors([args, kwargs]) if id(one) in self.made]
            if read:
                step = Step(tuple(dict.fromkeys(read)), layer_of(name, args, out))
                for one in tensors(out):
                    self.made[id(one)] = step
                    self.kept.append(one)
        return out


def tensors(value: Any) -> Iterator[Tensor]:
    """Those in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors(one)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))


def layer_of(name: str, args: Any, out: Any) -> Layer | None:
    """The layer that an operation of torch is, if it applies weights."""
    if name == "convolution":
        weight, groups = args[1], args[8]
        outputs = weight.shape[0] // groups
        return Layer(weight[0].numel(), outputs, out.shape[0] * out[0, 0].numel(), groups)
    if name in ("mm", "addmm") and isinstance(args[-1], Tensor):
        rows, outputs = args[-1].shape
        return Layer(rows, outputs, out.shape[0])
    return None


def path(network: nn.Module, inputs: Tensor) -> list[Step]:
    """The operations between the input and the output of one pass, each after those that it reads."""
    with torch.no_grad(), nothing_fused(network), Recorder(inputs) as recorder:
        out = network(inputs)
    waiting = [recorder.made[id(one)] for one in tensors(out) if id(one) in recorder.made]
    found: dict[Step, None] = {}
    while waiting:  # depth first: a step is found once all that it reads have been
        step = waiting[-1]
        missing = [one for one in step.reads if one not in found]
        if missing:
            waiting += missing
        else:
            found.setdefault(waiting.pop())
    return list(found)


def layers(network: nn.Module, inputs: Tensor) -> list[Layer]:
    """Those on the way from the input to the output."""
    return [step.layer for step in path(network, inputs) if step.layer]


def longest(network: nn.Module, inputs: Tensor, hardware: Constants) -> float:
    """The latency of the longest path, in nanoseconds."""
    done: dict[Step, float] = {}
    for step in path(network, inputs):
        own = step.layer.latency(hardware) if step.layer else 0.0
        done[step] = own + max((done[one] for one in step.reads), default=0.0)
    return max(done.values(), default=0.0)
