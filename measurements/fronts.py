"""Draw and tabulate what `make study STUDY=hardware` found, for docs/hardware.md.

The study names its searches `<problem>_<method>`. Reads its run in runs/hardware; writes docs/hardware.svg and the
tables of the page.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import yaml

from gennas.searches.common.acquisition import HypervolumeImprovement
from gennas.spaces import nasbench201
from gennas.stats import mean_interval
from measurements.compare_searches import ranks, seconds
from measurements.subjects import DOCS, show
from stages.report import fronts as section
from stages.report import progress
from stages.report.figures.fronts import draw_front
from stages.report.figures.style import Rows, styled, to_svg
from stages.report.summary import markdown_table
from stages.support import artifacts, scorers
from stages.support.fronts import Known, Problem
from stages.support.ground_truth import reported_by

SPACE = "nasbench201"
RUN = DOCS.parent / "runs" / "hardware"
RESULTS = RUN / "results" / SPACE
#: By the beginning of its searches' names.
PROBLEMS = {
    "edgegpu": "CIFAR-10, latency of EdgeGPU",
    "eyeriss": "CIFAR-100, energy of Eyeriss",
    "analog": "a day of drift, energy in memory",
}
#: Of one objective: the accuracy after a day of drift, or what stands for it.
DRIFT = ("drift_random", "drift_bayesian", "drift_label_free", "digital")


def of(problem: str, rows: Rows) -> Rows:
    """Those of the searches of a problem, without what the test set says of them; and the true front."""
    own = [row for row in rows if row["search"].startswith(f"{problem}_")]
    asked = own[0]["quality"], own[0]["cost"]  # the column that judges comes before that of the test set
    return [
        row
        for row in rows
        if (row["quality"], row["cost"]) == asked and (row in own or row["search"] == artifacts.TRUTH)
    ]


def short(search: str) -> str:
    """A search's name without the problem."""
    return search.partition("_")[2] or search


def renamed(rows: Rows) -> Rows:
    """Rows of searches by their short names."""
    return [{**row, "search": short(row["search"])} for row in rows]


@styled
def figure(fronts: Rows, members: Rows) -> str:
    """A panel for each problem: the true front, and that of each search in the run of the median hypervolume."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9, 7), layout="constrained")
    axes = canvas.subplots(2, 2).ravel()
    for axis, (problem, title) in zip(axes, PROBLEMS.items(), strict=False):
        own = renamed(of(problem, fronts))
        runs = {name: section.median_run(own, name) for name in dict.fromkeys(row["search"] for row in own)}
        draw_front(axis, renamed(of(problem, members)), runs)
        axis.set_title(title)
    axes[-1].axis("off")
    axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center")
    return to_svg(canvas)


def fronts_table(problem: str, fronts: Rows) -> str:
    """A row per search: its share of the true hypervolume on the way, IGD+, what it found, and what it cost."""
    own, lines = of(problem, fronts), []
    for name in dict.fromkeys(row["search"] for row in own):
        found = section.summary(name, [row for row in own if row["search"] == name])
        shares = [progress.with_reach(pair) for pair in found["shares"]]
        ends = [progress.with_reach(found[key]) for key in ("igd_plus", "found")]
        lines.append([short(name), *shares, *ends, f"{seconds(RUN, SPACE, name):.1f}"])
    head = ("search", *(f"after {n}" for n in section.EVALUATIONS), "IGD+", "of its points", "CPU s")
    return markdown_table(head, lines)


def test_table(fronts: Rows) -> str:
    """Shares of the *test* front's hypervolume at the end, and the one of the true front by validation accuracy."""
    known, lines = known_costs(), []
    for problem, title in PROBLEMS.items():
        own = [row for row in fronts if row["search"].startswith(f"{problem}_")]
        asked, cost = own[0]["quality"], own[0]["cost"]
        if reported_by(asked) == asked:
            continue
        judged = [row for row in own if row["quality"] != asked]
        validation, test = known.problems(asked, [f"benchmark.{asked}", cost])
        ids = [validation.ids[row] for row in validation.front]
        lines.append([title, "the true front by validation", f"{share(test, ids):.2f}"])
        for name in dict.fromkeys(row["search"] for row in judged):
            ends = section.last([row for row in judged if row["search"] == name])
            lines.append(["", short(name), progress.with_reach(mean_interval([row["hypervolume"] for row in ends]))])
    return markdown_table(("problem", "front", "share by test accuracy"), lines)


