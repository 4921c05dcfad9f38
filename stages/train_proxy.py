"""Score one shard of the sample with one proxy; or gather the shards into one table.

A shard is a run of positions of the sample. Its rows are the architectures' scores for each
repetition of the proxy, with the whole training-loss curve.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gennas import spaces
from stages.support import artifacts, scores
from stages.support import inputs as study
from stages.support.cli import json_argument, run, stage_parser, track
from stages.support.workers import Workers


def score_shard(args: argparse.Namespace) -> None:
    """Score the architectures at positions first..last-1 of the sample."""
    params = args.params
    ids = study.read_sample(args.architectures, args.role, args.first, args.last)
    images = study.read_images(args.images)
    task = study.read_task(args.task) if args.task else None
    rows: list[dict[str, Any]] = []
    with Workers(1) as workers:
        for seed in range(params["seeds"]):
            scorer = study.make_scorer(params, args.space, images, args.seed, seed, task)
            results = track(workers.scores(scorer, ids), f"{args.proxy} seed {seed}", len(ids))
            for position, (architecture, result) in enumerate(zip(ids, results, strict=True), args.first):
                values = args.proxy, seed, position, architecture, result.score, result.status, result.losses
                rows.append(artifacts.row(artifacts.SCORES, *values))
    artifacts.write_rows(rows, artifacts.SCORES, args.output, workers.made_with)


def gather(args: argparse.Namespace) -> None:
    """Concatenate shards in the order given."""
    table = scores.read(args.shards)
    made_with = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    artifacts.write_parquet(table, artifacts.SCORES, args.output, made_with)


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shard = commands.add_parser("shard", help="score one shard")
    shard.set_defaults(function=score_shard)
    shard.add_argument("--architectures", type=Path, required=True, help="architectures.parquet")
    shard.add_argument("--role", choices=["evaluate", "label"], default="evaluate", help="architectures of which role")
    shard.add_argument("--images", type=Path, required=True, help="images.parquet")
    shard.add_argument("--task", type=Path, nargs="?", help="task file, for the regression proxy")
    shard.add_argument("--space", choices=spaces.NAMES, required=True)
    shard.add_argument("--proxy", required=True, help="its name in params.yaml")
    shard.add_argument(
        "--params", type=json_argument, required=True, help='{"kind": ..., "seeds": ..., "protocol": {...}}'
    )
    shard.add_argument("--seed", type=int, required=True, help="base seed")
    shard.add_argument("--first", type=int, required=True, help="first position")
    shard.add_argument("--last", type=int, required=True, help="one past the last position")
    shard.add_argument("--output", type=Path, required=True, help="written")
    merge = commands.add_parser("gather", help="concatenate shards")
    merge.set_defaults(function=gather)
    merge.add_argument("shards", type=Path, nargs="+")
    merge.add_argument("--output", type=Path, required=True, help="written")
    return parser


if __name__ == "__main__":
    run(arguments(), lambda args: args.function(args))
