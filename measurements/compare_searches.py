"""Draw and tabulate what `make study STUDY=searches` found, for docs/searches.md.

The study names its searches `<data set>_<method>`. Reads its run in runs/searches; writes docs/searches.svg and the
tables of the page.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from typing import Any

import numpy as np

from measurements.subjects import DOCS, show
from stages.report import progress
from stages.report.figures.searches import regrets
from stages.report.figures.style import PALETTE, Rows, styled, to_svg
from stages.report.summary import markdown_table
from stages.support import artifacts
from stages.support.ground_truth import GroundTruth

RUN = DOCS.parent / "runs" / "searches"
DATA_SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet": "ImageNet16-120"}
#: Those in the figure; more lines could not be told apart.
DRAWN = ("random", "evolution", "reinforce", "pnas", "bayesian", "bayesian_prior")


@styled
def figure(trajectory: Rows) -> str:
    """Mean regret against evaluations, a panel per data set, with the 95 % interval of the mean over runs."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9, 3.4), layout="constrained")
    panels = canvas.subplots(1, len(DATA_SETS))
    for axis, (data, title) in zip(panels, DATA_SETS.items(), strict=True):
        axis.set(title=title, xlabel="architectures evaluated", yscale="log")
        for method, colour in zip(DRAWN, PALETTE, strict=False):
            found = regrets(trajectory, f"{data}_{method}")  # (runs, evaluations)
            mean, reach = np.array([progress.mean_interval(column) for column in found.T]).T
            evaluations = np.arange(1, len(mean) + 1)
            axis.plot(evaluations, mean, color=colour, label=method if data == "cifar10" else None)
            axis.fill_between(evaluations, np.maximum(mean - reach, 1e-3), mean + reach, color=colour, alpha=0.15, lw=0)
        axis.set_ylim(bottom=0.02)
        axis.yaxis.set_major_formatter("{x:g}")
    panels[0].set_ylabel("regret (validation accuracy, %)")
    canvas.legend(loc="outside lower center", ncols=len(DRAWN))
    return to_svg(canvas)


def seconds(name: str) -> float:
    """The median CPU seconds of a run's process, its start and what it reads included."""
    files = (RUN / "logs" / "nasbench201" / "searches").glob(f"{name}-*.tsv")
    rows = [next(csv.DictReader(file.read_text().splitlines(), delimiter="\t")) for file in files]
    return float(np.median([float(row["cpu_time"]) for row in rows]))


def table(trajectory: Rows, truths: dict[str, GroundTruth], data: str) -> str:
    """A row per method of one data set: best validation accuracy on the way, queries until the top, test accuracy."""
    own = [row for row in trajectory if row["search"].startswith(f"{data}_")]
    lines = []
    for one in progress.of_searches(own, truths):
        best = truths[one.target].sorted[-1]
        accuracies = [progress.with_reach((best - mean, reach)) for mean, reach in one.regrets.values()]
        method = one.search.removeprefix(f"{data}_")
        medians = [progress.text(number, 0) for number in (one.to_top, one.to_best)]
        lines.append([method, *accuracies, *medians, progress.with_reach(one.tests), f"{seconds(one.search):.1f}"])
    head = ("search", *(f"best after {n}" for n in progress.EVALUATIONS), "to the top", "to the best", "test", "CPU s")
    return markdown_table(head, lines)


def label_free_table(trajectory: Rows, truths: dict[str, GroundTruth]) -> str:
    """Those that never saw an accuracy: what the answers are truly worth."""
    names = dict.fromkeys(row["search"] for row in trajectory)
    free = [name for name in names if name.split("_")[0] not in DATA_SETS]
    lines = []
    for name in free:
        ends = _last(trajectory, name)
        regret = progress.mean_interval([row["regret"] for row in ends])
        ranks = ", ".join(f"{rank:,}" for rank in sorted(row["best_rank"] for row in ends))
        lines.append([name, progress.with_reach(regret), ranks, f"{seconds(name):.0f}"])
    return markdown_table(("search", "regret on CIFAR-10, %", "ranks of 15,625", "CPU s a run"), lines)


def _last(trajectory: Rows, name: str) -> Sequence[dict[str, Any]]:
    """The last row of each run."""
    by_seed = {row["seed"]: dict(row) for row in trajectory if row["search"] == name}
    return list(by_seed.values())


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    results = RUN / "results" / "nasbench201"
    trajectory = artifacts.read_parquet(results / "search" / "trajectory.parquet", artifacts.TRAJECTORY).to_pylist()
    truths = progress.read_truths(results / "benchmark.parquet", trajectory)
    (DOCS / "searches.svg").write_text(figure(trajectory), encoding="utf-8")
    page = DOCS / "searches.md"
    for data in DATA_SETS:
        show(page, data, table(trajectory, truths, data))
    show(page, "label-free", label_free_table(trajectory, truths))


if __name__ == "__main__":
    main()
