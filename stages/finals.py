"""The final round: the best-scored architectures of a search, scored again, more thoroughly; the best is the answer.

Near the top one cheap score distinguishes little, so the finalists of a search, all its runs together, get further
repetitions by `by`, maybe under another protocol, and the highest mean score wins. Repetition 0 chose them, so
its scores are biased, and it does not count again. The scores of each search's finalists are a unit, a job of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gennas import catalogue
from gennas.searches import pareto
from stages.support import artifacts
from stages.support.command import run, track
from stages.support.ground_truth import GroundTruth, answer
from stages.support.inputs import read_ground_truth
from stages.support.objectives import Objective, Sources, open_workers

Row = dict[str, Any]


def choose(steps: Sequence[Mapping[str, Any]], count: int) -> list[str]:
    """The finalists of a search, best first.

    Those of one that scores nothing are its runs' answers; so are those of one that grows architectures, for it scores
    some that break its constraints.

    Equal scores are those of one network under several names, as NAS-Bench-201 has many: one of them is enough.
    """
    declared = catalogue.declaration("searches", steps[0]["kind"])
    if not declared["scores"] or declared.get("growth"):
        return list(dict.fromkeys({row["seed"]: row["best_architecture"] for row in steps}.values()))[:count]
    best: dict[str, tuple[float, ...]] = {}
    for row in steps:  # one run may have stopped what another one trained to the end
        scores = tuple(row["scores"])
        best[row["architecture"]] = max(scores, best.get(row["architecture"], scores))
    first_named = {scores: architecture for architecture, scores in sorted(best.items(), reverse=True)}
    distinct = list(first_named)
    return [first_named[distinct[i]] for i in pareto.best_first(distinct)][:count]


def score_finalists(
    name: str, finalists: Sequence[str], objective: Callable[[int], Objective], repetitions: int
) -> Iterator[Row]:
    """The rows of `artifacts.FINALS` of a search's finalists; `objective` makes that of a repetition."""
    for repetition in track(range(1, repetitions + 1), f"finals of {name}", repetitions, unit="repetition"):
        judge = objective(repetition)
        judge(finalists)
        for position, architecture in enumerate(finalists):
            found = judge.known[architecture]
            values = name, position, architecture, repetition, found.score, found.status
            yield artifacts.row(artifacts.FINALS, *values)


def unit(
    steps: list[Path], finals: Path, benchmark: list[Path], images: list[Path], scores: list[Path],
    labelled: list[Path], space: str, name: str, objectives: list[dict[str, Any]], finalists: int, repetitions: int,
    target: str, seed: int, workers: int = 1,
) -> None:  # fmt: skip
    """The further scores of one search's finalists."""
    chosen = choose(artifacts.read_tables(steps, artifacts.STEPS).to_pylist(), finalists)
    sources = Sources(space, seed, target, benchmark, images, scores, labelled)
    with open_workers(workers, objectives) as pool:
        (given,) = objectives
        rows = [*score_finalists(name, chosen, partial(sources.make, given, pool), repetitions)]
    artifacts.write_rows(rows, artifacts.FINALS, finals, pool.made_with)


def winner(rows: Sequence[Mapping[str, Any]]) -> tuple[str, float]:
    """The finalist of the highest mean score, the better-placed of equals, and that mean."""
    totals: dict[str, float] = {}
    for row in rows:
        totals[row["architecture"]] = totals.get(row["architecture"], 0.0) + row["score"]
    best = max(totals, key=lambda architecture: totals[architecture])
    return best, totals[best] / len({row["seed"] for row in rows})


def outcome(rows: Sequence[Mapping[str, Any]], steps: Sequence[Mapping[str, Any]], truth: GroundTruth) -> Row:
    """What a search found, how good it is, and what that took."""
    return answer(*winner(rows), truth) | {
        "evaluations": len(steps),
        "queries": sum({row["seed"]: row["queries"] for row in steps}.values()),  # the last ones of each run
        "finalists": len({row["architecture"] for row in rows}),
    }


def gather(units: list[Path], trajectory: Path, benchmark: Path, finals: Path, best: Path, target: str) -> None:
    """All finalists' scores; the answer of the first search, and of the others."""
    truth = read_ground_truth(benchmark, target)
    table = artifacts.read_tables(units, artifacts.FINALS)
    rows, steps = table.to_pylist(), artifacts.read_parquet(trajectory, artifacts.TRAJECTORY).to_pylist()
    first, *others = dict.fromkeys(row["search"] for row in rows)

    def found(name: str) -> Row:
        own, run_of = ([row for row in table if row["search"] == name] for table in (rows, steps))
        return outcome(own, run_of, truth)

    judged = {"target": target, "unit": truth.target.unit, "benchmark_size": len(truth.values)}
    document = {"search": first, **found(first), **judged}
    artifacts.write_rows(rows, artifacts.FINALS, finals, artifacts.made_with(table))
    artifacts.write_json({**document, "others": {name: found(name) for name in others}}, best)


if __name__ == "__main__":
    run(unit, gather)
