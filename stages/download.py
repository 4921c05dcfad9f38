"""Fetch a search space's ground truth and the unlabelled images into Parquet.

Reads sources of outside files (verified by hash), joined by architecture; writes benchmark.parquet (one
row per architecture, one column per target) and images.parquet (the pool of unlabelled inputs).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from gennas import benchmarks, spaces
from gennas.benchmarks import Benchmark
from gennas.seeds import rng
from stages.support import artifacts
from stages.support.command import logger, run

#: Unlabelled images; a proxy uses the first `batch_size` of them.
IMAGES = 64


def read_benchmark(space: str, sources: list[str]) -> pa.Table:
    """The benchmark table of a space's sources, joined (`artifacts.BENCHMARK` and its targets)."""
    return to_table(benchmarks.load(space, sources))


def to_table(benchmark: Benchmark) -> pa.Table:
    """One row per architecture, one column per target or uncertainty that any of them has."""
    space, trained = spaces.load(benchmark.space), benchmark.trained.values()
    columns = {
        "architecture": benchmark.ids,
        "encoding": [space.encode(network.architecture) for network in trained],
        "status": [network.status for network in trained],
        "parameters": [network.parameters for network in trained],
        "labelled": [network.labelled for network in trained],
    }
    arrays = [pa.array(values, artifacts.BENCHMARK.field(name).type) for name, values in columns.items()]
    arrays += [pa.array([one.targets.get(name) for one in trained], pa.float64()) for name in benchmark.columns]
    fields = [
        *(artifacts.BENCHMARK.field(name) for name in columns),
        *map(partial(column, benchmark), benchmark.columns),
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def column(benchmark: Benchmark, name: str) -> pa.Field:
    """The column of a target or of an uncertainty, which says what it is."""
    if name in benchmark.targets:
        return artifacts.target_field(name, benchmark.targets[name])
    return artifacts.uncertainty_field(name, benchmark.uncertainties[name])


def image_pool(kind: str, generator: np.random.Generator) -> pa.Table:
    """The unlabelled images, 32x32 RGB unless their kind has a size of its own."""
    from gennas.data.images import unlabelled  # imports torch

    images = unlabelled(kind, IMAGES, 32, generator)  # (N, H, W, 3)
    _, height, width, _ = images.shape
    rows = [{"pixels": image.tobytes(), "height": height, "width": width} for image in images]
    return pa.Table.from_pylist(rows, schema=artifacts.IMAGES)


def download(benchmark: Path, images: Path, space: str, sources: list[str], image_kind: str, seed: int) -> None:
    """Fetch the ground truth from its sources, and draw the pool of unlabelled images."""
    table = read_benchmark(space, sources)
    logger.info("%d architectures, targets: %s", len(table), ", ".join(artifacts.targets(table)))
    pool = image_pool(image_kind, rng(seed, space, "images"))
    artifacts.write_parquet(table, artifacts.BENCHMARK, benchmark, {"sources": ", ".join(sources)})
    artifacts.write_parquet(pool, artifacts.IMAGES, images, {"source": image_kind})


if __name__ == "__main__":
    run(download)
