"""How well scores rank: against the truth, and with every iteration of training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from gennas.targets import Target
from stages.report.figures.style import BLACK, RHO, Rows, Styles, canvas, styled, to_svg, with_unit
from stages.support.ground_truth import GroundTruth
from stages.support.scores import Scores

MANY = 1000  # dots in a panel: they are drawn as one picture, or a report of a whole space would take 10 MB
PANELS = 12  # of score against truth


def accuracy_axis(axis: Axes, accuracies: Sequence[float]) -> None:
    """Space the x axis by the logarithm of the error: the differences that matter are near the top."""
    ticks = [t for t in (10, 50, 80, 90, 94, 97, 99) if min(accuracies) <= t <= max(accuracies)]
    axis.set_xscale("function", functions=(lambda a: -np.log10(np.maximum(100 - a, 0.1)), lambda x: 100 - 10.0**-x))
    axis.set_xticks(ticks if len(ticks) > 1 else [min(accuracies), max(accuracies)])
    axis.xaxis.set_major_formatter("{x:.3g}")


def by_error(target: Target) -> bool:
    """Whether a target is drawn by the logarithm of what it lacks to 100 %."""
    return target.higher_is_better and (target.unit, target.high) == ("%", 100)


def truth_axis(axis: Axes, values: np.ndarray, target: Target) -> None:
    """Better is to the right: an accuracy by the logarithm of its error, what less is better of backwards."""
    if by_error(target):
        accuracy_axis(axis, list(values))
    elif not target.higher_is_better:
        axis.invert_xaxis()


def score_floor(scores: np.ndarray) -> float:
    """Where a score axis ends: three interquartile ranges under the lower quartile, or the minimum."""
    finite = scores[np.isfinite(scores)]
    if not finite.size:
        return 0.0
    lower, upper = np.quantile(finite, (0.25, 0.75))
    return float(max(finite.min(), lower - 3 * (upper - lower)))


def scatter_panel(axis: Axes, values: np.ndarray, scores: np.ndarray, colour: str, target: Target) -> None:
    """Dots; a score under the axis's floor, -inf of a diverged training included, is a cross there.

    An architecture whose own training failed has no place on the axis and is left out.
    """
    finite = np.isfinite(values)
    values, scores = values[finite], scores[finite]
    floor = score_floor(scores)
    low = scores < floor
    many = len(values) > MANY
    size, alpha = (1, 0.3) if many else (8, 0.6)
    axis.scatter(values[~low], scores[~low], s=size, color=colour, alpha=alpha, linewidths=0, rasterized=many)
    axis.scatter(values[low], np.full(low.sum(), floor), s=26, color=BLACK, marker="x", linewidths=1)
    axis.ticklabel_format(axis="y", scilimits=(-3, 4))
    truth_axis(axis, values, target)


@styled
def scatter(scores: Mapping[str, Scores], truth: GroundTruth, rhos: Mapping[str, float], styles: Styles) -> str:
    """Mean score against the target, a panel for each of the first `PANELS` proxies of `rhos`."""
    panels = {proxy: scores[proxy] for proxy in [*rhos][:PANELS]}
    lines = math.ceil(len(panels) / 2)
    figure = canvas(2.1 * lines)
    for place, (proxy, own) in enumerate(panels.items(), start=1):
        axis = figure.add_subplot(lines, 2, place)
        axis.set_title(f"{proxy}\n{RHO} = {rhos[proxy]:.2f}")
        values = np.array([truth.values[architecture] for architecture in own.architectures])
        scatter_panel(axis, values, own.mean, styles[proxy]["color"], truth.target)
    figure.supxlabel(with_unit(f"true {truth.target.quantity}", truth.target.unit), fontsize=10)
    figure.supylabel("score", fontsize=10)
    return to_svg(figure)


@styled
def convergence(rows: Rows, styles: Styles) -> str:
    """Rho against training iterations, one line per trained proxy (`CONVERGENCE`, one target)."""
    proxies = dict.fromkeys(row["proxy"] for row in rows)
    figure = canvas(2.9 + 0.09 * len(proxies))
    axis = figure.add_subplot(xlabel="training iterations", ylabel=f"Spearman's {RHO}")
    for proxy in proxies:
        own = [row for row in rows if row["proxy"] == proxy]
        iterations = [row["iteration"] for row in own]
        axis.plot(iterations, [row["spearman_rho"] for row in own], label=proxy, **styles[proxy])
    axis.set_ylim(top=1)
    figure.legend(loc="outside lower center", ncols=2)
    return to_svg(figure)
