"""What the stages that score architectures share: reading the sample, and scoring on all cores or a GPU."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import torch

from stages import artifacts, proxies, spaces
from stages.errors import InputError
from stages.proxies import Context, Score
from stages.proxies.tasks import check_task
from stages.reproducibility import derive_seed, prepare


def read_images(path: Path) -> np.ndarray:
    """The unlabelled images, uint8 (N, H, W, 3)."""
    rows = artifacts.read_parquet(path, artifacts.IMAGES).to_pylist()
    if not rows:  # a space of sequences needs none
        return np.empty((0, 1, 1, 3), np.uint8)
    return np.stack([np.frombuffer(r["pixels"], np.uint8).reshape(r["height"], r["width"], 3) for r in rows])


def read_sample(path: Path, role: str, first: int = 0, last: int | None = None) -> list[str]:
    """The ids of the architectures of a role at positions first..last-1."""
    table = artifacts.read_parquet(path, artifacts.ARCHITECTURES)
    ids = table.filter(pc.equal(table["role"], role))["architecture"].to_pylist()
    if last is not None and last > len(ids):
        raise InputError(f"params.yaml: sample.{role}: {last} asked, {path} has {len(ids)}; ask for fewer")
    return list(ids[first:last])


def read_task(path: Path) -> dict[str, Any]:
    """A regression task, checked."""
    task: dict[str, Any] = artifacts.read_yaml(path)
    check_task(task, str(path))
    return task


def read_truth(path: Path, target: str) -> dict[str, float]:
    """The target by architecture id, where it is known."""
    benchmark = artifacts.read_parquet(path, artifacts.BENCHMARK)
    artifacts.check_target(benchmark, target, path)
    known = benchmark.filter(pc.is_valid(benchmark[target]))
    return dict(zip(known["architecture"].to_pylist(), known[target].to_pylist(), strict=True))


def read_quality(path: Path, target: str) -> dict[str, float]:
    """Quality by architecture id, higher is better: the target where it is known, times its orientation."""
    sign = artifacts.orientation(target)
    return {architecture: sign * value for architecture, value in read_truth(path, target).items()}


@dataclass(frozen=True)
class Scorer:
    """A proxy and all that it is told besides the architecture: see `proxies.Context`."""

    kind: str
    space: str
    protocol: Mapping[str, Any]
    images: np.ndarray
    base_seed: int
    repetition: int
    task: Mapping[str, Any] | None = None
    limits: Mapping[int, float] = field(default_factory=dict)

    def scores(self, device: torch.device, architecture_ids: Sequence[str]) -> Iterator[Score]:
        """The score of each architecture, in order."""
        space = spaces.load(self.space)
        seed = derive_seed(self.base_seed, "proxy", self.repetition)
        context = Context(space, self.protocol, self.images, seed, device, self.task, self.limits)
        score = proxies.make(self.kind, context)
        return score([spaces.parse(space, architecture) for architecture in architecture_ids])


class Workers:
    """Scores architectures on all cores that a stage was given, with the same scores, or on one GPU."""

    def __init__(self, count: int) -> None:
        self.device = prepare()
        self.count = count if self.device.type == "cpu" else 1
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        if self.count > 1:
            # A child that begins with what one process imported starts in no time; one forked here could inherit locks.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([__name__])
            self.pool = ProcessPoolExecutor(self.count, context, _begin)
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool:
            self.pool.shutdown(cancel_futures=True)

    def scores(self, scorer: Scorer, architecture_ids: Sequence[str]) -> list[Score]:
        """The score of each architecture, in order."""
        if self.pool is None or len(architecture_ids) < 2:
            return list(scorer.scores(self.device, architecture_ids))
        proxies.find(scorer.kind)  # the stage's own process is the one that notices if code is edited meanwhile
        parts = [architecture_ids[first :: self.count] for first in range(self.count)]
        scored = list(self.pool.map(_score_part, repeat(scorer), parts))
        return [scored[position % self.count][position // self.count] for position in range(len(architecture_ids))]


def _begin() -> None:
    """Prepare a worker, which ends when its stage does, however that ends."""
    prepare()

    def follow() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _score_part(scorer: Scorer, architecture_ids: Sequence[str]) -> list[Score]:
    """What a worker does."""
    return list(scorer.scores(torch.device("cpu"), architecture_ids))
