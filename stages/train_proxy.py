"""Score one shard of the sample with one proxy; or gather the shards into one table.

A shard is a run of positions of the sample. Its rows are the architectures' scores for each
repetition of the proxy, with the whole training-loss curve.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stages.support import artifacts, scores
from stages.support.command import run, track
from stages.support.inputs import read_images, read_sample
from stages.support.workers import Workers, make_scorer


def shard(
    architectures: Path, images: Path, task: list[Path], shard: Path, space: str, name: str, proxy: dict[str, Any],
    role: str, first: int, last: int, seed: int,
) -> None:  # fmt: skip
    """Score the architectures of a role at positions first..last-1 of the sample."""
    ids = read_sample(architectures, role, first, last)
    pool = read_images(images)
    rows: list[dict[str, Any]] = []
    with Workers(1) as workers:
        for repetition in range(proxy["seeds"]):
            scorer = make_scorer(proxy, space, pool, seed, repetition, *task)
            results = track(workers.scores(scorer, ids), f"{name} seed {repetition}", len(ids))
            for position, (architecture, result) in enumerate(zip(ids, results, strict=True), first):
                values = name, repetition, position, architecture, result.score, result.status, result.losses
                rows.append(artifacts.row(artifacts.SCORES, *values))
    artifacts.write_rows(rows, artifacts.SCORES, shard, workers.made_with)


def gather(shards: list[Path], scores_table: Path) -> None:
    """Concatenate shards in the order given."""
    table = scores.read(shards)
    made_with = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    artifacts.write_parquet(table, artifacts.SCORES, scores_table, made_with)


if __name__ == "__main__":
    run(shard, gather)
