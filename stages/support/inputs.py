"""What the stages that score architectures share: reading the sample, and what a proxy is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from gennas import proxies, spaces
from gennas.errors import InputError
from gennas.files.documents import read_yaml
from gennas.proxies import Context, Score
from gennas.regression.genes import check_task
from gennas.seeds import derive_seed
from stages.support import artifacts
from stages.support.truth import Truth

if TYPE_CHECKING:
    import torch


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
    task: dict[str, Any] = read_yaml(path)
    check_task(task, str(path))
    return task


def read_truth(path: Path, target: str) -> Truth:
    """The target by architecture id, where it is known."""
    benchmark = artifacts.read_parquet(path, artifacts.BENCHMARK)
    declaration = artifacts.target(benchmark, target, path)
    known = benchmark.filter(pc.is_valid(benchmark[target]))
    return Truth(dict(zip(known["architecture"].to_pylist(), known[target].to_pylist(), strict=True)), declaration)


def read_quality(path: Path, target: str) -> dict[str, float]:
    """Quality by architecture id, higher is better (`Target.quality`), where the target is known."""
    return read_truth(path, target).quality


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
    dataset: str | None = None

    def context(self, device: torch.device) -> Context:
        """What the proxy may look at besides the architectures."""
        seed = derive_seed(self.base_seed, "proxy", self.repetition)
        space = spaces.load(self.space)
        return Context(space, self.protocol, self.images, seed, device, self.task, self.limits, self.dataset)

    def scores(self, device: torch.device, architecture_ids: Sequence[str]) -> Iterator[Score]:
        """The score of each architecture, in order."""
        context = self.context(device)
        score = proxies.make(self.kind, context)
        return score([spaces.parse(context.space, architecture) for architecture in architecture_ids])


def make_scorer(
    told: Mapping[str, Any], space: str, images: np.ndarray, base_seed: int, repetition: int,
    task: Mapping[str, Any] | None,
) -> Scorer:  # fmt: skip
    """A repetition of a proxy of params.yaml, from what `protocols.told` says of it."""
    protocol, dataset = told.get("protocol", {}), told.get("dataset")
    return Scorer(told["kind"], space, protocol, images, base_seed, repetition, task, dataset=dataset)
