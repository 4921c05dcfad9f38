"""Training a network on a regression task for a few iterations, and reading its score out."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from gennas.scoring import Protocol, Score


class Objective(typing.Protocol):
    """What a network can be trained on."""

    def losses(self, network: nn.Module, step: int) -> Tensor:
        """The terms of the loss at a step; at step -1, those of the pass in evaluation mode."""


class Drawn(NamedTuple):
    """What a family draws for a task: inputs and targets, and what some families have besides."""

    inputs: Tensor  # images (B, 3, H, W), sequences (T, B, D), or features of nodes (N, F)
    targets: tuple[Tensor, ...]  # one per prediction of the network, of its shape
    further: tuple[Tensor, ...] = ()  # what else the network reads, such as edges (2, E)
    #: Which of the predictions' first dimension the training compares, and which the evaluation pass; None: all.
    rows: tuple[Tensor, Tensor] | None = None

    def moved(self, move: Callable[[Tensor], Tensor]) -> Drawn:
        """The same, each tensor moved."""
        rows = self.rows and (move(self.rows[0]), move(self.rows[1]))
        return Drawn(move(self.inputs), tuple(map(move, self.targets)), tuple(map(move, self.further)), rows)


@dataclass(frozen=True)
class Task:
    """A drawn regression task on the device that trains, and the noise added at each iteration."""

    drawn: Drawn
    weights: tuple[float, ...]  # of each target's mean squared error in the loss
    noise: tuple[Tensor, ...]  # per iteration, of the inputs' shape, and one more for the evaluation pass

    def losses(self, network: nn.Module, step: int) -> Tensor:
        """Each prediction's weighted mean squared error with the noise of a step; their sum is the loss."""
        predictions = network(self.drawn.inputs + self.noise[step], *self.drawn.further)
        pairs = self.compared(predictions, evaluation=step == -1)
        return torch.stack([w * mse_loss(p, t) for w, (p, t) in zip(self.weights, pairs, strict=True)])

    def compared(self, predictions: Sequence[Tensor], evaluation: bool) -> list[tuple[Tensor, Tensor]]:
        """Each prediction and its target, those rows of them that count."""
        pairs = zip(predictions, self.drawn.targets, strict=True)
        if self.drawn.rows is None:
            return list(pairs)
        rows = self.drawn.rows[evaluation]
        return [(prediction[rows], target[rows]) for prediction, target in pairs]


def make_optimizer(network: nn.Module, protocol: Protocol) -> torch.optim.Optimizer:
    """SGD with momentum, or Adam, whose first beta it is; weight decay only on tensors of more than one dimension."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": protocol.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    rate, momentum = protocol.learning_rate, protocol.momentum
    if protocol.optimizer == "adam":
        # On a GPU, its step count has to be there as well, or the step could not be part of a CUDA graph.
        capturable = parameters[0].device.type == "cuda"
        return torch.optim.Adam(groups, lr=rate, betas=(momentum, 0.999), fused=True, capturable=capturable)
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, fused=True)


def train(network: nn.Module, task: Objective, protocol: Protocol, limits: Mapping[int, float]) -> Score:
    """Train one network; see `read_out` for what its score is."""
    optimizer = make_optimizer(network, protocol)
    network.train()
    losses: list[Tensor] = []
    for step in range(protocol.iterations):
        loss = task.losses(network, step).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if len(losses) in limits and should_stop(as_floats(losses), limits, protocol):
            return read_out(as_floats(losses), None, protocol, limits)
    evaluated = None
    if protocol.readout == "evaluation":
        network.eval()
        with torch.no_grad():
            evaluated = float(task.losses(network, -1).sum())
    return read_out(as_floats(losses), evaluated, protocol, limits)


def as_floats(losses: list[Tensor]) -> tuple[float, ...]:
    """One copy to the host for all of them."""
    return tuple(torch.stack(losses).tolist())


def recent(losses: Sequence[float], window: int) -> float:
    """The mean of the last `window` losses."""
    last = losses[-window:]
    return math.fsum(last) / len(last)


def should_stop(losses: Sequence[float], limits: Mapping[int, float], protocol: Protocol) -> bool:
    """Whether a training is not worth going on with: its recent loss is above the limit for its length, or nan."""
    return not recent(losses, protocol.readout_window) <= limits[len(losses)]  # false of a nan, too


def read_out(
    losses: tuple[float, ...], evaluated: float | None, protocol: Protocol, limits: Mapping[int, float]
) -> Score:
    """The score of a training: a negated loss.

    The protocol's readout says which. `evaluation` (the paper): that of one pass in evaluation mode after the last
    iteration. `training`: the mean training loss of the last `readout_window` iterations. A training that missed one
    of the `limits` counts as it was there, as if it had been stopped.
    """
    for length in sorted(limits):
        if length <= len(losses) and should_stop(losses[:length], limits, protocol):
            losses, evaluated, status = losses[:length], None, "stopped"
            break
    else:
        status = "ok"
    final = recent(losses, protocol.readout_window) if evaluated is None else evaluated
    if not math.isfinite(final):
        return Score(-math.inf, "diverged", losses)
    return Score(-final, status, losses)
