"""Which protocol tells the best cells of NAS-Bench-201 apart, whatever it says of the others.

Of the last cells of the evaluation permutation, which no study but that of the whole space evaluates, those that the
reduced protocol likes best are scored again, with further repetitions and under other protocols, as the finals of
`stages.search_architecture` do. Writes finals.parquet and a table, which docs/performance.md shows.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import rankdata
from tqdm import tqdm

from benchmarks.protocols import name
from benchmarks.subjects import DOCS, FOLDER, SUBJECTS, machine, show
from stages.reproducibility import prepare
from stages.statistics import spearman
from stages.study import Scorer
from stages.workers import Workers
from workflow.summary import markdown_table

SCREENING = 2  # repetitions at the reduced protocol that choose the finalists
#: Changes of the reduced protocol, and how many repetitions there are of each.
VARIATIONS: tuple[tuple[dict[str, Any], int], ...] = (
    ({}, 6),
    ({"resolution": 32}, 2),
    ({"depth": 0.4}, 2),
    ({"depth": 1.0}, 2),
    ({"depth": 1.0, "iterations": 60}, 2),
    ({"depth": 1.0, "width": 0.25, "resolution": 16}, 2),
    ({"depth": 1.0, "resolution": 32}, 2),
    ({"depth": 1.0, "resolution": 32, "iterations": 60}, 2),
)


def scores(workers: Workers, scorer: Scorer, repetitions: Sequence[int], ids: list[str]) -> tuple[np.ndarray, float]:
    """The scores (repetitions, n), and the seconds that a worker took for one of them."""
    begin = time.perf_counter()
    found = [[s.score for s in workers.scores(replace(scorer, repetition=r), ids)] for r in repetitions]
    return np.array(found), (time.perf_counter() - begin) * len(workers.workers) / len(ids) / len(repetitions)


def explore(workers: Workers, count: int, finalists: int) -> list[dict[str, Any]]:
    """One row for each protocol and number of repetitions."""
    subject = SUBJECTS["nasbench201"]
    ids, qualities = subject.draw(count)
    reduced = subject.protocol("reduced")
    screened, _ = scores(workers, subject.scorer(reduced), range(SCREENING), ids)
    best = np.argsort(-screened.sum(axis=0))[:finalists]
    chosen, quality = [ids[i] for i in best], np.array(qualities)[best]
    ranks = rankdata(-np.array(qualities), method="min")[best].astype(int)
    rows = []
    for change, repetitions in tqdm(VARIATIONS, "finals", unit="protocol"):
        further = range(SCREENING, SCREENING + repetitions)
        found, seconds = scores(workers, subject.scorer(reduced | change), further, chosen)
        for used in dict.fromkeys((1, repetitions)):
            mean = found[:used].mean(axis=0)
            rows.append({
                "protocol": name(change), "repetitions": used, "seconds": seconds * used,
                "rho": float(spearman(mean, quality)), "ranks": ranks[np.argsort(-mean)[:5]].tolist(),
                "finalists": len(chosen), "cells": len(ids),
            })  # fmt: skip
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The Markdown table."""
    head = ("change of the reduced protocol", "repetitions", "s/cell", "rho", "true ranks of its best five")
    lines = [
        (r["protocol"], str(r["repetitions"]), f"{r['seconds']:.2f}", f"{r['rho']:.2f}", str(r["ranks"]).strip("[]"))
        for r in rows
    ]
    return markdown_table(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=1600, help="that are screened (default: %(default)s)")
    parser.add_argument("--finalists", type=int, default=200, help="of them (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per core)")
    args = parser.parse_args()
    with Workers(args.workers) as workers:
        rows = explore(workers, args.cells, args.finalists)
    where = machine(prepare())
    made = {"machine": where, "workers": str(args.workers)}
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(made), FOLDER / "finals.parquet")
    text = f"{where}; {args.workers} processes; the best-liked {args.finalists} of {args.cells} cells."
    show(DOCS / "performance.md", "finals", f"{text}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
