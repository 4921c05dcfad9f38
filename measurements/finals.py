"""Which protocol tells the best cells of NAS-Bench-201 apart, whatever it says of the others.

Of the last cells of the evaluation permutation, which no study but that of the whole space evaluates, those that the
reduced protocol likes best are scored again, with further repetitions and under other protocols, as the finals of
`stages.search_architecture` do. Writes finals.parquet and a table, which docs/performance.md shows.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import rankdata
from tqdm import tqdm

from gennas.devices import prepare
from gennas.regression.genes import load_task
from gennas.stats import spearman
from measurements.protocols import name
from measurements.subjects import DOCS, FOLDER, SUBJECTS, Subject, machine, show
from stages.report.summary import markdown_table
from stages.support import artifacts
from stages.support.workers import Scorer, Workers

SCREENING = 2  # repetitions at the reduced protocol that choose the finalists
THOROUGH: dict[str, Any] = {"depth": 1.0, "resolution": 32, "iterations": 60}
TASKS = ("combo", "single")  # one repetition each, under that protocol
#: Changes of the reduced protocol, and how many repetitions there are of each.
VARIATIONS: tuple[tuple[dict[str, Any], int], ...] = (
    ({}, 6),
    ({"resolution": 32}, 2),
    ({"depth": 0.4}, 2),
    ({"depth": 1.0, "width": 0.25, "resolution": 16}, 2),
    ({"depth": 1.0}, 2),
    ({"depth": 1.0, "iterations": 60}, 2),
    ({"depth": 1.0, "resolution": 32}, 2),
    (THOROUGH, 2),
    ({**THOROUGH, "width": 1.0}, 1),
    ({**THOROUGH, "iterations": 120}, 1),
)

ROW = pa.schema(
    [
        ("judge", pa.string()),
        ("repetition", pa.int64()),
        ("seconds", pa.float64()),
        ("architecture", pa.string()),
        ("rank", pa.int64()),
        ("score", pa.float64()),
    ]
)


def competing(subject: Subject) -> Iterator[tuple[str, Scorer, int]]:
    """Who judges: name, proxy, repetitions."""
    reduced = subject.scorer(subject.protocol("reduced"))
    for change, repetitions in VARIATIONS:
        yield name(change), replace(reduced, protocol=replace(reduced.protocol, **change)), repetitions
    thorough = replace(reduced, protocol=replace(reduced.protocol, **THOROUGH))
    for task in TASKS:
        yield name({**THOROUGH, "task": task}), replace(thorough, options={"task": load_task(task)}), 1
    yield "paper", replace(reduced, protocol=subject.protocol("paper")), 1


def score(workers: Workers, scorer: Scorer, repetition: int, ids: Sequence[str]) -> tuple[np.ndarray, float]:
    """The scores (n,), and the seconds that a worker took for one of them."""
    begin = time.perf_counter()
    found = [s.score for s in workers.scores(replace(scorer, repetition=repetition), ids)]
    return np.array(found), (time.perf_counter() - begin) * len(workers.workers) / len(ids)


def finals(workers: Workers, count: int, finalists: int) -> Iterator[dict[str, Any]]:
    """A row for each score of a finalist, whose `rank` is the true one among all `count` cells."""
    subject = SUBJECTS["nasbench201"]
    ids, qualities = subject.draw(count)
    reduced = subject.scorer(subject.protocol("reduced"))
    screened = sum(score(workers, reduced, r, ids)[0] for r in tqdm(range(SCREENING), "screening", unit="repetition"))
    best = np.argsort(-screened)[:finalists]
    chosen, ranks = [ids[i] for i in best], rankdata(-np.array(qualities), method="min")[best].astype(int)
    for label, judge, repetitions in tqdm(list(competing(subject)), "finals", unit="judge"):
        for repetition in range(SCREENING, SCREENING + repetitions):
            found, seconds = score(workers, judge, repetition, chosen)
            for architecture, rank, value in zip(chosen, ranks, found, strict=True):
                yield artifacts.row(ROW, label, repetition, seconds, architecture, int(rank), float(value))


def table(rows: list[dict[str, Any]]) -> str:
    """The Markdown table: a line for each judge."""
    head = (
        "change of the reduced protocol", "s/cell", "rho of each repetition", "of their mean",
        "true ranks of its best five",
    )  # fmt: skip
    groups: dict[str, dict[int, list[dict[str, Any]]]] = {}
    for row in rows:
        groups.setdefault(row["judge"], {}).setdefault(row["repetition"], []).append(row)
    lines = []
    for judge, group in groups.items():
        ranks = np.array([row["rank"] for row in next(iter(group.values()))])
        scores = np.array([[row["score"] for row in own] for own in group.values()])  # (repetitions, finalists)
        seconds = np.mean([own[0]["seconds"] for own in group.values()])
        mean = scores.mean(axis=0)
        of_each = ", ".join(f"{spearman(own, -ranks):.2f}" for own in scores)
        best = ", ".join(str(rank) for rank in ranks[np.argsort(-mean, kind="stable")[:5]])
        lines.append((judge, f"{seconds:.2f}", of_each, f"{spearman(mean, -ranks):.2f}", best))
    return markdown_table(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=1600, help="that are screened (default: %(default)s)")
    parser.add_argument("--finalists", type=int, default=100, help="of them (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per core)")
    args = parser.parse_args()
    with Workers(args.workers) as workers:
        rows = list(finals(workers, args.cells, args.finalists))
    where = machine(prepare())
    pq.write_table(pa.Table.from_pylist(rows, ROW.with_metadata({"machine": where})), FOLDER / "finals.parquet")
    text = f"{where}; {args.workers} processes; the {args.finalists} best-liked of {args.cells} cells."
    show(DOCS / "performance.md", "finals", f"{text}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
