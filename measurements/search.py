"""How good a cell of NAS-Bench-201 a study's search finds within minutes: its true rank, over base seeds.

The first search of a study's finals, and these finals, as `stages.search_architecture` and `stages.finals` run them, on
all cores, with the budget of the default study and the larger one of the whole space's. The ground truth is used only
to say how good the answer is. Writes searches.parquet and a table, which docs/performance.md shows.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
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
from gennas.searches.constraints import UNCONSTRAINED
from gennas.searches.halving import Halving
from measurements.subjects import DOCS, FOLDER, SUBJECTS, machine, show
from stages.finals import choose, score_finalists, winner
from stages.report.summary import markdown_table
from stages.search_architecture import make_context, step_rows
from stages.support import artifacts, scorers
from stages.support.ground_truth import GroundTruth
from stages.support.objectives import Objectives, by_proxy
from stages.support.workers import Scorer, Workers

TOP = 15  # the best 0.1 % of 15,625 cells
#: Whose budgets are compared.
STUDIES = ("params.yaml", "studies/whole_space/params.yaml")


def protocol(params: Mapping[str, Any], section: Mapping[str, Any], asked: Mapping[str, Any]) -> Protocol:
    """The protocol under which a search or the finals score: their own, the proxy's, or the stage's."""
    (given,) = scorers.specifications(section, asked["by"], params["protocols"], str, asked.get("protocol"))
    return Protocol.from_section(given["proxy"]["protocol"])


def run_search(
    name: str, section: Mapping[str, Any], scorer: Scorer, seed: int, workers: Workers
) -> list[dict[str, Any]]:
    """The steps of all runs of a search."""
    search = section["search_architecture"]["searches"][name]
    rows: list[dict[str, Any]] = []
    for repetition in range(search["seeds"]):
        halving = search.get("halving")
        window = scorer.protocol.readout_window
        stopping = Halving(halving["rungs"], window, halving["minimum"]) if halving else None
        objectives = Objectives([by_proxy(workers, scorer, stopping)])
        context = make_context(
            search, OfSpace(spaces.load("nasbench201")), UNCONSTRAINED, objectives, [], [], seed, repetition
        )
        rows += step_rows(context, search["kind"], name, repetition, objectives)
    return rows


def search(study: str, seed: int, workers: Workers) -> dict[str, Any]:
    """The cell that a study's first search finds, its rank and regret, and the seconds it took."""
    subject = SUBJECTS["nasbench201"]
    known = subject.ground_truth()
    values = dict(zip(known["architecture"].to_pylist(), known[subject.target].to_pylist(), strict=True))
    truth = GroundTruth(values, artifacts.target(known, subject.target))
    params = yaml.safe_load(Path(study).read_text(encoding="utf-8"))
    section = params[subject.space]
    finals, (name, *_) = section["finals"], section["finals"]["of"]
    begin = time.perf_counter()
    scorer = subject.scorer(protocol(params, section, section["search_architecture"]["searches"][name]), seed)
    rows = run_search(name, section, scorer, seed, workers)
    final_scorer = replace(scorer, protocol=protocol(params, section, finals))

    def objective(repetition: int) -> Any:
        return by_proxy(workers, replace(final_scorer, repetition=repetition))

    found = score_finalists(name, choose(rows, finals["finalists"]), objective, finals["repetitions"])
    architecture, _ = winner(list(found))
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
