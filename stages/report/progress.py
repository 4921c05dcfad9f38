"""How fast searches get where: regret after so many evaluations, and evaluations until the top of the benchmark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from gennas.stats import mean_interval
from stages.report.figures.style import Rows
from stages.support import artifacts
from stages.support.ground_truth import GroundTruth, reported_by
from stages.support.inputs import read_ground_truth

#: After how many evaluations the tables say the regret.
EVALUATIONS = (10, 20, 50, 100, 200, 400)
#: What counts as the top: this share of a benchmark's architectures, such as 15 of 15,625.
TOP = 0.001


@dataclass(frozen=True)
class Progress:
    """A search's runs, all of them together."""

    search: str
    target: str
    regrets: Mapping[int, tuple[float, float]]  # by evaluations: the mean, and half of its 95 % interval
    to_top: float  # median evaluations until an answer of the top; infinite if less than half of the runs had one
    to_best: float  # until the benchmark's best
    tests: tuple[float, float] | None  # of the answers at the end, where the benchmark has a test set: as `regrets`


def until(runs: Sequence[Rows], rank: int) -> float:
    """Median evaluations until an answer is of that rank or better."""
    first = [next((row["evaluation"] for row in run if row["best_rank"] <= rank), math.inf) for run in runs]
    return float(np.median(first))


def of_search(name: str, runs: Sequence[Rows], truths: Mapping[str, GroundTruth]) -> Progress:
    """What the runs of a search, which have their rows in order, did; `truths` are those of the columns, by name."""
    target = runs[0][0]["target"]
    longest = max(len(run) for run in runs)
    regrets = {
        count: mean_interval([run[min(count, len(run)) - 1]["regret"] for run in runs])
        for count in EVALUATIONS
        if count <= longest
    }
    top = max(1, int(TOP * len(truths[target].values)))
    other = truths.get(reported_by(target)) if reported_by(target) != target else None
    tests = mean_interval([other.values[run[-1]["best_architecture"]] for run in runs]) if other else None
    return Progress(name, target, regrets, until(runs, top), until(runs, 1), tests)


def of_searches(trajectory: Rows, truths: Mapping[str, GroundTruth]) -> list[Progress]:
    """Every search, in the order of the trajectory's rows, which are those of its runs one after the other."""
    found: list[Progress] = []
    for name, rows in groupby(trajectory, key=lambda row: row["search"]):
        runs = [list(run) for _, run in groupby(rows, key=lambda row: row["seed"])]
        found.append(of_search(name, runs, truths))
    return found


def text(number: float, places: int = 2) -> str:
    """A number for a table; what is not finite is a dash."""
    return f"{number:.{places}f}" if math.isfinite(number) else "-"


def with_reach(pair: tuple[float, float] | None, places: int = 2) -> str:
    """A mean and half of its interval."""
    if pair is None:
        return "-"
    mean, reach = pair
    if not math.isfinite(reach):
        return text(mean, places)
    return f"{text(mean, places)} \N{PLUS-MINUS SIGN} {text(reach, places)}"


def table(found: Sequence[Progress]) -> tuple[list[str], list[list[str]]]:
    """Its head, and a row for each search."""
    counts = sorted({count for one in found for count in one.regrets})
    head = ["search", "judged by", *(f"regret at {count}" for count in counts), "to the top", "to the best", "test"]

    def row(one: Progress) -> list[str]:
        regrets = [with_reach(one.regrets.get(count)) for count in counts]
        medians = [text(number, 1) for number in (one.to_top, one.to_best)]
        return [one.search, one.target.replace("_", " "), *regrets, *medians, with_reach(one.tests)]

    return head, [row(one) for one in found]


def read_truths(benchmark: Path, trajectory: Rows) -> dict[str, GroundTruth]:
    """The ground truth of each column that judges searches, in their order, then of those that report."""
    known = artifacts.targets(artifacts.read_parquet(benchmark, artifacts.BENCHMARK))
    judges = list(dict.fromkeys(row["target"] for row in trajectory))
    wanted = dict.fromkeys([*judges, *map(reported_by, judges)])
    return {column: read_ground_truth(benchmark, column) for column in wanted if column in known}
