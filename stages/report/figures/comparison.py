"""What a proxy costs for how good it is, and which proxies agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from gennas.stats import pareto_front
from stages.report.figures.style import BLACK, BLUE, GREEN, PURPLE, RHO, VERMILLION, Rows, canvas, styled, to_svg

Point = tuple[float, float]
Points = Mapping[str, Point]

RHO_TICKS = (-0.8, -0.5, 0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
NUMBERED = 12  # proxies in a matrix with numbers
#: How each group of proxies is drawn.
MARKERS: dict[str, dict[str, Any]] = {
    "baseline": {"marker": "s", "color": BLACK},
    "zero-cost": {"marker": "o", "color": VERMILLION},
    "trained": {"marker": "^", "color": BLUE},
    "aggregate": {"marker": "D", "color": PURPLE},
}
#: Where a name may stand beside its dot: directions, and distances in points; far ones get a line.
BESIDE = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 0.6), (0.8, -0.6), (-0.8, 0.6), (-0.8, -0.6))
DISTANCES, FAR = (5, 9, 16, 24, 34, 46, 60), 9
HALO = (patheffects.withStroke(linewidth=2, foreground="white"),)


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The area that each of the boxes (N, 4), left, bottom, right and top, shares with others (M, 4)."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    areas: np.ndarray = np.maximum(high - low, 0).prod(axis=2).sum(axis=1)
    return areas


def write_names(figure: Figure, axis: Axes, points: Points, lines: Sequence[tuple[Point, Point]]) -> None:
    """Write each point's name beside it, as near as leaves it clear of dots, lines and names.

    The package adjustText was tried: its names cover dots, and differ from one run to the next.
    """
    figure.set_dpi(72)  # so that a pixel is a point
    figure.draw_without_rendering()  # which decides where everything else is
    renderer = FigureCanvasAgg(figure).get_renderer()
    places = axis.transData.transform([*points.values()])
    dots = np.hstack([places - 4, places + 4])
    ends = axis.transData.transform(np.reshape(lines, (-1, 2))).reshape(-1, 4)
    taken, inside = np.vstack([dots, ends + np.array([-2, -2, 2, 2])]), np.array([axis.bbox.extents])
    for (name, point), place in zip(points.items(), places, strict=True):
        label = axis.annotate(
            name, point, (0, 0), textcoords="offset points", ha="center", va="center", fontsize=8, path_effects=HALO,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "#777777"}, zorder=4,
        )  # fmt: skip
        label.set_in_layout(False)
        half = np.array(Text.get_window_extent(label, renderer).size) / 2
        offsets = np.array([r * np.array(s) + half * np.sign(s) for r, s in itertools.product(DISTANCES, BESIDE)])
        boxes = np.hstack([place + offsets - half, place + offsets + half])
        clashes = overlaps(boxes, taken) - overlaps(boxes, inside)
        best = int(np.argmin(clashes.round()))  # the nearest of those that differ by rounding
        label.xyann = tuple(offsets[best])
        assert label.arrow_patch
        label.arrow_patch.set_visible(DISTANCES[best // len(BESIDE)] >= FAR)
        taken = np.vstack([taken, boxes[best]])


def log_axis(axis: Axes) -> None:
    """Plain numbers at the decades of the x axis, and between them if these are few."""
    low, high = axis.get_xlim()
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()


def rho_axis(axis: Axes) -> None:
    """Space the y axis by Fisher's transformation: proxies that are worth comparing crowd near 1."""
    axis.set_yscale("function", functions=(lambda r: np.arctanh(np.clip(r, -0.99, 0.99)), np.tanh))
    axis.autoscale_view()
    low, high = axis.get_ylim()
    axis.set_yticks([tick for tick in RHO_TICKS if low <= tick <= high])
    axis.yaxis.set_major_formatter("{x:g}")


