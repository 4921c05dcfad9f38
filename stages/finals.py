"""The final round: the best-scored architectures of a search, scored again, more thoroughly; the best is the answer.

Near the top one cheap score distinguishes little, so the finalists of a search, all its runs together, get further
repetitions by `by`, maybe under another protocol, and the highest mean score wins. Repetition 0 chose them: its luck is
in their scores, and it does not count again. The scores of each search's finalists are a unit, a job of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gennas import catalogue
from gennas.searches import pareto
from stages.support import artifacts
from stages.support.command import run, track
from stages.support.ground_truth import GroundTruth, answer
from stages.support.inputs import read_truth as read_ground_truth
from stages.support.objectives import Sources, open_workers

Row = dict[str, Any]


def choose(steps: Sequence[Mapping[str, Any]], count: int) -> list[str]:
    """The finalists of a search, best first; those of one that scores nothing are its runs' answers.

    Equal scores are those of one network under several names, as NAS-Bench-201 has many: one of them is enough.
    """
    if not catalogue.declaration("searches", steps[0]["kind"])["scores"]:
        return list(dict.fromkeys({row["seed"]: row["best_architecture"] for row in steps}.values()))[:count]
    best: dict[str, tuple[float, ...]] = {}
    for row in steps:  # one run may have stopped what another one trained to the end
        scores = tuple(row["scores"])
        best[row["architecture"]] = max(scores, best.get(row["architecture"], scores))
    first_named = {scores: architecture for architecture, scores in sorted(best.items(), reverse=True)}
    distinct = list(first_named)
    return [first_named[distinct[i]] for i in pareto.best_first(distinct)][:count]


def score(
    name: str, finalists: Sequence[str], sources: Sources, given: Sequence[Mapping[str, Any]], repetitions: int,
    workers: int,
) -> Iterator[Row]:  # fmt: skip
    """The rows of `artifacts.FINALS` of a search's finalists."""
    with open_workers(workers, given) as pool:
        for repetition in track(range(1, repetitions + 1), f"finals of {name}", repetitions, unit="repetition"):
            objective = sources.make(given[0], pool, repetition)
            objective(finalists)
            for position, architecture in enumerate(finalists):
                found = objective.known[architecture]
                yield artifacts.row(
                    artifacts.FINALS, name, position, architecture, repetition, found.score, found.status
                )


def unit(
    steps: list[Path], finals: Path, benchmark: list[Path], images: list[Path], scores: list[Path],
    labelled: list[Path], space: str, name: str, objectives: list[dict[str, Any]], finalists: int, repetitions: int,
    target: str, seed: int, workers: int = 1,
) -> None:  # fmt: skip
    """The further scores of one search's finalists."""
    table = artifacts.read_tables(steps, artifacts.STEPS)
    chosen = choose(table.to_pylist(), finalists)
    sources = Sources(space, seed, target, benchmark, images, scores, labelled)
    with open_workers(workers, objectives) as pool:
        rows = [*score_finalists(name, chosen, sources, objectives, repetitions, pool)]
    artifacts.write_rows(rows, artifacts.FINALS, finals, pool.made_with)


def winner(rows: Sequence[Mapping[str, Any]]) -> tuple[str, float]:
    """The finalist of the highest mean score, the better-placed of equals, and that mean."""
    totals: dict[str, float] = {}
    for row in rows:
        totals[row["architecture"]] = totals.get(row["architecture"], 0.0) + row["score"]
    best = max(totals, key=lambda architecture: totals[architecture])
    return best, totals[best] / len({row["seed"] for row in rows})


def gather(units: list[Path], trajectory: Path, benchmark: Path, scores: Path, best: Path, target: str) -> None:
    """All finalists' scores; the answer of the first search, and of the others."""
    truth = GroundTruth(read_ground_truth(benchmark, target), target)
    finals = artifacts.read_tables(units, artifacts.FINALS)
    rows, steps = finals.to_pylist(), artifacts.read_parquet(trajectory, artifacts.TRAJECTORY).to_pylist()
    found = {}
    for name in dict.fromkeys(row["search"] for row in rows):
        own = [row for row in rows if row["search"] == name]
        run_of = [row for row in steps if row["search"] == name]
        found[name] = answer(*winner(own), truth) | {
            "evaluations": len(run_of),
            "queries": queries(run_of),
            "finalists": len({row["architecture"] for row in own}),
        }
    first = next(iter(found))
    document = {"search": first, **found.pop(first), "target": target, "benchmark_size": len(truth.values)}
    artifacts.write_rows(rows, artifacts.FINALS, scores, artifacts.metadata(finals))
    artifacts.write_json({**document, "others": found}, best)
