"""The page's section on searches for two objectives: a picture and a table for each problem."""

from __future__ import annotations

from typing import Any

import numpy as np

from gennas.stats import mean_interval
from stages.report import figures
from stages.report.figures.style import Rows
from stages.support.artifacts import TRUTH

#: After how many evaluations the table says the share of the hypervolume.
EVALUATIONS = (20, 50, 100)


def sections(fronts: Rows, members: Rows) -> list[dict[str, Any]]:
    """What the page shows of each problem: a quality and a cost."""
    problems = dict.fromkeys((row["quality"], row["cost"]) for row in members)
    return [
        section(
            [row for row in fronts if (row["quality"], row["cost"]) == problem],
            [row for row in members if (row["quality"], row["cost"]) == problem],
        )
        for problem in problems
    ]


def section(fronts: Rows, members: Rows) -> dict[str, Any]:
    """One problem."""
    searches = dict.fromkeys(row["search"] for row in fronts)
    return {
        "quality": figures.words(members[0]["quality"]),
        "cost": figures.words(members[0]["cost"]),
        "size": sum(row["search"] == TRUTH for row in members),
        "evaluations": EVALUATIONS,
        "rows": [summary(name, [row for row in fronts if row["search"] == name]) for name in searches],
        "front": figures.front(members, {name: median_run(fronts, name) for name in searches}),
        "hypervolume": figures.hypervolume(fronts),
    }


def summary(name: str, fronts: Rows) -> dict[str, Any]:
    """How good the fronts of a search are: mean over its runs, and half of its 95 % interval."""
    shares = figures.by_run(fronts)
    ends = last(fronts)
    return {
        "search": name,
        "runs": len(shares),
        "shares": [mean_interval(shares[:, min(n, shares.shape[1]) - 1].tolist()) for n in EVALUATIONS],
        "igd_plus": mean_interval([row["igd_plus"] for row in ends]),
        "found": mean_interval([row["found"] for row in ends]),
    }


def median_run(fronts: Rows, name: str) -> int:
    """The run of a search whose last hypervolume is the median."""
    ends = last([row for row in fronts if row["search"] == name])
    order = np.argsort([row["hypervolume"] for row in ends], kind="stable")
    return int(ends[order[len(order) // 2]]["seed"])


def last(fronts: Rows) -> list[Any]:
    """The last row of each run."""
    return list({row["seed"]: row for row in fronts}.values())
