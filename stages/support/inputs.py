"""Readers of artifacts that several stages share: the images, the sample, the ground truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from gennas.errors import InputError
from stages.support import artifacts
from stages.support.ground_truth import GroundTruth


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


def read_ground_truth(path: Path, target: str) -> GroundTruth:
    """What the benchmark says of the architectures whose target is known."""
    benchmark = artifacts.read_parquet(path, artifacts.BENCHMARK)
    declaration = artifacts.target(benchmark, target, path)
    known = benchmark.filter(pc.is_valid(benchmark[target]))
    values = dict(zip(known["architecture"].to_pylist(), known[target].to_pylist(), strict=True))
    return GroundTruth(values, declaration)


def read_quality(path: Path, target: str) -> dict[str, float]:
    """Quality by architecture id, higher is better (`Target.quality`), where the target is known."""
    return read_ground_truth(path, target).quality
