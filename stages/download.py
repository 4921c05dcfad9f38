"""Fetch a search space's ground truth and the unlabelled images into Parquet.

Reads sources of outside files (verified by hash), joined by architecture; writes benchmark.parquet (one
row per architecture, one column per target) and images.parquet (the pool of unlabelled inputs).
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from gennas import benchmarks, spaces
from gennas.benchmarks import Benchmark
from gennas.seeds import rng
from stages.support import artifacts
from stages.support.cli import json_argument, logger, run, stage_parser

#: Images in the pool; a proxy uses the first `batch_size` of them.
POOL = 64


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
    """The unlabelled images, 32x32 RGB."""
    from gennas.data.images import unlabelled  # imports torch

    images = unlabelled(kind, POOL, 32, generator)  # (N, H, W, 3)
    rows = [{"pixels": image.tobytes(), "height": 32, "width": 32} for image in images]
    return pa.Table.from_pylist(rows, schema=artifacts.IMAGES)


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--space", choices=spaces.NAMES, required=True)
    parser.add_argument("--params", type=json_argument, required=True, help='{"sources": [...], "images": ...}')
    parser.add_argument("--seed", type=int, required=True, help="base seed")
    parser.add_argument("--benchmark", type=Path, required=True, help="written")
    parser.add_argument("--images", type=Path, required=True, help="written")
    return parser


def main(args: argparse.Namespace) -> None:
    benchmark = read_benchmark(args.space, args.params["sources"])
    logger.info("%d architectures, targets: %s", len(benchmark), ", ".join(artifacts.targets(benchmark)))
    images = image_pool(args.params["images"], rng(args.seed, args.space, "images"))
    artifacts.write_parquet(
        benchmark, artifacts.BENCHMARK, args.benchmark, {"sources": ", ".join(args.params["sources"])}
    )
    artifacts.write_parquet(images, artifacts.IMAGES, args.images, {"source": args.params["images"]})


if __name__ == "__main__":
    run(arguments(), main)
