"""Train 64 networks of `imc_blocks`, three times each, on digits and on a subset of CIFAR-10.

Writes the table of the source `imc_blocks_example`, a row for each training; goes on after the rows that it has. About
20 minutes on the one thread that it uses. GENNAS_MIRROR has to hold the subset.

The networks are a quarter as wide as the space's own, the images 16x16 pixels and not augmented.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.nn.functional import interpolate
from tqdm import tqdm

from gennas import spaces
from gennas.benchmarks.imc_blocks_example import DATA_SETS, FILES
from gennas.families.images import MEMORY_FORMAT
from gennas.files.atomic import atomic_write
from gennas.files.checkpoints import Checkpoint
from gennas.seeds import rng
from gennas.training import classification
from gennas.training.classification import Classification, Part
from gennas.training.recipe import train
from measurements.subjects import SEED

SPACE = "imc_blocks"
(TABLE,) = FILES[SPACE]
COLUMNS = ("architecture", "dataset", "seed", "accuracy_percent")
NETWORKS, SEEDS = 64, 3
WIDTH, SIDE = 0.25, 16  # factor; pixels
RECIPE = {
    "epochs": 4,
    "batch_size": 64,
    "validation_share": 0.1,  # held out by the recipe; nothing is chosen by it
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 5e-4,
}


def draw() -> list[str]:
    """The networks: distinct draws of the space."""
    space, generator = spaces.load(SPACE), rng(SEED, SPACE, "example")
    drawn: set[str] = set()
    while len(drawn) < NETWORKS:
        drawn.add(space.to_id(space.random_architecture(generator)))
    return sorted(drawn)


@cache
def load(dataset: str, seed: int) -> Classification:
    """A data set as it is learnt; the seed draws the validation part."""
    problem = classification.load({**RECIPE, "dataset": dataset}, seed, torch.device("cpu"))
    parts = {name: shrunk(part) for name, part in problem.parts.items()}
    return replace(problem, parts=parts, augmented=False)  # so few epochs do not profit from more images


def shrunk(part: Part) -> Part:
    """The part with images of SIDE x SIDE pixels."""
    images = interpolate(part.images, size=(SIDE, SIDE), mode="area")
    return replace(part, images=images.to(memory_format=MEMORY_FORMAT))


def accuracy(architecture: str, dataset: str, seed: int) -> float:
    """Test accuracy in percent after the last epoch."""
    space, problem = spaces.load(SPACE), load(dataset, seed)
    torch.manual_seed(seed)
    model = problem.model(space.build(space.from_id(architecture), WIDTH))
    model.to(memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]  # missing in torch's stubs
    with TemporaryDirectory() as folder:
        train(model, problem, RECIPE, seed, Checkpoint(Path(folder, "checkpoint.pt"), ""))
    return problem.evaluate(model, "test")[1]


def read() -> list[dict[str, str]]:
    """The trainings so far."""
    if not TABLE.exists():
        return []
    with TABLE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(rows: list[dict[str, str]]) -> None:
    """All trainings so far."""
    with atomic_write(TABLE) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)  # sums depend on the number of threads
    rows = read()
    done = {(row["architecture"], row["dataset"], int(row["seed"])) for row in rows}
    every = list(product(draw(), DATA_SETS, range(SEEDS)))
    for run in tqdm([run for run in every if run not in done], unit="training"):
        values = (*map(str, run), f"{accuracy(*run):.4f}")
        rows.append(dict(zip(COLUMNS, values, strict=True)))
        write(rows)


if __name__ == "__main__":
    main()
