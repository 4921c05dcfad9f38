"""Train the architecture that the search found, for real, beside a random one of the sample.

Images are classified; a text is modelled by the spaces of recurrent networks. Both architectures get
the same recipe (optimiser, cosine schedule), order of the data and validation split. The test part is
looked at once, after the last epoch. Progress is saved after every epoch; a run that was killed goes
on from there, and its artifacts are byte-identical to an uninterrupted run's.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from gennas import spaces
from gennas.devices import made_with, prepare
from gennas.errors import InputError
from gennas.files.atomic import atomic_write
from gennas.files.documents import read_json
from gennas.seeds import derive_seed
from gennas.spaces import Space
from gennas.training import classification, language_model
from stages.support import artifacts
from stages.support.cli import json_argument, logger, run, stage_parser, track
from stages.support.sources import loaded_sources

Params = Mapping[str, Any]


class Problem(Protocol):
    """What a network is trained for: the data in three parts, and how a network learns from them."""

    @property
    def metric(self) -> str:
        """What `evaluate` measures besides the loss: `accuracy_percent` or `perplexity`."""

    @property
    def content(self) -> str:
        """A hash of the data, unless their name says what they are."""

    def model(self, network: nn.Module) -> nn.Module:
        """A space's network and what it needs for this, initialised from torch's global generator."""

    def train_epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> float:
        """One pass over the part `train`; `seed` decides what is random. Mean loss in nats."""

    def evaluate(self, model: nn.Module, part: str) -> tuple[float, float]:
        """Mean loss in nats and metric on the part `validation` or `test`."""


def load_problem(space: Space, params: Params, seed: int, device: torch.device) -> Problem:
    """What the networks of a space are trained for; an InputError unless `dataset` suits them."""
    if space.FAMILY == "sequences":
        return language_model.load(params, device)
    return classification.load(params, seed, device)


def save_tensors(value: Any, path: Path) -> None:
    """`torch.save`, whole or not at all; through memory, since it writes a file's name into the file."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


class Checkpoint:
    """The progress of each role's training; what an earlier run left counts if it has this fingerprint."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self.progress: dict[str, Any] = {}
        if path.exists():
            self._restore()

    def _restore(self) -> None:
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            fingerprint, progress = saved["fingerprint"], saved["progress"]
        except Exception as error:  # a broken file can make torch.load raise anything
            logger.warning("%s: not a readable checkpoint, ignored (%s)", self.path, type(error).__name__)
            return
        if fingerprint == self.fingerprint:
            self.progress = progress
        else:
            logger.warning("%s: the checkpoint of another study, ignored", self.path)

    def save(self, role: str, **progress: Any) -> None:
        self.progress[role] = progress
        save_tensors({"fingerprint": self.fingerprint, "progress": self.progress}, self.path)


def make_optimizer(model: nn.Module, params: Params) -> torch.optim.Optimizer:
    """SGD with Nesterov's momentum; or Adam, whose mean of the gradients decays by `momentum`."""
    rate, momentum, decay = params["learning_rate"], params["momentum"], params["weight_decay"]
    if params["optimizer"] == "adam":
        return torch.optim.Adam(model.parameters(), rate, betas=(momentum, 0.999), weight_decay=decay)
    return torch.optim.SGD(model.parameters(), rate, momentum, weight_decay=decay, nesterov=momentum > 0)


def diverged(history: list[dict[str, Any]]) -> bool:
    """Whether the last epoch's training loss is not a number, which no later epoch can mend."""
    return bool(history) and not math.isfinite(history[-1]["train_loss"])


