"""Runs of searches and their finals are jobs of their own: a change computes what it is about, and nothing else."""

import json

import pyarrow.parquet as pq
import pytest
from conftest import RESULTS

UNITS = f"{RESULTS}/searches/*/seed-*.parquet"


def planned(study):
    """How many jobs of each rule `snakemake -n` lists."""
    lines = study.snakemake("-n", "--quiet", "rules").splitlines()
    return {words[0]: int(words[1]) for line in lines if len(words := line.split()) == 2 and words[1].isdigit()}


EVOLUTION = "      random: "
MORE = "      more: { kind: random_search, by: parameters, evaluations: 3, batch: 2, seeds: 1 }\n"


@pytest.mark.parametrize(
    ("old", "new", "units", "finals"),
    [
        (EVOLUTION, MORE + EVOLUTION, 1, 0),
        pytest.param("batch: 2, seeds: 2", "batch: 2, seeds: 4", 2, 0, marks=pytest.mark.full),
        ("finalists: 2", "finalists: 1", 0, 1),
        pytest.param("of: [evolution]", "of: [evolution, random, local]", 0, 2, marks=pytest.mark.full),
        ("evaluate: 6", "evaluate: 9", 1, 0),  # of the search by an aggregate, which ranks among the sample
    ],
)
def test_a_change_plans_what_it_is_about(finished, tmp_path, old, new, units, finals):
    study = finished.copy(tmp_path / "study")
    study.edit("params.yaml", old, new)
    jobs = planned(study)
    assert (jobs.get("search_architecture_unit", 0), jobs.get("finals_unit", 0)) == (units, finals)
    assert jobs["finals"] == 1 and not jobs.keys() & {"search_task", "time_proxies"}


def test_another_search_is_run_alone_through_dvc(finished, tmp_path):
    study = finished.copy(tmp_path / "study")
    before, best = study.times(UNITS), study.path(RESULTS / "search" / "best.json").read_bytes()
    study.edit("params.yaml", EVOLUTION, MORE + EVOLUTION)
    study.succeed("dvc", "repro", f"finals@{RESULTS.name}")
    after = study.times(UNITS)
    assert before.items() <= after.items() and len(after) == len(before) + 1
    assert study.path(RESULTS / "search" / "best.json").read_bytes() == best
    table = pq.read_table(study.path(RESULTS / "search" / "trajectory.parquet"))
    assert "more" in table["search"].to_pylist()
    study.sync()
    assert not study.snakemake_would_run() & {"search_architecture", "finals"}


def test_the_answer_is_the_best_finalist_and_all_their_scores_are_kept(finished):
    best = json.loads(finished.path(RESULTS / "search" / "best.json").read_text())
    rows = pq.read_table(finished.path(RESULTS / "finals" / "scores.parquet")).to_pylist()
    assert {row["search"] for row in rows} == {best["search"]} == {"evolution"} and {row["seed"] for row in rows} == {1}
    winner = max(rows, key=lambda row: row["score"])
    assert best["architecture"] == winner["architecture"] and best["score"] == pytest.approx(winner["score"], abs=1e-5)


def test_only_a_search_by_the_benchmark_makes_queries(finished):
    rows = pq.read_table(finished.path(RESULTS / "search" / "trajectory.parquet")).to_pylist()
    assert {row["search"] for row in rows if row["queries"]} == {"oracle"}
    assert {row["search"] for row in rows} == {"evolution", "random", "local", "oracle"}
