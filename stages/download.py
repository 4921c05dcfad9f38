"""Fetch a search space's ground truth and the unlabelled images into Parquet.

Reads a source of outside files (verified by hash), writes benchmark.parquet (one row per
architecture, one column per target) and images.parquet (the pool of unlabelled inputs).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gennas import spaces
from gennas.data import images as datasets
from gennas.errors import InputError
from gennas.files import fetch as sources
from gennas.seeds import rng
from gennas.spaces import Space, Trained
from stages.support import artifacts
from stages.support.cli import json_argument, logger, run, stage_parser

#: Images in the pool; a proxy uses the first `batch_size` of them.
POOL = 64


def read_benchmark(space_name: str, source: str) -> pa.Table:
    """The benchmark table of a source (`artifacts.BENCHMARK` and its targets), checked."""
    space = spaces.load(space_name)
    if source not in space.SOURCES:
        known = ", ".join(space.SOURCES)
        raise InputError(f"params.yaml: {space_name}.download.source: {source!r} is not one of {known}")
    return tabulate(space, source, [sources.fetch(file) for file in space.SOURCES[source]])


def tabulate(space: Space, source: str, paths: list[Path]) -> pa.Table:
    """The checked table of a source's files."""
    table = to_table(space, space.read(source, paths))
    if pc.count_distinct(table["architecture"]).as_py() != len(table):
        raise InputError(f"{paths[0]}: an architecture is listed twice; get it again")
    for target in artifacts.target_columns(table):
        check_values(table[target].drop_null().to_numpy(), target, paths[0])
    return table


def to_table(space: Space, trained: list[Trained]) -> pa.Table:
    """One row per trained network, one column per target that any of them has."""
    columns = {
        "architecture": [space.to_id(network.architecture) for network in trained],
        "encoding": [space.encode(network.architecture) for network in trained],
        "status": [network.status for network in trained],
        "parameters": [network.parameters for network in trained],
        "labelled": [network.labelled for network in trained],
    }
    fixed = [pa.array(values, artifacts.BENCHMARK.field(name).type) for name, values in columns.items()]
    names = dict.fromkeys(name for network in trained for name in network.targets)
    targets = [pa.array([network.targets.get(name) for network in trained], pa.float64()) for name in names]
    return pa.table(fixed + targets, names=[*columns, *names])


def check_values(values: np.ndarray, target: str, path: Path) -> None:
    """Raise an InputError for an accuracy outside 0..100 %, or a log-perplexity that is negative or no number."""
    highest = 100 if artifacts.orientation(target) > 0 else np.inf
    if not ((values >= 0) & (values <= highest)).all():  # false for nan, too
        raise InputError(
            f"{path}: column {target} has values outside 0..{highest} {artifacts.unit(target)}; get it again"
        )


def image_pool(kind: str, generator: np.random.Generator) -> pa.Table:
    """The unlabelled images, 32x32 RGB."""
    images = datasets.unlabelled(kind, POOL, 32, generator)  # (N, H, W, 3)
    rows = [{"pixels": image.tobytes(), "height": 32, "width": 32} for image in images]
    return pa.Table.from_pylist(rows, schema=artifacts.IMAGES)


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--space", choices=spaces.NAMES, required=True)
    parser.add_argument("--params", type=json_argument, required=True, help='{"source": ..., "images": ...}')
    parser.add_argument("--seed", type=int, required=True, help="base seed")
    parser.add_argument("--benchmark", type=Path, required=True, help="written")
    parser.add_argument("--images", type=Path, required=True, help="written")
    return parser


def main(args: argparse.Namespace) -> None:
    benchmark = read_benchmark(args.space, args.params["source"])
    logger.info("%d architectures, targets: %s", len(benchmark), artifacts.target_columns(benchmark))
    images = image_pool(args.params["images"], rng(args.seed, args.space, "images"))
    artifacts.write_parquet(benchmark, artifacts.BENCHMARK, args.benchmark, {"source": args.params["source"]})
    artifacts.write_parquet(images, artifacts.IMAGES, args.images, {"source": args.params["images"]})


if __name__ == "__main__":
    run(arguments(), main)