def train(
    role: str, model: nn.Module, problem: Problem, params: Params, seed: int, checkpoint: Checkpoint
) -> list[dict[str, Any]]:
    """Train `model` in place, from the checkpoint on if it has progress; return the rows of the history.

    A training that diverges ends with that epoch.
    """
    optimizer = make_optimizer(model, params)
    history: list[dict[str, Any]] = []
    if progress := checkpoint.progress.get(role):
        model.load_state_dict(progress["model"])
        optimizer.load_state_dict(progress["optimizer"])
        history = progress["history"]
        logger.info("%s: resumed after epoch %d", role, len(history))
    epochs = range(len(history), params["epochs"])
    for epoch in track(epochs, role, len(epochs), unit="epoch"):
        if diverged(history):
            logger.warning("%s: diverged in epoch %d", role, epoch)
            break
        rate = params["learning_rate"] * (1 + math.cos(math.pi * epoch / params["epochs"])) / 2
        optimizer.param_groups[0]["lr"] = rate
        # Every epoch has a seed of its own, so that a checkpoint needs no generator's state.
        train_loss = problem.train_epoch(model, optimizer, derive_seed(seed, "retrain", "epoch", epoch))
        validation_loss, score = problem.evaluate(model, "validation")
        row = (role, epoch + 1, rate, train_loss, validation_loss, problem.metric, score)
        history.append(artifacts.row(artifacts.HISTORY, *row))
        checkpoint.save(role, history=history, model=model.state_dict(), optimizer=optimizer.state_dict())
    return history


def result(architecture: str, model: nn.Module, problem: Problem) -> dict[str, Any]:
    """What the metrics say of a trained model; null where the training failed."""
    scores = {f"{part}_{problem.metric}": problem.evaluate(model, part)[1] for part in ("test", "validation")}
    return {
        "architecture": architecture,
        **{name: round(score, 4) if math.isfinite(score) else None for name, score in scores.items()},
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def choose(best: Path, architectures: Path) -> dict[str, str]:
    """The id of the architecture found, and of the first of the evaluated sample that differs."""
    found: str = read_json(best, schema=artifacts.BEST)["architecture"]
    sample = artifacts.read_parquet(architectures, artifacts.ARCHITECTURES).sort_by("position").to_pylist()
    for row in sample:
        if row["role"] == "evaluate" and row["architecture"] != found:
            return {"found": found, "random": row["architecture"]}
    raise InputError(f"{architectures}: has no other architecture to evaluate; draw a larger sample")


def build(space: Space, architecture: str, problem: Problem, params: Params, seed: int) -> nn.Module:
    """The model of an architecture, initialised from `seed`."""
    parsed = spaces.parse(space, architecture)
    torch.manual_seed(seed)
    return problem.model(space.build(parsed, params["width"], params["depth"]))


def fingerprint(*values: Any) -> str:
    """A hash of everything that a training depends on."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--best", type=Path, required=True, help="best.json, the search's answer")
    parser.add_argument("--architectures", type=Path, required=True, help="architectures.parquet")
    parser.add_argument("--space", choices=spaces.NAMES, required=True)
    parser.add_argument("--params", type=json_argument, required=True, help="this stage's section of params.yaml")
    parser.add_argument("--seed", type=int, required=True, help="base seed")
    parser.add_argument("--history", type=Path, required=True, help="written: losses and the metric per epoch")
    parser.add_argument("--metrics", type=Path, required=True, help="written: the accuracy or perplexity reached")
    parser.add_argument("--weights", type=Path, required=True, help="written: state_dict of the one found")
    parser.add_argument("--checkpoint", type=Path, required=True, help="written while training, then deleted")
    return parser


def main(args: argparse.Namespace) -> None:
    params, space, device = args.params, spaces.load(args.space), prepare()
    chosen = choose(args.best, args.architectures)
    problem = load_problem(space, params, args.seed, device)
    code = sorted(loaded_sources().values())
    study = fingerprint(args.space, chosen, params, problem.content, args.seed, made_with(device), code)
    checkpoint = Checkpoint(args.checkpoint, study)
    history: list[dict[str, Any]] = []
    metrics: dict[str, Any] = {"dataset": params["dataset"], "metric": problem.metric}
    models: dict[str, nn.Module] = {}
    weights_seed = derive_seed(args.seed, "retrain", "weights")
    for role, architecture in chosen.items():
        models[role] = build(space, architecture, problem, params, weights_seed).to(device)
        history += train(role, models[role], problem, params, args.seed, checkpoint)
        metrics[role] = result(architecture, models[role], problem)
    artifacts.write_rows(history, artifacts.HISTORY, args.history, made_with(device))
    artifacts.write_json(metrics, args.metrics)
    save_tensors({name: t.cpu() for name, t in models["found"].state_dict().items()}, args.weights)
    args.checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run(arguments(), main)
