"""In-memory computing: energy, latency and crossbars of one pass, by an analytic model in the manner of ISAAC.

Crossbars of memory cells store the weights and multiply where they are. A layer has R rows of weights, C outputs and P
positions. On crossbars of S x S cells of b_c bits, with b_w bits a weight and b_i bits an input, one at a time,

    columns     = C ceil(b_w / b_c)
    crossbars   = ceil(R / S) ceil(columns / S)
    conversions = P b_i ceil(R / S) columns
    energy      = conversions (e_adc + e_add)
                  + P b_i (R ceil(columns / S) e_dac + e_array R columns / S^2)
                  + P b_i (R + C) e_buffer
    latency     = P b_i t_read

The energy is that of all layers. The crossbars are those of all weights: a recurrent layer has the same ones at every
step. A layer's crossbars work in parallel, and a layer waits for what it reads: the latency is that of the longest
path. A grouped convolution is as many layers side by side. Only layers between input and output count
(`gennas.costs.dataflow`). Sums, pooling, activations and products of two activations are free.

Absolute numbers are not to be believed: sources differ 30-fold in a constant. The order of networks hardly changes.

Sources: Shafiee et al., "ISAAC: A Convolutional Neural Network Accelerator with In-Situ Analog Arithmetic in
Crossbars", ISCA 2016; constants as in the simulator of Ankit et al., "PUMA", ASPLOS 2019 (Aayush-Ankit/puma-simulator,
include/example-constants/constants-128.py). The formulas are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from torch import Tensor, nn

from gennas.costs.dataflow import Layer, follow

DECLARATION = {
    "units": {"imc_energy": "µJ", "imc_latency": "ms", "imc_crossbars": "crossbars"},
    "alike": "alive",
    "options": {
        "crossbar_rows": {"type": "integer", "minimum": 1, "description": "rows, and columns, of a crossbar"},
        "cell_bits": {"type": "integer", "minimum": 1, "description": "bits of a memory cell"},
        "weight_bits": {"type": "integer", "minimum": 1, "description": "bits of a weight"},
        "input_bits": {"type": "integer", "minimum": 1, "description": "bits of an input, read one after the other"},
        "read_ns": {"type": "number", "exclusiveMinimum": 0, "description": "ns of reading one bit"},
        "adc_pj": {"type": "number", "minimum": 0, "description": "pJ of a conversion of a column"},
        "add_pj": {"type": "number", "minimum": 0, "description": "pJ of shifting and adding a conversion"},
        "dac_pj": {"type": "number", "minimum": 0, "description": "pJ of driving a row with one bit"},
        "array_pj": {"type": "number", "minimum": 0, "description": "pJ of reading a full crossbar"},
        "buffer_pj": {"type": "number", "minimum": 0, "description": "pJ of moving a bit to or from the buffer"},
    },
}


@dataclass(frozen=True)
class Constants:
    """Of the hardware: ISAAC's, but for the bits of weights and inputs, of which it has 16."""

    crossbar_rows: int = 128  # S
    cell_bits: int = 2  # b_c
    weight_bits: int = 8  # b_w, our choice, as the converters of Analog-NASBench
    input_bits: int = 8  # b_i, likewise
    read_ns: float = 100.0  # t_read
    adc_pj: float = 1.5625  # e_adc: 2 mW for 100 ns, by 128 columns
    add_pj: float = 0.021  # e_add, second hand
    dac_pj: float = 0.3896875  # e_dac: 3.896875 µW for 100 ns
    array_pj: float = 30.0  # e_array: 0.3 mW for 100 ns
    buffer_pj: float = 20.45 / 256  # e_buffer: 20.45 pJ for 256 bits, second hand

    def columns(self, layer: Layer) -> int:
        """Of cells that hold one matrix."""
        return layer.outputs * ceil(self.weight_bits / self.cell_bits)

    def tiles(self, layer: Layer) -> tuple[int, int]:
        """Crossbars that hold one matrix, below and beside each other."""
        return ceil(layer.rows / self.crossbar_rows), ceil(self.columns(layer) / self.crossbar_rows)

    def crossbars(self, layer: Layer) -> int:
        """All that hold a layer's weights."""
        down, across = self.tiles(layer)
        return layer.groups * down * across

    def energy_pj(self, layer: Layer) -> float:
        """Of a layer, once."""
        (down, across), columns = self.tiles(layer), self.columns(layer)
        converted = down * columns * (self.adc_pj + self.add_pj)
        driven = layer.rows * across * self.dac_pj
        read = self.array_pj * layer.rows * columns / self.crossbar_rows**2
        moved = (layer.rows + layer.outputs) * self.buffer_pj
        return layer.groups * layer.positions * self.input_bits * (converted + driven + read + moved)

    def latency_ns(self, layer: Layer) -> float:
        """Of a layer, once."""
        return layer.positions * self.input_bits * self.read_ns


def cost(network: nn.Module, *inputs: Tensor, **constants: Any) -> tuple[float, float, float]:
    """Energy, latency and crossbars; the constants are those of `Constants`."""
    hardware = Constants(**constants)
    layers, nanoseconds = follow(network, inputs, hardware.latency_ns)
    matrices = {layer.weights.data_ptr(): layer for layer in layers}
    energy = sum(map(hardware.energy_pj, layers))
    return energy * 1e-6, nanoseconds * 1e-6, float(sum(map(hardware.crossbars, matrices.values())))
