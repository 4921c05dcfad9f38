"""Measure what each proxy costs: seconds per architecture and repetition, of all proxies in one process.

The proxies take turns, so that a machine that is busy for a while is so for all of them: a round, in which every proxy
scores the same few architectures, that warms up and is discarded, then a few that count. What a proxy prepares before
its first architecture is part of it. One thread, or a GPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from gennas import spaces
from gennas.devices import processor
from stages.support import artifacts
from stages.support import inputs as study
from stages.support.cli import json_argument, logger, run, stage_parser
from stages.support.protocols import told
from stages.support.workers import Workers

ARCHITECTURES = 5
ROUNDS = 3


def make_scorers(args: argparse.Namespace) -> dict[str, study.Scorer]:
    """The first repetition of each proxy, by name."""
    images = study.read_images(args.images)
    scorers = {}
    for name, proxy in args.params["proxies"].items():
        path = args.best_task if proxy.get("task") == "searched" else proxy.get("task")
        task = study.read_task(Path(path)) if path else None
        values = told(args.params, name, args.protocols)
        scorers[name] = study.make_scorer(values, args.space, images, args.seed, 0, task)
    return scorers


def measure(workers: Workers, scorers: Mapping[str, study.Scorer], ids: Sequence[str]) -> dict[str, list[float]]:
    """Seconds per architecture in each round that counts, by proxy."""
    measured: dict[str, list[float]] = {name: [] for name in scorers}
    for turn in range(1 + ROUNDS):
        for name, scorer in scorers.items():
            begin = time.perf_counter()
            list(workers.scores(scorer, ids))
            measured[name].append((time.perf_counter() - begin) / len(ids))
            logger.info("%s, round %d of %d: %.4g s per architecture", name, turn, ROUNDS, measured[name][-1])
    return {name: seconds[1:] for name, seconds in measured.items()}


def cost_rows(measured: Mapping[str, list[float]], architectures: int) -> list[dict[str, Any]]:
    """The rows of `artifacts.COSTS`."""
    return [
        artifacts.row(artifacts.COSTS, name, architectures, len(seconds), median(seconds), min(seconds), max(seconds))
        for name, seconds in measured.items()
    ]


def how_many(space: str, on_cpu: bool) -> int:
    """Architectures to time: a few, or as many as a GPU trains at once for little more than the cost of one."""
    if on_cpu:
        return ARCHITECTURES
    from gennas.regression.packed import pack_size  # imports torch, which takes seconds

    return max(ARCHITECTURES, pack_size(spaces.load(space)))


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--space", choices=spaces.NAMES, required=True)
    parser.add_argument("--params", type=json_argument, required=True, help="the section train_proxy of params.yaml")
    parser.add_argument("--protocols", type=json_argument, required=True, help="that section of params.yaml")
    parser.add_argument("--seed", type=int, required=True, help="base seed")
    parser.add_argument("--architectures", type=Path, required=True, help="architectures.parquet")
    parser.add_argument("--images", type=Path, required=True, help="images.parquet")
    parser.add_argument("--best-task", type=Path, required=True, help="the searched task")
    parser.add_argument("--costs", type=Path, required=True, help="written")
    return parser


def main(args: argparse.Namespace) -> None:
    ids = study.read_sample(args.architectures, "evaluate")
    with Workers(1) as workers:
        ids = ids[: how_many(args.space, workers.on_cpu)]
        measured = measure(workers, make_scorers(args), ids)
    made_with = {**workers.made_with, "processor": processor()}
    artifacts.write_rows(cost_rows(measured, len(ids)), artifacts.COSTS, args.costs, made_with)


if __name__ == "__main__":
    run(arguments(), main)