def draw_dots(axis: Axes, rows: Rows) -> None:
    """A dot per proxy with rho's interval, hollow if it needs labels."""
    for row in rows:
        style, rho = MARKERS[row["group"]], row["spearman_rho"]
        reach = np.maximum([[rho - row["rho_low"]], [row["rho_high"] - rho]], 0)
        axis.errorbar(
            row["seconds"].median, rho, yerr=reach, markersize=5, elinewidth=0.5, alpha=0.9,
            markerfacecolor="white" if row["labels"] else style["color"], **style,
        )  # fmt: skip
    for group in (group for group in MARKERS if any(row["group"] == group for row in rows)):
        axis.plot([], [], linestyle="", markersize=5, label=group, **MARKERS[group])
    if any(row["labels"] for row in rows):
        axis.plot([], [], "o", markersize=5, color=BLACK, markerfacecolor="white", label="needs labels")


def draw_front(axis: Axes, steps: Sequence[Point]) -> list[tuple[Point, Point]]:
    """A line that rises at each step, and goes on to the right; its level parts."""
    axis.set_xlim(axis.get_xlim())
    ends = [*(cost for cost, _ in steps[1:]), axis.get_xlim()[1]]
    level = [((cost, rho), (end, rho)) for (cost, rho), end in zip(steps, ends, strict=False)]
    axis.plot(*np.reshape(level, (-1, 2)).T, color=GREEN, linewidth=2, label="best trade", zorder=1.5)
    return level


@styled
def cost(rows: Rows) -> str:
    """Rho against seconds per architecture, and the front of those that need no labels (the report's headline)."""
    shown = [row for row in rows if math.isfinite(row["spearman_rho"])]
    points = {row["proxy"]: (row["seconds"].median, row["spearman_rho"]) for row in shown}
    best = pareto_front({row["proxy"]: points[row["proxy"]] for row in shown if not row["labels"]})
    figure = canvas(4.4)
    axis = figure.add_subplot(xlabel="seconds per architecture", ylabel=f"Spearman's {RHO}", xscale="log")
    axis.margins(x=0.12, y=0.15)
    draw_dots(axis, shown)
    rho_axis(axis)
    level = draw_front(axis, [points[name] for name in best])
    log_axis(axis)
    figure.legend(loc="outside lower center", ncols=3)
    if points:
        write_names(figure, axis, {name: points[name] for name in [*best, *points]}, level)
    return to_svg(figure)


def side_by_side(matrix: np.ndarray) -> list[int]:
    """An order in which the proxies that rank alike are neighbours: average linkage, of the distance 1 - rho."""
    if len(matrix) < 3:
        return [*range(len(matrix))]
    distances = squareform(1 - np.nan_to_num(matrix), checks=False)
    order: list[int] = leaves_list(linkage(distances, "average", optimal_ordering=True)).tolist()
    return order


def square(rows: Rows, proxies: Sequence[str]) -> np.ndarray:
    """The matrix of `PROXY_CORRELATION`, one on its diagonal."""
    index = {proxy: i for i, proxy in enumerate(proxies)}
    matrix = np.eye(len(proxies))
    for row in rows:
        i, j = index[row["proxy"]], index[row["other"]]
        matrix[i, j] = matrix[j, i] = row["spearman_rho"]
    return matrix


def short(rho: float) -> str:
    """Two decimals in little space: .87"""
    return f"{round(rho, 2) + 0:.2f}".replace("0.", ".").replace("1.00", "1").replace("-", "\N{MINUS SIGN}")


@styled
def proxy_correlation(rows: Rows, proxies: Sequence[str]) -> str:
    """Rho between every two proxies (`PROXY_CORRELATION`), as colours; of few, as numbers, too."""
    matrix = square(rows, proxies)
    order = side_by_side(matrix)
    matrix, names = matrix[np.ix_(order, order)], [proxies[i] for i in order]
    few = len(names) <= NUMBERED
    figure = canvas(4.3)
    axis = figure.add_subplot()
    image = axis.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=10 if few else 8)
    axis.set_yticks(range(len(names)), names, fontsize=10 if few else 8)
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    if few:
        for (i, j), rho in np.ndenumerate(matrix):
            axis.text(
                j, i, short(rho), ha="center", va="center", fontsize=8, color="white" if abs(rho) > 0.6 else BLACK
            )
    else:
        figure.colorbar(image, location="top", shrink=0.6, label=f"Spearman's {RHO}")
    return to_svg(figure)
