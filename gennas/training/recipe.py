"""How a network is trained for real: optimiser, cosine schedule, checkpoints.

Progress is saved after every epoch. A run that was killed goes on from there, and ends with the same numbers as an
uninterrupted one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import nn

from gennas.files.checkpoints import Checkpoint
from gennas.seeds import derive_seed

Params = Mapping[str, Any]
#: One epoch: the columns of the stage's history but for the role.
Row = dict[str, Any]
logger = logging.getLogger(__name__)


class Problem(Protocol):
    """What a network is trained for: the data in three parts, and how a network learns from them."""

    @property
    def metric(self) -> str:
        """What `evaluate` measures besides the loss: `accuracy_percent`, `perplexity` or `masked_perplexity`."""

    @property
    def content(self) -> str:
        """A hash of the data, unless their name says what they are."""

    def model(self, network: nn.Module) -> nn.Module:
        """A space's network and what it needs for this, initialised from torch's global generator."""

    def train_epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> float:
        """One pass over the part `train`; `seed` decides what is random. Mean loss in nats."""

    def evaluate(self, model: nn.Module, part: str) -> tuple[float, float]:
        """Mean loss in nats and metric on the part `validation` or `test`."""


def make_optimizer(model: nn.Module, params: Params) -> torch.optim.Optimizer:
    """SGD with Nesterov's momentum; or Adam, whose mean of the gradients decays by `momentum`."""
    rate, momentum, decay = params["learning_rate"], params["momentum"], params["weight_decay"]
    if params["optimizer"] == "adam":
        return torch.optim.Adam(model.parameters(), rate, betas=(momentum, 0.999), weight_decay=decay)
    return torch.optim.SGD(model.parameters(), rate, momentum, weight_decay=decay, nesterov=momentum > 0)


def diverged(history: list[Row]) -> bool:
    """Whether the last epoch's training loss is not a number, which no later epoch can fix."""
    return bool(history) and not math.isfinite(history[-1]["train_loss"])


def train(
    model: nn.Module,
    problem: Problem,
    params: Params,
    seed: int,
    checkpoint: Checkpoint,
    track: Callable[[range], Iterable[int]] = iter,
) -> list[Row]:
    """Train `model` in place, from the checkpoint on if it has progress; return a row for each epoch.

    `track` may show the epochs that are left as they pass. A training that diverges ends with that epoch.
    """
    optimizer = make_optimizer(model, params)
    history: list[Row] = []
    if progress := checkpoint.progress:
        model.load_state_dict(progress["model"])
        optimizer.load_state_dict(progress["optimizer"])
        history = progress["history"]
        logger.info("resumed after epoch %d", len(history))
    for epoch in track(range(len(history), params["epochs"])):
        if diverged(history):
            logger.warning("diverged in epoch %d", epoch)
            break
        rate = params["learning_rate"] * (1 + math.cos(math.pi * epoch / params["epochs"])) / 2
        optimizer.param_groups[0]["lr"] = rate
        # Every epoch has a seed of its own, so that a checkpoint needs no generator's state.
        train_loss = problem.train_epoch(model, optimizer, derive_seed(seed, "retrain", "epoch", epoch))
        validation_loss, score = problem.evaluate(model, "validation")
        history.append(
            {
                "epoch": epoch + 1, "learning_rate": rate, "train_loss": train_loss,
                "validation_loss": validation_loss, "metric": problem.metric, "validation_score": score,
            }
        )  # fmt: skip
        checkpoint.save(history=history, model=model.state_dict(), optimizer=optimizer.state_dict())
    return history
