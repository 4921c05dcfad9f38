"""Readers of artifacts that several stages share: the images, the sample, the ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from gennas.errors import InputError
from stages.support import artifacts

if TYPE_CHECKING:
    pass


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
