"""Draw the architectures: a seeded permutation of the benchmark, cut into two disjoint roles.

Only architectures whose target is known take part. The last `label` of them are labelled (the task
search may use their accuracy), after those that the benchmark's paper labelled, if it did; the others
are for evaluation. A study of n evaluates the first n of these, so a larger study only adds to a smaller
one: neither this artifact nor any score already computed depends on n, nor any score on `label`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gennas.errors import InputError
from gennas.seeds import rng
from stages.support import artifacts
from stages.support.cli import json_argument, run, stage_parser


def draw(architectures: list[str], labelled: list[bool], label: int, seed: int) -> pa.Table:
    """All architectures in the order of their draw, with role and position (`ARCHITECTURES`).

    `labelled` marks those that are never evaluated, and labelled first.
    """
    if label >= len(architectures):
        raise InputError(
            f"params.yaml: sample.label: {label} labelled architectures asked, "
            f"the benchmark has {len(architectures)}; ask for fewer"
        )
    order = rng(seed, "sample").permutation(len(architectures))
    marked = [architectures[i] for i in order if labelled[i]][:label]
    others = [architectures[i] for i in order if not labelled[i]]
    evaluated = others[: len(others) - (label - len(marked))]
    ids = evaluated + marked + others[len(evaluated) :][::-1]
    roles = ["evaluate"] * len(evaluated) + ["label"] * label
    positions = [*range(len(evaluated)), *range(label)]
    return pa.table(dict(zip(artifacts.ARCHITECTURES.names, (roles, positions, ids), strict=True))).cast(
        artifacts.ARCHITECTURES
    )


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--benchmark", type=Path, required=True, help="benchmark.parquet")
    parser.add_argument("--label", type=int, required=True, help="how many are labelled")
    parser.add_argument("--target", type=json_argument, required=True, help="column that must be known, as JSON")
    parser.add_argument("--seed", type=int, required=True, help="base seed")
    parser.add_argument("--architectures", type=Path, required=True, help="written")
    return parser


def main(args: argparse.Namespace) -> None:
    benchmark = artifacts.read_parquet(args.benchmark, artifacts.BENCHMARK)
    artifacts.target(benchmark, args.target, args.benchmark)
    known = benchmark.filter(pc.is_valid(benchmark[args.target]))
    table = draw(known["architecture"].to_pylist(), known["labelled"].to_pylist(), args.label, args.seed)
    artifacts.write_parquet(table, artifacts.ARCHITECTURES, args.architectures)


if __name__ == "__main__":
    run(arguments(), main)
