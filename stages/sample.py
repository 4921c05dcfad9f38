"""Draw the architectures: a seeded permutation of the benchmark, cut into two disjoint roles.

Only architectures whose target is known take part. The last `label` of them are labelled (the task
search may use their accuracy), after those that the benchmark's paper labelled, if it did; the others
are for evaluation. A study of n evaluates the first n of these, so a larger study only adds to a smaller
one: neither this artifact nor any score already computed depends on n, nor any score on `label`.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gennas.errors import InputError
from gennas.seeds import rng
from stages.support import artifacts
from stages.support.command import run


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


def sample(benchmark: Path, architectures: Path, label: int, target: str, seed: int) -> None:
    """Draw the architectures whose target is known."""
    table = artifacts.read_parquet(benchmark, artifacts.BENCHMARK)
    artifacts.target(table, target, benchmark)
    known = table.filter(pc.is_valid(table[target]))
    drawn = draw(known["architecture"].to_pylist(), known["labelled"].to_pylist(), label, seed)
    artifacts.write_parquet(drawn, artifacts.ARCHITECTURES, architectures)


if __name__ == "__main__":
    run(sample)
