"""Draw the architectures: a seeded permutation of the benchmark, cut into two disjoint roles.

The last `label` architectures are labelled (the task search may use their accuracy); the others are
for evaluation. A study of n evaluates the first n of these, so a larger study only adds to a smaller
one: neither this artifact nor any score already computed depends on n, nor any score on `label`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow as pa

from stages import artifacts
from stages.cli import run, stage_parser
from stages.errors import InputError
from stages.reproducibility import rng


def draw(architectures: list[str], label: int, seed: int) -> pa.Table:
    """All architectures in the order of their draw, with role and position (`ARCHITECTURES`)."""
    if label >= len(architectures):
        raise InputError(
            f"params.yaml: sample.label: {label} labelled architectures asked, "
            f"the benchmark has {len(architectures)}; ask for fewer"
        )
    ids = [architectures[i] for i in rng(seed, "sample").permutation(len(architectures))]
    evaluated, labelled = ids[: len(ids) - label], ids[len(ids) - label :][::-1]
    roles = ["evaluate"] * len(evaluated) + ["label"] * label
    positions = [*range(len(evaluated)), *range(label)]
    ids = evaluated + labelled
    return pa.table(dict(zip(artifacts.ARCHITECTURES.names, (roles, positions, ids), strict=True))).cast(
        artifacts.ARCHITECTURES
    )


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--benchmark", type=Path, required=True, help="benchmark.parquet")
    parser.add_argument("--label", type=int, required=True, help="how many are labelled")
    parser.add_argument("--seed", type=int, required=True, help="base seed")
    parser.add_argument("--architectures", type=Path, required=True, help="written")
    return parser


def main(args: argparse.Namespace) -> None:
    benchmark = artifacts.read_parquet(args.benchmark, artifacts.BENCHMARK)
    table = draw(benchmark["architecture"].to_pylist(), args.label, args.seed)
    artifacts.write_parquet(table, artifacts.ARCHITECTURES, args.architectures)


if __name__ == "__main__":
    run(arguments(), main)
