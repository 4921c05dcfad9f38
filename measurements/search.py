"""How good a cell of NAS-Bench-201 a study's search finds within minutes: its true rank, over base seeds.

Ageing evolution and its finals as in `stages.search_architecture` and `stages.finals`, on all cores, with the budget of
the default study and the larger one of the whole space's. The ground truth only judges. Writes searches.parquet and a
table, which docs/performance.md shows.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from tqdm import tqdm

from gennas import spaces
from gennas.devices import prepare
from gennas.scoring import Protocol
from gennas.searches.candidates import OfSpace
from gennas.searches.halving import Halving
from measurements.subjects import DOCS, FOLDER, SUBJECTS, machine, show
from stages.finals import choose, score_finalists, winner
from stages.report.summary import markdown_table
from stages.search_architecture import make_context, step_rows
from stages.support import artifacts
from stages.support.ground_truth import GroundTruth
from stages.support.objectives import Objective, Objectives, by_proxy
from stages.support.workers import Workers

TOP = 15  # the best 0.1 % of 15,625 cells
#: Whose budgets are compared.
STUDIES = ("params.yaml", "studies/whole_space/params.yaml")


def read_budget(study: str, space: str) -> tuple[dict[str, Any], dict[str, Any], Protocol, Protocol]:
    """A study's evolution and finals, and the protocols of both."""
    params = yaml.safe_load(Path(study).read_text(encoding="utf-8"))
    own, section = params[space], params[space]["train_proxy"]
    evolution, finals = own["search_architecture"]["searches"]["evolution"], own["finals"]

    def protocol(of: dict[str, Any]) -> Protocol:
        name = of.get("protocol") or section["proxies"][of["by"]].get("protocol", section["protocol"])
        return Protocol.from_section(params["protocols"][name])

    return evolution, finals, protocol(evolution), protocol(finals)


def search(study: str, seed: int, workers: Workers) -> dict[str, Any]:
    """The cell that one search finds with a study's budget, its rank and regret, and the seconds it took."""
    subject = SUBJECTS["nasbench201"]
    known = subject.ground_truth()
    values = zip(known["architecture"].to_pylist(), known[subject.target].to_pylist(), strict=True)
    truth = GroundTruth(dict(values), artifacts.target(known, subject.target))
    evolution, budget, reduced, thorough = read_budget(study, subject.space)
    halving = evolution["halving"]
    begin = time.perf_counter()
    rows: list[dict[str, Any]] = []
    for run in range(evolution["seeds"]):
        stopping = Halving(halving["rungs"], reduced.readout_window, halving["minimum"])
        scorer = Objectives([by_proxy(workers, subject.scorer(reduced, seed), stopping)])
        context = make_context(evolution, OfSpace(spaces.load(subject.space)), scorer, seed, run)
        rows += step_rows(context, evolution["kind"], f"seed {seed}", run, scorer)
    judge = subject.scorer(thorough, seed)

    def objective(repetition: int) -> Objective:
        return by_proxy(workers, replace(judge, repetition=repetition))

    finalists = choose(rows, budget["finalists"])
    architecture, _ = winner([*score_finalists(f"seed {seed}", finalists, objective, budget["repetitions"])])
    value, rank, regret = truth.of(architecture)
    first = max(rows, key=lambda row: row["scores"])["architecture"]
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
