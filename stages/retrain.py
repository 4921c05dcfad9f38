"""Train the architecture that the search found, for real, beside a random one of the sample.

Images are classified. A text is modelled: recurrent networks foretell the next token, transformers restore hidden ones.
Each of the two roles, `found` and `random`, is a job of its own, with the same recipe (optimiser, cosine schedule),
order of the data and validation split. The test part is looked at once, after the last epoch. A job that was killed
goes on after its last epoch, and its artifacts are byte-identical to an uninterrupted one's. The checkpoint stays: a
job that is run again for the same architecture, as after finals that come to the same answer, takes seconds.
"""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gennas import catalogue, spaces
from gennas.devices import made_with, prepare
from gennas.errors import InputError
from gennas.files.checkpoints import Checkpoint, save_tensors
from gennas.files.documents import read_json
from gennas.seeds import derive_seed
from gennas.training.recipe import Params, Problem, train
from stages.support import artifacts
from stages.support.command import run, track
from stages.support.inputs import read_sample
from stages.support.sources import fingerprint, loaded_sources


def load_problem(space: str, params: Params, seed: int, device: torch.device) -> Problem:
    """What the networks of a space are trained for; an InputError unless `dataset` suits them."""
    family = catalogue.declaration("families", spaces.load(space).FAMILY)
    training = catalogue.declaration("spaces", space).get("training", family["training"])
    problem: Problem = import_module(f"gennas.training.{training}").load(params, seed, device)
    return problem


def choose(best: list[Path], architectures: Path) -> str:
    """The id of the architecture found, if best.json is there; else the first of the evaluated sample."""
    if best:
        found: str = read_json(best[0], schema=artifacts.BEST)["architecture"]
        return found
    sample = read_sample(architectures, "evaluate")
    if not sample:
        raise InputError(f"{architectures}: has no architecture to evaluate; draw a larger sample")
    return sample[0]


def build(space: str, architecture: str, problem: Problem, params: Params, seed: int) -> nn.Module:
    """The model of an architecture, initialised from `seed`."""
    loaded = spaces.load(space)
    parsed = spaces.parse(loaded, architecture)
    torch.manual_seed(seed)
    return problem.model(loaded.build(parsed, params["width"], params["depth"]))


def result(architecture: str, model: nn.Module, problem: Problem) -> dict[str, Any]:
    """What the metrics say of a trained model; null where the training failed."""
    scores = {f"{part}_{problem.metric}": problem.evaluate(model, part)[1] for part in ("test", "validation")}
    return {
        "architecture": architecture,
        **{name: round(score, 4) if math.isfinite(score) else None for name, score in scores.items()},
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def unit(
    best: list[Path], architectures: Path, history: Path, metrics: Path, weights: Path, checkpoint: Path,
    space: str, role: str, params: dict[str, Any], seed: int,
) -> None:  # fmt: skip
    """Train the architecture of one role: `found`, which best.json names, or `random`."""
    device, architecture = prepare(), choose(best, architectures)
    problem = load_problem(space, params, seed, device)
    model = build(space, architecture, problem, params, derive_seed(seed, "retrain", "weights")).to(device)
    code = sorted(loaded_sources().values())  # the network's, too, which is imported when it is built
    study = fingerprint(space, architecture, params, problem.content, seed, made_with(device), code)
    progress = Checkpoint(checkpoint, study)
    rows = train(model, problem, params, seed, progress, lambda left: track(left, role, len(left), unit="epoch"))
    artifacts.write_rows([{"role": role, **row} for row in rows], artifacts.HISTORY, history, made_with(device))
    found = {"dataset": params["dataset"], "metric": problem.metric, role: result(architecture, model, problem)}
    artifacts.write_json(found, metrics)
    save_tensors({name: tensor.cpu() for name, tensor in model.state_dict().items()}, weights)


def gather(
    histories: list[Path], results: list[Path], found_weights: Path, history: Path, metrics: Path, weights: Path
) -> None:
    """Both roles' histories and results, and the weights of the architecture found."""
    tables = [artifacts.read_parquet(path, artifacts.HISTORY) for path in histories]
    artifacts.write_tables(tables, artifacts.HISTORY, history)
    merged: dict[str, Any] = {}
    for path in results:
        merged |= read_json(path)
    artifacts.write_json(merged, metrics)
    artifacts.copy(found_weights, weights)


if __name__ == "__main__":
    run(unit, gather)
