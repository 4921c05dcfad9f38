"""Train the architecture that the search found, for real, beside a random one of the sample.

Both get the same recipe, order of the images and validation split: stochastic gradient descent
with Nesterov momentum, weight decay and a cosine schedule. The test images are looked at once,
after the last epoch. Progress is saved after every epoch; a run that was killed goes on from
there, and its artifacts are byte-identical to an uninterrupted run's.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stages import artifacts, loaded_sources, spaces
from stages.classifier import Classifier, Data, accuracy_percent, load_data, train_epoch
from stages.cli import json_argument, logger, run, stage_parser, track
from stages.errors import InputError
from stages.reproducibility import derive_seed, made_with, prepare
from stages.spaces import Space

Params = Mapping[str, Any]


def save_tensors(value: Any, path: Path) -> None:
    """`torch.save`, whole or not at all; through memory, since it writes a file's name into the file."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with artifacts.whole_or_not_at_all(path) as temporary:
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


def train(
    role: str, network: nn.Module, data: Data, params: Params, seed: int, checkpoint: Checkpoint
) -> list[dict[str, Any]]:
    """Train `network` in place, from the checkpoint on if it has progress; return the rows of the history."""
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=params["learning_rate"],
        momentum=params["momentum"],
        weight_decay=params["weight_decay"],
        nesterov=params["momentum"] > 0,
    )
    history: list[dict[str, Any]] = []
    if progress := checkpoint.progress.get(role):
        network.load_state_dict(progress["network"])
        optimizer.load_state_dict(progress["optimizer"])
        history = progress["history"]
        logger.info("%s: resumed after epoch %d", role, len(history))
    epochs = range(len(history), params["epochs"])
    for epoch in track(epochs, role, len(epochs), unit="epoch"):
        rate = params["learning_rate"] * (1 + math.cos(math.pi * epoch / params["epochs"])) / 2
        optimizer.param_groups[0]["lr"] = rate
        # Every epoch has a seed of its own, so that a checkpoint needs no generator's state.
        order = derive_seed(seed, "retrain", "epoch", epoch)
        loss, accuracy = train_epoch(network, optimizer, data.train, params, order)
        validation = accuracy_percent(network, data.validation)
        row = (role, epoch + 1, rate, loss, accuracy, validation)
        history.append(dict(zip(artifacts.HISTORY.names, row, strict=True)))
        state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        checkpoint.save(role, history=history, **state)
    return history


def choose(best: Path, architectures: Path) -> dict[str, str]:
    """The id of the architecture found, and of the first of the evaluated sample that differs."""
    answer = artifacts.read_json(best)
    found = answer.get("architecture") if isinstance(answer, dict) else None
    if not isinstance(found, str):
        raise InputError(f"{best}: has no key 'architecture'; delete it and re-run")
    sample = artifacts.read_parquet(architectures, artifacts.ARCHITECTURES).sort_by("position").to_pylist()
    for row in sample:
        if row["role"] == "evaluate" and row["architecture"] != found:
            return {"found": found, "random": row["architecture"]}
    raise InputError(f"{architectures}: has no other architecture to evaluate; draw a larger sample")


def build(space: Space, architecture: str, classes: int, params: Params, seed: int) -> Classifier:
    """The classifier of an architecture, initialised from `seed`."""
    parsed = spaces.parse(space, architecture)
    torch.manual_seed(seed)
    return Classifier(space.build(parsed, params["channels"], params["cells"]), classes)


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
    parser.add_argument("--history", type=Path, required=True, help="written: losses and accuracies per epoch")
    parser.add_argument("--metrics", type=Path, required=True, help="written: the accuracies reached")
    parser.add_argument("--weights", type=Path, required=True, help="written: state_dict of the one found")
    parser.add_argument("--checkpoint", type=Path, required=True, help="written while training, then deleted")
    return parser


def main(args: argparse.Namespace) -> None:
    params, space, device = args.params, spaces.load(args.space), prepare()
    chosen = choose(args.best, args.architectures)
    data = load_data(params["dataset"], params["validation_share"], args.seed, device)
    code = sorted(loaded_sources().values())
    study = fingerprint(args.space, chosen, params, args.seed, made_with(device), code)
    checkpoint = Checkpoint(args.checkpoint, study)
    history: list[dict[str, Any]] = []
    metrics: dict[str, Any] = {"dataset": params["dataset"]}
    networks: dict[str, Classifier] = {}
    weights_seed = derive_seed(args.seed, "retrain", "weights")
    for role, architecture in chosen.items():
        network = build(space, architecture, data.classes, params, weights_seed).to(device)
        history += train(role, network, data, params, args.seed, checkpoint)
        metrics[role] = {
            "architecture": architecture,
            "test_accuracy_percent": round(accuracy_percent(network, data.test), 4),
            "validation_accuracy_percent": round(accuracy_percent(network, data.validation), 4),
            "parameters": sum(p.numel() for p in network.parameters()),
        }
        networks[role] = network
    artifacts.write_rows(history, artifacts.HISTORY, args.history, made_with(device))
    artifacts.write_json(metrics, args.metrics)
    save_tensors({name: t.cpu() for name, t in networks["found"].state_dict().items()}, args.weights)
    args.checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run(arguments(), main)
