"""Draw and tabulate what `make study STUDY=searches` found, for docs/searches.md.

The study names its searches of NAS-Bench-201 `<data set>_<method>`. Reads its run in runs/searches; writes
docs/searches.svg and the tables of the page.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

from gennas.stats import mean_interval
from measurements.subjects import DOCS, show
from stages.report import progress
from stages.report.figures.searches import regrets
from stages.report.figures.style import PALETTE, Rows, styled, to_svg
from stages.report.summary import markdown_table
from stages.support import artifacts
from stages.support.ground_truth import GroundTruth, reported_by

RUN = DOCS.parent / "runs" / "searches"
DATA_SETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet": "ImageNet16-120"}
#: Those in the figure; more lines could not be told apart.
DRAWN = ("random", "evolution", "reinforce", "pnas", "bayesian", "bayesian_prior")
#: The searches beside what others published, and the evaluations and ranks that these are told of.
GOALS = ("random", "evolution", "bayesian", "bayesian_prior")
AFTER, TOP = 60, 10


@styled
def figure(panels: dict[str, Rows]) -> str:
    """Mean regret against evaluations, a panel for each title, with the 95 % interval of the mean over runs."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9, 6.2), layout="constrained")
    axes = canvas.subplots(2, 2).ravel()
    for axis, (title, trajectory) in zip(axes, panels.items(), strict=True):
        axis.set(title=title, xlabel="architectures evaluated", yscale="log")
        names = {method_of(row["search"]): row["search"] for row in trajectory}
        for method, colour in zip(DRAWN, PALETTE, strict=False):
            if method not in names:
                continue
            found = regrets(trajectory, names[method])  # (runs, evaluations)
            mean, reach = np.array([mean_interval(column) for column in found.T]).T
            evaluations = np.arange(1, len(mean) + 1)
            axis.plot(evaluations, mean, color=colour, label=method if axis is axes[0] else None)
            axis.fill_between(evaluations, np.maximum(mean - reach, 1e-3), mean + reach, color=colour, alpha=0.15, lw=0)
        axis.set_ylim(bottom=0.02)
        axis.yaxis.set_major_formatter("{x:g}")
    for axis in axes[::2]:
        axis.set_ylabel("regret (accuracy, %)")
    canvas.legend(loc="outside lower center", ncols=len(DRAWN))
    return to_svg(canvas)


def method_of(search: str) -> str:
    """A search's name without the data set."""
    data, _, method = search.partition("_")
    return method if data in DATA_SETS else search


def of_data(trajectory: Rows, data: str) -> Rows:
    """The searches of a data set."""
    return [row for row in trajectory if row["search"].startswith(f"{data}_")]


def seconds(run: Path, space: str, search: str) -> float:
    """The median CPU seconds of the processes of a search of a study's run, their start and what it reads included."""
    files = (run / "logs" / space / "searches").glob(f"{search}-*.tsv")
    rows = [next(csv.DictReader(file.read_text().splitlines(), delimiter="\t")) for file in files]
    return float(np.median([float(row["cpu_time"]) for row in rows]))


def ranks(ends: Rows) -> tuple[str, str]:
    """The median true rank of the answers of several runs, and the best and worst of them."""
    found = np.array([row["best_rank"] for row in ends])
    return f"{np.median(found):,.0f}", f"{found.min():,} to {found.max():,}"


def table(trajectory: Rows, truths: dict[str, GroundTruth], space: str) -> str:
    """A row per search: best accuracy on the way, queries until the top, the test set if there is one."""
    found = progress.of_searches(trajectory, truths)
    counts = list(found[0].regrets)
    tests = ["test"] if found[0].tests else []
    lines = []
    for one in found:
        best = truths[one.target].sorted[-1]
        accuracies = [progress.with_reach((best - mean, reach)) for mean, reach in one.regrets.values()]
        medians = [progress.text(number, 0) for number in (one.to_top, one.to_best)]
        test = [progress.with_reach(one.tests)] if tests else []
        spent = f"{seconds(RUN, space, one.search):.1f}"
        lines.append([method_of(one.search), *accuracies, *medians, *test, spent])
    head = ("search", *(f"best after {n}" for n in counts), "to the top", "to the best", *tests, "CPU s")
    return markdown_table(head, lines)


def goals_table(trajectory: Rows, truths: dict[str, GroundTruth]) -> str:
    """Test accuracy after `AFTER` evaluations, and the median number of them until a cell of the best `TOP`."""
    lines = []
    for method in GOALS:
        runs = [_runs(trajectory, f"{data}_{method}") for data in DATA_SETS]
        after = [[_test(run[AFTER - 1], truths) for run in own] for own in runs]
        tests = [progress.with_reach(mean_interval(values)) for values in after]
        lines.append([method, *tests, *(progress.text(progress.until(own, TOP), 1) for own in runs)])
    titles = DATA_SETS.values()
    head = ("search", *(f"{title}: test after {AFTER}" for title in titles), *(f"to the top {TOP}" for _ in titles))
    return markdown_table(head, lines)


def _test(row: dict[str, Any], truths: dict[str, GroundTruth]) -> float:
    """The test accuracy of the answer at a row."""
    return float(truths[reported_by(row["target"])].values[row["best_architecture"]])


def _runs(trajectory: Rows, name: str) -> list[list[dict[str, Any]]]:
    """The rows of each run of a search, in order."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in trajectory:
        if row["search"] == name:
            found.setdefault(row["seed"], []).append(dict(row))
    return list(found.values())


def label_free_table(trajectory: Rows, truths: dict[str, GroundTruth]) -> str:
    """Those that never saw an accuracy: what the answers are truly worth."""
    names = dict.fromkeys(row["search"] for row in trajectory)
    free = [name for name in names if name.split("_")[0] not in DATA_SETS]
    lines = []
    for name in free:
        ends = [run[-1] for run in _runs(trajectory, name)]
        regret = mean_interval([row["regret"] for row in ends])
        ranks = ", ".join(f"{rank:,}" for rank in sorted(row["best_rank"] for row in ends))
        lines.append([name, progress.with_reach(regret), ranks, f"{seconds(RUN, 'nasbench201', name):.0f}"])
    return markdown_table(("search", "regret on CIFAR-10, %", "ranks of 15,625", "CPU s a run"), lines)


def read(space: str) -> tuple[Rows, dict[str, GroundTruth]]:
    """What the searches of a space did, and what is true of what they found."""
    results = RUN / "results" / space
    trajectory = artifacts.read_parquet(results / "search" / "trajectory.parquet", artifacts.TRAJECTORY).to_pylist()
    return trajectory, progress.read_truths(results / "benchmark.parquet", trajectory)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    trajectory, truths = read("nasbench201")
    other, other_truths = read("nasbench101")
    panels = {title: of_data(trajectory, data) for data, title in DATA_SETS.items()}
    (DOCS / "searches.svg").write_text(figure({**panels, "NAS-Bench-101, CIFAR-10": other}), encoding="utf-8")
    page = DOCS / "searches.md"
    for data in DATA_SETS:
        show(page, data, table(of_data(trajectory, data), truths, "nasbench201"))
    show(page, "nasbench101", table(other, other_truths, "nasbench101"))
    show(page, "goals", goals_table(trajectory, truths))
    show(page, "label-free", label_free_table(trajectory, truths))


if __name__ == "__main__":
    main()