def networks_table() -> str:
    """Shares of the true hypervolume for whoever knows the mean quality of each network, but not that of its names."""
    lines = []
    for problem, title in PROBLEMS.items():
        search = params()["search_architecture"]["searches"][f"{problem}_bayesian"]
        known, *_ = known_costs().problems(scorers.judge(params(), search), search["by"])
        rows = knowing_networks(known, section.EVALUATIONS[-1])
        lines.append([title, *(f"{known.judge(rows[:count])[0]:.2f}" for count in section.EVALUATIONS)])
    return markdown_table(("problem", *(f"after {n}" for n in section.EVALUATIONS)), lines)


def knowing_networks(problem: Problem, count: int) -> np.ndarray:
    """The rows that are evaluated if the mean quality of each network is known, and nothing else to be learnt."""
    networks = np.unique(
        [nasbench201.canonical(nasbench201.from_id(one)) for one in problem.ids], axis=0, return_inverse=True
    )[1]
    quality = problem.better[:, 0]
    means = (np.bincount(networks, quality) / np.bincount(networks))[networks]
    gain, certain = HypervolumeImprovement(-problem.better[:, 1]), np.full(len(means), 1e-6)
    rows: list[int] = []
    for _ in range(count):
        expected = gain(means, certain, rows, quality[rows])
        expected[rows] = -np.inf
        rows.append(int(expected.argmax()))
    return np.array(rows)


def share(problem: Problem, ids: Sequence[str]) -> float:
    """Of a problem's true hypervolume, that architectures have."""
    return problem.judge(problem.rows_of(ids))[0]


@cache
def params() -> Any:
    """The study's section on the space."""
    return yaml.safe_load((RUN / "params.yaml").read_text(encoding="utf-8"))[SPACE]


def known_costs() -> Known:
    """What the study knows."""
    return Known(SPACE, RESULTS / "benchmark.parquet", params()["search_architecture"].get("costs", {}))


def drift_table(trajectory: Rows) -> str:
    """Searches for one architecture: how good its accuracy after a day is, and its rank by that."""
    lines = []
    for name in DRIFT:
        ends = section.last([row for row in trajectory if row["search"] == name])
        accuracy = progress.with_reach(mean_interval([row["best_value"] for row in ends]))
        lines.append([name, str(len(ends)), accuracy, *ranks(ends)])
    return markdown_table(("search", "runs", "accuracy after a day, %", "median rank", "ranks"), lines)


def proxies_table(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """Rho of every proxy and aggregate with the accuracy after a day, and its 95 % interval."""
    ordered = sorted(metrics.items(), key=lambda item: -item[1]["spearman_rho"])
    return markdown_table(
        ("proxy or aggregate", "rho", "95 % interval"),
        [
            [name, f"{found['spearman_rho']:.2f}", f"{found['rho_low']:.2f} to {found['rho_high']:.2f}"]
            for name, found in ordered
        ],
    )


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    search = RESULTS / "search"
    fronts = artifacts.read_parquet(search / "fronts.parquet", artifacts.FRONTS).to_pylist()
    members = artifacts.read_parquet(search / "front_members.parquet", artifacts.FRONT_MEMBERS).to_pylist()
    trajectory = artifacts.read_parquet(search / "trajectory.parquet", artifacts.TRAJECTORY).to_pylist()
    (DOCS / "hardware.svg").write_text(figure(fronts, members), encoding="utf-8")
    page = DOCS / "hardware.md"
    for problem in PROBLEMS:
        show(page, problem, fronts_table(problem, fronts))
    show(page, "test", test_table(fronts))
    show(page, "networks", networks_table())
    show(page, "drift", drift_table(trajectory))
    show(page, "proxies", proxies_table(json.loads((RESULTS / "metrics.json").read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
