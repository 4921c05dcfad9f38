"""What searches for two objectives found: their fronts, and how fast these grew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes

from gennas.stats import mean_interval
from stages.report.figures.style import BLACK, Rows, canvas, proxy_styles, styled, to_svg, with_unit
from stages.support.artifacts import TRUTH


@styled
def front(members: Rows, runs: Mapping[str, int]) -> str:
    """The true front of a problem, and the one that each search found in the run of `runs` (`FRONT_MEMBERS`)."""
    figure = canvas(3.6)
    draw_front(figure.add_subplot(), members, runs)
    figure.legend(loc="outside lower center", ncols=2)
    return to_svg(figure)


def draw_front(axis: Axes, members: Rows, runs: Mapping[str, int]) -> None:
    """Draw them in a figure of several; a problem's members are `FRONT_MEMBERS`."""
    first = members[0]
    axis.set_xlabel(with_unit(words(first["cost"]), first["spent_unit"]))
    axis.set_ylabel(with_unit(words(first["quality"]), first["value_unit"]))
    styles = proxy_styles(runs)
    for (search, seed), rows in groupby(members, key=lambda row: (row["search"], row["seed"])):
        points = np.array([(row["spent"], row["value"]) for row in rows])  # (n, 2), cheapest first
        if search == TRUTH:
            axis.step(*points.T, where="post", color=BLACK, linewidth=3, alpha=0.35, label=search)
            axis.set_ylim(*limits(points[:, 1]))
        elif runs.get(search) == seed:
            axis.step(*points.T, where="post", marker=".", linewidth=1, label=search, **styles[search])


def limits(values: np.ndarray) -> tuple[float, float]:
    """What to show of a front's qualities (n,), cheapest first: the better is up.

    A network that costs nothing and knows nothing heads most fronts, and would leave no room for the others.
    """
    best, middle = values[-1], np.median(values)
    reach = (best - middle) or 1.0
    return float(middle - 3 * reach), float(best + 0.2 * reach)


@styled
def hypervolume(fronts: Rows) -> str:
    """The share of the true hypervolume against evaluations: mean over runs and its 95 % interval (`FRONTS`)."""
    figure = canvas(3.2)
    axis = figure.add_subplot(xlabel="architectures evaluated", ylabel="share of the true hypervolume")
    styles = proxy_styles(row["search"] for row in fronts)
    for search, style in styles.items():
        shares = by_run([row for row in fronts if row["search"] == search])
        mean, reach = np.array([mean_interval(column) for column in shares.T]).T
        evaluations = np.arange(1, len(mean) + 1)
        axis.plot(evaluations, mean, label=search, **style)
        axis.fill_between(evaluations, mean - reach, mean + reach, color=style["color"], alpha=0.2, linewidth=0)
    axis.set_ylim(0, 1)
    figure.legend(loc="outside lower center", ncols=2)
    return to_svg(figure)


def by_run(fronts: Rows) -> np.ndarray:
    """The shares of a search's runs (runs, evaluations); a run that ended early keeps its last one."""
    runs = [[row["hypervolume"] for row in run] for _, run in groupby(fronts, key=lambda row: row["seed"])]
    longest = max(map(len, runs))
    return np.array([run + [run[-1]] * (longest - len(run)) for run in runs])


def words(name: str) -> str:
    """The name of an objective for people, without its unit."""
    bare = name.removeprefix("benchmark.").removeprefix("cost.")
    return re.sub("_(percent|ms|mj)$", "", bare).replace("_", " ")
