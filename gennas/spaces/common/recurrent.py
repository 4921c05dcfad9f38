"""Recurrent networks of any cell: stacked layers that run a cell's graph at every time step.

Operations and initialisation are those of NAS-Bench-NLP's code; see `gennas/spaces/nasbench_nlp.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

aten = torch.ops.aten
NEGATIVE_SLOPE = 0.01  # of the leaky ReLU


@dataclass(frozen=True)
class Step:
    """What is done for one node at every time step."""

    operation: str
    node: int
    sources: tuple[tuple[int, int], ...]  # per input but x: node, and 1 if it is read one time step later
    weights: tuple[int, ...]  # per source, for a linear node: index of the matrix


@dataclass(frozen=True)
class Program:
    """A cell as the flat list of what is done at every time step."""

    steps: tuple[Step, ...]  # inputs first
    linear: tuple[int, ...]  # nodes with a bias
    read_x: tuple[int, ...]  # those of them that read x
    states: tuple[int, ...]  # nodes that compute the states; the first one is the output
    matrices: int  # of weights that are applied to states and nodes


def compile_cell(nodes: Sequence[tuple[str, tuple[int, ...]]], states: tuple[int, ...]) -> Program:
    """The program of a cell: operations and sources of its nodes, inputs first, and the nodes of its states.

    Source 0 is x, which `linear` alone reads; 1 to H are the previous states, H + 1 + i is the i-th node.
    """
    first = 1 + len(states)
    steps, matrices = [], 0
    for node, (operation, inputs) in enumerate(nodes):
        sources = tuple((i - first, 0) if i >= first else (states[i - 1], 1) for i in inputs if i > 0)
        count = len(sources) if operation == "linear" else 0
        steps.append(Step(operation, node, sources, tuple(range(matrices, matrices + count))))
        matrices += count
    linear = tuple(node for node, (operation, _) in enumerate(nodes) if operation == "linear")
    read_x = tuple(node for node in linear if 0 in nodes[node][1])
    return Program(tuple(steps), linear, read_x, states, matrices)


class Unroll(torch.autograd.Function):
    """A cell over a whole sequence, and back-propagation through time by hand.

    Automatic differentiation node by node takes twice as long. Here x is multiplied by its weights for all times at
    once, a weight's gradient is one product over all times, and what a node computes is written in place.

    In: the sequence (T, B, I), the initial states (H, B, S), the weights of x (one (I, S) per linear node that reads
    it), those of the other sources (M, S, S), and the biases (L, S). Out: h0 at all times (T, B, S), and the last
    states (H, B, S).
    """

    @staticmethod
    def forward(
        ctx: Any, program: Program, x: Tensor, initial: Tensor, w_x: Tensor, w_h: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        length, batch, _ = x.shape
        size = bias.shape[1]
        # Row t + 1 is a node's value at time t; row 0 of a state's node is that state's initial value.
        values = x.new_empty(len(program.steps), length + 1, batch, size)  # (N, T + 1, B, S)
        for state, node in enumerate(program.states):
            values[node, 0] = initial[state]
        for b, node in zip(bias, program.linear, strict=True):
            values[node, 1:] = b
        for w, node in zip(w_x, program.read_x, strict=True):
            drive = values[node, 1:].flatten(0, 1)  # (T * B, S)
            torch.addmm(drive, x.flatten(0, 1), w, out=drive)
        weights = w_h.unbind()
        rows = [value.unbind() for value in values]
        for t in range(1, length + 1):
            for step in program.steps:
                out = rows[step.node][t]
                inputs = [rows[node][t - lag] for node, lag in step.sources]  # each (B, S)
                match step.operation:
                    case "linear":
                        for source, w in zip(inputs, step.weights, strict=True):
                            torch.addmm(out, source, weights[w], out=out)
                    case "blend":
                        torch.lerp(inputs[2], inputs[1], inputs[0], out=out)
                    case "prod":
                        torch.mul(inputs[0], inputs[1], out=out)
                    case "sum":
                        torch.add(inputs[0], inputs[1], out=out)
                    case "tanh":
                        torch.tanh(inputs[0], out=out)
                    case "sigm":
                        torch.sigmoid(inputs[0], out=out)
                    case "leaky_relu":
                        torch.maximum(inputs[0], inputs[0] * NEGATIVE_SLOPE, out=out)
        ctx.program = program
        ctx.save_for_backward(x, w_x, w_h, values)
        return values[program.states[0], 1:], torch.stack([values[node, -1] for node in program.states])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_output: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
        program: Program = ctx.program
        x, w_x, w_h, values = ctx.saved_tensors
        length = len(x)
        grads = torch.zeros_like(values)
        grads[program.states[0], 1:] = d_output
        for state, node in enumerate(program.states):
            grads[node, -1] += d_last[state]
        weights = w_h.transpose(1, 2).unbind()
        rows, d_rows = [value.unbind() for value in values], [grad.unbind() for grad in grads]
        for t in range(length, 0, -1):
            for step in reversed(program.steps):
                d, out = d_rows[step.node][t], rows[step.node][t]
                inputs = [rows[node][t - lag] for node, lag in step.sources]
                d_inputs = [d_rows[node][t - lag] for node, lag in step.sources]
                match step.operation:
                    case "linear":
                        for d_source, w in zip(d_inputs, step.weights, strict=True):
                            d_source.addmm_(d, weights[w])
                    case "blend":
                        d_inputs[0].addcmul_(d, inputs[1] - inputs[2])
                        d_inputs[1].addcmul_(d, inputs[0])
                        d_inputs[2].add_(d).addcmul_(d, inputs[0], value=-1)
                    case "prod":
                        d_inputs[0].addcmul_(d, inputs[1])
                        d_inputs[1].addcmul_(d, inputs[0])
                    case "sum":
                        d_inputs[0].add_(d)
                        d_inputs[1].add_(d)
                    case "tanh":
                        d_inputs[0].add_(aten.tanh_backward.default(d, out))
                    case "sigm":
                        d_inputs[0].add_(aten.sigmoid_backward.default(d, out))
                    case "leaky_relu":  # whose output has the sign of its input
                        d_inputs[0].add_(aten.leaky_relu_backward.default(d, out, NEGATIVE_SLOPE, True))
        d_linear = {node: grads[node, 1:].flatten(0, 1) for node in program.linear}  # (T * B, S)
        d_x, d_w_x, d_w_h = torch.zeros_like(x), torch.empty_like(w_x), torch.empty_like(w_h)
        for i, node in enumerate(program.read_x):
            d_x.flatten(0, 1).addmm_(d_linear[node], w_x[i].t())
            torch.mm(x.flatten(0, 1).t(), d_linear[node], out=d_w_x[i])
        for step in program.steps:
            for (node, lag), w in zip(step.sources, step.weights, strict=False):
                read = values[node, 1 - lag : length + 1 - lag].flatten(0, 1)
                torch.mm(read.t(), d_linear[step.node], out=d_w_h[w])
        d_bias = torch.stack([d_linear[node].sum(0) for node in program.linear])
        return None, d_x, torch.stack([grads[node, 0] for node in program.states]), d_w_x, d_w_h, d_bias


class Layer(nn.Module):
    """One cell with its weights, all initialised uniformly within 1 / sqrt(size), as in the benchmark."""

    def __init__(self, program: Program, inputs: int, size: int) -> None:
        super().__init__()
        self.program, self.size = program, size
        self.input_weights = nn.Parameter(torch.empty(len(program.read_x), inputs, size))
        self.weights = nn.Parameter(torch.empty(program.matrices, size, size))
        self.biases = nn.Parameter(torch.empty(len(program.linear) * size))  # a vector, as optimisers expect
        bound = 1 / math.sqrt(size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor, states: Tensor | None) -> tuple[Tensor, Tensor]:
        """From (T, B, inputs) and the states (H, B, size), zero at first, to h0 (T, B, size) and the last states."""
        if states is None:
            states = x.new_zeros(len(self.program.states), x.shape[1], self.size)
        output: tuple[Tensor, Tensor] = Unroll.apply(
            self.program, x, states, self.input_weights, self.weights, self.biases.view(-1, self.size)
        )
        return output


class Network(nn.Module):
    """A stack of layers of one cell; maps (T, B, inputs) to (T, B, outputs), which are as many.

    The inner layers are of size `hidden`.
    """

    def __init__(self, program: Program, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.inputs = self.outputs = inputs
        sizes = [inputs, *[hidden] * (layers - 1), inputs]
        self.layers = nn.ModuleList(Layer(program, *pair) for pair in pairwise(sizes))

    def step_through(self, sequence: Tensor, state: Sequence[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """The output, and the state to go on from: (H, B, size) per layer; None is the state at first, zero."""
        before: Sequence[Tensor | None] = state or [None] * len(self.layers)
        after = []
        for layer, states in zip(self.layers, before, strict=True):
            sequence, states = layer(sequence, states)
            after.append(states)
        return sequence, after

    def forward(self, sequence: Tensor) -> Tensor:
        return self.step_through(sequence)[0]
