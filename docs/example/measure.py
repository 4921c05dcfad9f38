"""Make plainnet.csv: train every architecture of PlainNet on scikit-learn's digits, and test it.

`PYTHONPATH=. python docs/example/measure.py`, four minutes on a CPU, with the folder plainnet in
gennas/spaces/. Mean test accuracy of three seeds.
"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import torch

from gennas import spaces
from gennas.devices import prepare
from gennas.training import classification as classifier

EPOCHS, SEEDS = 3, 3
DATA = {"dataset": "digits", "batch_size": 64, "validation_share": 0.2}


def test_accuracy(architecture: tuple[int, ...], seed: int) -> float:
    """In percent, after `EPOCHS` epochs of stochastic gradient descent."""
    problem = classifier.load(DATA, seed, prepare())
    torch.manual_seed(seed)
    network = problem.model(spaces.load("plainnet").build(architecture, width=0.5))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    for epoch in range(EPOCHS):
        problem.train_epoch(network, optimizer, seed=epoch)
    return problem.evaluate(network, "test")[1]


def main() -> None:
    space = spaces.load("plainnet")
    every = list(itertools.product(range(4), repeat=3))
    with Path(__file__).with_name("plainnet.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["architecture", "accuracy_percent"])
        for architecture in every:
            accuracy = sum(test_accuracy(architecture, seed) for seed in range(SEEDS)) / SEEDS
            table.writerow([space.to_id(architecture), f"{accuracy:.4f}"])


if __name__ == "__main__":
    main()
