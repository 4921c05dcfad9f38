"""How good a cell of NAS-Bench-201 a study's search finds within minutes: its true rank, over base seeds.

Ageing evolution and its finals as in `stages.search_architecture`, on all cores, with the budget of the default study
and the larger one of the whole space's. The truth only judges. Writes searches.parquet and a table, which
docs/performance.md shows.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from stages.support.truth import Truth
from tqdm import tqdm

from gennas import spaces
from gennas.devices import prepare
from measurements.subjects import DOCS, FOLDER, SUBJECTS, machine, show
from stages.report.summary import markdown_table
from stages.search_architecture import Evaluator, best_of_finals, candidates, make_search, trajectory
from stages.support import artifacts
from stages.support.workers import Workers

TOP = 15  # the best 0.1 % of 15,625 cells
#: Whose budgets are compared.
STUDIES = ("params.yaml", "studies/whole_space/params.yaml")


def search(study: str, seed: int, workers: Workers) -> dict[str, Any]:
    """The cell that one search finds with a study's budget, its rank and regret, and the seconds it took."""
    subject = SUBJECTS["nasbench201"]
    benchmark, space = subject.ground_truth(), spaces.load(subject.space)
    known = zip(benchmark["architecture"].to_pylist(), benchmark[subject.target].to_pylist(), strict=True)
    truth = Truth(dict(known), artifacts.target(benchmark, subject.target))
    params = yaml.safe_load(Path(study).read_text(encoding="utf-8"))
    budget = params[subject.space]["search_architecture"]
    scorer = subject.scorer(params["protocols"][budget["protocol"]], seed)
    begin = time.perf_counter()
    searched = candidates(budget["over"], space, benchmark)
    rows: list[dict[str, Any]] = []
    for run in range(budget["seeds"]):
        evolution = make_search("ageing_evolution", searched, budget, seed, run)
        steps = trajectory(evolution, searched.to_id, Evaluator(workers, scorer, budget), budget, f"seed {seed}")
        rows += [{"algorithm": "ageing_evolution", "architecture": a, "score": score} for a, score, _ in steps]
    architecture, _ = best_of_finals(rows, workers, scorer, params["protocols"], budget["finals"])
    value, rank, regret = truth.of(architecture)
    first = max(rows, key=lambda row: row["score"])["architecture"]
    scored = {row["architecture"] for row in rows}
    return {
        "study": study, "seed": seed, "architecture": architecture,
        "accuracy_percent": value, "rank": rank, "regret": regret, "rank_before_finals": truth.of(first)[1],
        "scored": len(scored), "top_scored": sum(truth.of(each)[1] <= TOP for each in scored),
        "seconds": time.perf_counter() - begin,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """The Markdown table."""
    head = (
        "budget of", "base seed", "rank of 15,625", "regret, %", "rank before the finals", "cells scored",
        f"of the best {TOP}", "seconds",
    )  # fmt: skip
    lines = [
        (r["study"], str(r["seed"]), str(r["rank"]), f"{r['regret']:.2f}", str(r["rank_before_finals"]),
         str(r["scored"]), str(r["top_scored"]), f"{r['seconds']:.0f}")
        for r in rows
    ]  # fmt: skip
    return markdown_table(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="base seeds (default: 1 to 5)")
    parser.add_argument(
        "--studies", nargs="+", default=STUDIES, help=f"their parameters (default: {' '.join(STUDIES)})"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per core)")
    args = parser.parse_args()
    with Workers(args.workers) as workers:
        runs = tqdm(list(product(args.studies, args.seeds)), "searches")
        rows = [search(study, seed, workers) for study, seed in runs]
    where = machine(prepare())
    made = {"machine": where, "workers": str(args.workers)}
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(made), FOLDER / "searches.parquet")
    show(DOCS / "performance.md", "searched", f"{where}; {args.workers} processes.\n\n{table(rows)}")


if __name__ == "__main__":
    main()
