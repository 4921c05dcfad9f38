"""Measure what each proxy costs: seconds per architecture and repetition, of all proxies in one process.

The proxies take turns, so that a machine that is busy for a while is so for all of them: a round, in which every proxy
scores the same few architectures, that warms up and is discarded, then a few that count. What a proxy prepares before
its first architecture is part of it. One thread, or a GPU.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from gennas import spaces
from gennas.devices import processor
from gennas.errors import InputError
from stages.support import artifacts
from stages.support.command import logger, run
from stages.support.inputs import read_images, read_sample
from stages.support.workers import Scorer, Workers, make_scorer

ARCHITECTURES = 5
ROUNDS = 3


def make_scorers(
    proxies: dict[str, Any], tasks: dict[str, str], images: Path, space: str, seed: int
) -> dict[str, Scorer]:
    """The first repetition of each proxy, by name; `tasks` are the files of those that have one."""
    pool = read_images(images)
    return {
        name: make_scorer(given, space, pool, seed, 0, Path(tasks[name]) if name in tasks else None)
        for name, given in proxies.items()
    }


def measure(workers: Workers, scorers: Mapping[str, Scorer], ids: Sequence[str]) -> dict[str, list[float]]:
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


def timing_batch_size(space: str, on_cpu: bool) -> int:
    """Architectures to time: a few, or as many as a GPU trains at once for little more than the cost of one."""
    if on_cpu:
        return ARCHITECTURES
    from gennas.regression.packed import pack_size  # imports torch, which takes seconds

    return max(ARCHITECTURES, pack_size(spaces.load(space)))


def time_proxies(
    architectures: Path, images: Path, tasks: list[Path], costs: Path, space: str, proxies: dict[str, Any],
    task_of: dict[str, str], seed: int,
) -> None:  # fmt: skip
    """Time what a job is given of each proxy, by name; `task_of` names the file of its task, one of `tasks`."""
    missing = set(task_of.values()) - set(map(str, tasks))
    if missing:
        raise InputError(f"--files: tasks: {min(missing)} is not among them; name it")
    ids = read_sample(architectures, "evaluate")
    with Workers(1) as workers:
        ids = ids[: timing_batch_size(space, workers.on_cpu)]
        measured = measure(workers, make_scorers(proxies, task_of, images, space, seed), ids)
    made_with = {**workers.made_with, "processor": processor()}
    artifacts.write_rows(cost_rows(measured, len(ids)), artifacts.COSTS, costs, made_with)


if __name__ == "__main__":
    run(time_proxies)
