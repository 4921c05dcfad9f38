"""The report's figures: pure functions from an artifact's rows to one SVG each.

They are 4.5 in wide with 10 pt text, so that a phone showing them 330 pixels wide still has legible
text. Same rows, same bytes: element ids come from a fixed salt, and text is drawn as outlines, so
that it looks the same wherever it is shown. Colours are those of Okabe and Ito (2008), which can be
told apart with any colour vision.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from stages import artifacts, costs
from stages.datasets import to_tensor
from stages.regression.signals import draw_basis, draw_sequences, draw_target
from stages.spaces import Vertex

Rows = Sequence[Mapping[str, Any]]
Styles = Mapping[str, Mapping[str, Any]]
Point = tuple[float, float]
Points = Mapping[str, Point]

ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE, BLACK = (
    "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#000000",
)  # fmt: skip
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE, BLACK)
#: What was searched for and what was drawn at random, in every figure that compares the two.
SEARCHED: dict[str, Any] = {"color": BLUE, "linestyle": "-"}
RANDOM: dict[str, Any] = {"color": ORANGE, "linestyle": "--"}
RHO = "\N{GREEK SMALL LETTER RHO}"
WIDTH = 4.5  # inches
MANY = 1000  # dots in a panel: they are drawn as one picture, or a report of a whole space would take 10 MB
PANELS = 12  # of score against truth
NUMBERED = 12  # proxies in a matrix with numbers
TILES = 6  # pictures per row of the figure of signals

styled = matplotlib.rc_context(
    {
        "font.size": 10,
        "axes.titlesize": 10,
        "legend.fontsize": 9.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#dddddd",
        "legend.frameon": False,
        "figure.constrained_layout.w_pad": 0.08,  # inches
        "svg.fonttype": "path",
        "svg.hashsalt": "gennas",
        "text.parse_math": False,  # a name is text, whatever it holds
    }
)


def proxy_styles(proxies: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A colour and a kind of line per proxy, in the order they first appear; the same in every figure."""
    styles = ({"color": colour, "linestyle": line} for line in ("-", "--", ":", "-.") for colour in PALETTE)
    return dict(zip(dict.fromkeys(proxies), itertools.cycle(styles)))


def canvas(height: float) -> Figure:
    """An empty figure, `height` inches high."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def to_svg(figure: Figure) -> str:
    """The figure as SVG, without a date or a program's name."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=300)
    return buffer.getvalue()


# --- score against truth ----------------------------------------------------------------------


def accuracy_axis(axis: Axes, accuracies: Sequence[float]) -> None:
    """Space the x axis by the logarithm of the error: the differences that matter are near the top."""
    ticks = [t for t in (10, 50, 80, 90, 94, 97, 99) if min(accuracies) <= t <= max(accuracies)]
    axis.set_xscale("function", functions=(lambda a: -np.log10(np.maximum(100 - a, 0.1)), lambda x: 100 - 10.0**-x))
    axis.set_xticks(ticks if len(ticks) > 1 else [min(accuracies), max(accuracies)])
    axis.xaxis.set_major_formatter("{x:.3g}")


def truth_axis(axis: Axes, values: np.ndarray, target: str) -> None:
    """Better is to the right: an accuracy by the logarithm of its error, a log-perplexity backwards."""
    if artifacts.orientation(target) > 0:
        accuracy_axis(axis, list(values))
    else:
        axis.invert_xaxis()


def truth_label(target: str) -> str:
    """What the x axis shows."""
    return f"true {artifacts.quantity(target)} ({artifacts.unit(target)})"


def score_floor(scores: np.ndarray) -> float:
    """Where a score axis ends: three interquartile ranges under the lower quartile, or the minimum."""
    finite = scores[np.isfinite(scores)]
    if not finite.size:
        return 0.0
    lower, upper = np.quantile(finite, (0.25, 0.75))
    return float(max(finite.min(), lower - 3 * (upper - lower)))


def mean_scores(scores: Rows) -> dict[str, dict[str, float]]:
    """Score averaged over seeds, proxy -> architecture -> score; -inf where a seed diverged."""
    every: dict[str, dict[str, list[float]]] = {}
    for row in scores:
        every.setdefault(row["proxy"], {}).setdefault(row["architecture"], []).append(row["score"])
    return {proxy: {a: float(np.mean(v)) for a, v in own.items()} for proxy, own in every.items()}


def scatter_panel(axis: Axes, values: np.ndarray, scores: np.ndarray, colour: str, target: str) -> None:
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
def scatter(scores: Rows, truth: Mapping[str, float], target: str, rhos: Mapping[str, float], styles: Styles) -> str:
    """Mean score against the target (`SCORES`), a panel for each of the first `PANELS` proxies of `rhos`."""
    means = mean_scores(scores)
    panels = {proxy: means[proxy] for proxy in [*rhos][:PANELS]}
    lines = math.ceil(len(panels) / 2)
    figure = canvas(2.1 * lines)
    for place, (proxy, own) in enumerate(panels.items(), start=1):
        axis = figure.add_subplot(lines, 2, place)
        axis.set_title(f"{proxy}\n{RHO} = {rhos[proxy]:.2f}")
        scatter_panel(
            axis, np.array([truth[a] for a in own]), np.array([*own.values()]), styles[proxy]["color"], target
        )
    figure.supxlabel(truth_label(target), fontsize=10)
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


# --- what a proxy costs, and which proxies agree ----------------------------------------------

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
    """Write each point's name beside it, as near as leaves it clear of dots, lines and names."""
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
    best = costs.front({row["proxy"]: points[row["proxy"]] for row in shown if not row["labels"]})
    figure = canvas(4.4)
    axis = figure.add_subplot(xlabel="seconds per architecture", ylabel=f"Spearman's {RHO}", xscale="log")
    axis.margins(x=0.12)
    draw_dots(axis, shown)
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


# --- the signals ------------------------------------------------------------------------------


def mosaic(tiles: np.ndarray) -> np.ndarray:
    """Set tiles (R, N, S, S[, 3]) side by side, a row per R, with white gaps one pixel wide."""
    gaps = [(0, 0), (0, 0), (0, 1), (0, 1), *[(0, 0)] * (tiles.ndim - 4)]
    padded = np.pad(tiles.astype(float), gaps, constant_values=np.nan)
    rows, columns, side = padded.shape[:3]
    return padded.swapaxes(1, 2).reshape(rows * side, columns * side, *padded.shape[4:])


def show_tiles(axis: Axes, labels: Sequence[str], tiles: np.ndarray) -> None:
    """Draw labelled rows of tiles; signals (values in [-1, 1]) from blue over white to red."""
    side = tiles.shape[2] + 1
    axis.imshow(mosaic(tiles), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    axis.set_yticks([side * row + side / 2 - 1 for row in range(len(labels))], labels)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)


def tiles(signal: torch.Tensor) -> np.ndarray:
    """A sample of a signal (B, C, 8, 8): tile i is channel i of image i, (TILES, 8, 8) in [-1, 1]."""
    channel = torch.arange(TILES)
    drawn = signal[channel % len(signal), channel].numpy()
    scaled: np.ndarray = drawn / max(np.abs(drawn).max(), 1e-9)  # a stage may have no signal at all
    return scaled


def draw_signals(tasks: Mapping[str, Any], images: torch.Tensor, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Tiles of each basis, as the first task that has it uses it, and of each task's targets, with titles."""
    generator = torch.Generator().manual_seed(seed)
    bases: dict[str, Any] = {}
    for signal in (s for task in tasks.values() for stage in task["signals"].values() for s in stage):
        bases.setdefault(signal["basis"], signal)
    groups = {
        "the bases": {name: tiles(draw_basis(signal, images, TILES, generator)) for name, signal in bases.items()}
    }
    for name, task in tasks.items():
        groups[f"targets of {name}"] = {
            stage.replace("_", " "): tiles(draw_target(parts, images, TILES, generator))
            for stage, parts in task["signals"].items()
        }
    return groups


@styled
def signals(tasks: Mapping[str, Any], images: np.ndarray, seed: int) -> str:
    """The first inputs (N, H, W, 3), uint8, and what networks are asked to make of them.

    Each row is scaled to its own largest magnitude.
    """
    groups = draw_signals(tasks, to_tensor(images), seed)
    heights = [1, *(len(group) for group in groups.values())]
    figure = canvas(0.54 * sum(heights) + 0.25 * len(heights))
    axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    axes[0].set_title("the inputs")
    show_tiles(axes[0], ["crops"], images[None, :TILES] / 255)
    for axis, (title, group) in zip(axes[1:], groups.items(), strict=True):
        axis.set_title(title)
        show_tiles(axis, list(group), np.stack([*group.values()]))
    return to_svg(figure)


@styled
def sequence_signals(tasks: Mapping[str, Any], seed: int) -> str:
    """One sample of each task's input and target sequence, time downwards, scaled to its largest magnitude."""
    generator = torch.Generator().manual_seed(seed)
    figure = canvas(0.9 * 2 * len(tasks))
    axes = iter(figure.subplots(2 * len(tasks), 1))
    for name, task in tasks.items():
        for end, parts in task["signals"].items():
            drawn = draw_sequences(parts, 1, task["dimension"], generator)[:, 0].numpy()  # (T, D)
            axis = next(axes)
            axis.set_title(f"{end} of {name}")
            axis.imshow(drawn / max(np.abs(drawn).max(), 1e-9), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.grid(False)
    return to_svg(figure)


# --- the searches and the retraining ----------------------------------------------------------


@styled
def task_search(trials: Rows) -> str:
    """Each task's fitness in the order of evaluation, and the best so far (`TRIALS`)."""
    figure = canvas(3.2)
    axis = figure.add_subplot(xlabel="tasks evaluated", ylabel=f"fitness ({RHO})")
    for generation, marker, style in (("initial", "o", RANDOM), ("child", "^", SEARCHED)):
        own = [row for row in trials if row["generation"] == generation]
        axis.scatter(
            [row["trial"] + 1 for row in own],
            [row["fitness"] for row in own],
            s=16, marker=marker, color=style["color"], label=f"{generation} task",
        )  # fmt: skip
    order, best = [row["trial"] + 1 for row in trials], [row["best_fitness"] for row in trials]
    axis.step(order, best, where="post", color=BLACK, label="best so far")
    figure.legend(loc="outside lower center", ncols=3)
    return to_svg(figure)


def regrets(trajectory: Rows, algorithm: str) -> np.ndarray:
    """Regret by seed and evaluation, (seeds, evaluations)."""
    by_seed: dict[int, list[float]] = {}
    for row in trajectory:
        if row["algorithm"] == algorithm:
            by_seed.setdefault(row["seed"], []).append(row["regret"])
    return np.array(list(by_seed.values()))


@styled
def search(trajectory: Rows, target: str) -> str:
    """Regret against evaluations: each algorithm's mean over seeds, and their range (`TRAJECTORY`)."""
    figure = canvas(3.2)
    axis = figure.add_subplot(xlabel="architectures scored", ylabel=f"regret ({artifacts.unit(target)})")
    for algorithm, style in (("ageing_evolution", SEARCHED), ("random_search", RANDOM)):
        regret = regrets(trajectory, algorithm)
        evaluations = np.arange(1, regret.shape[1] + 1)
        axis.plot(evaluations, regret.mean(0), label=algorithm.replace("_", " "), **style)
        axis.fill_between(evaluations, regret.min(0), regret.max(0), color=style["color"], alpha=0.2, linewidth=0)
    axis.set_yscale("symlog", linthresh=0.1)  # logarithmic, but with a zero: the optimum
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=2)
    return to_svg(figure)


@styled
def retrain(history: Rows) -> str:
    """The validation score after each epoch, the found architecture against a random one (`HISTORY`)."""
    figure = canvas(3.0)
    score = history[0]["metric"].replace("accuracy_percent", "accuracy (%)")
    axis = figure.add_subplot(xlabel="epoch", ylabel=f"validation {score}")
    for role, style in (("found", SEARCHED), ("random", RANDOM)):
        own = [row for row in history if row["role"] == role]
        epochs = [row["epoch"] for row in own]
        axis.plot(epochs, [row["validation_score"] for row in own], label=role, **style)
    figure.legend(loc="outside lower center", ncols=2)
    return to_svg(figure)


# --- the architecture -------------------------------------------------------------------------

ROW = 0.26  # inches per vertex
BOW = 0.9  # of an arc, in rows; it grows with the logarithm of the arc's length


def draw_graph(axis: Axes, vertices: Sequence[Vertex], bow: float) -> None:
    """Vertices from top to bottom, numbered, each with an arc from what it reads, as far out as it is long."""
    t = np.linspace(-1, 1, 60)
    for target, vertex in enumerate(vertices):
        for source in vertex.sources:
            reach = target - source
            across = -BOW * math.log(reach) * (1 - t**2)
            colour = PALETTE[target % (len(PALETTE) - 1)]  # one per reader; black is the vertices' own
            axis.plot(across, source + reach * (t + 1) / 2, color=colour, linewidth=1.3, zorder=1)
        axis.annotate(str(target), (0, target), ha="center", va="center", fontsize=8, zorder=3)
        axis.annotate(vertex.label, (0.8, target), va="center", fontsize=8)
    axis.scatter([0] * len(vertices), range(len(vertices)), s=130, color="white", edgecolors=BLACK, zorder=2)
    axis.set_xlim(-bow - 0.5, WIDTH / ROW - bow - 0.5)  # as many units as the height has per inch
    axis.set_ylim(len(vertices) - 0.4, -0.6)
    axis.set_axis_off()


@styled
def diagram(graphs: Mapping[str, Sequence[Vertex]]) -> str:
    """The graphs of an architecture, one under the other (`Space.diagram`)."""
    reaches = [i - source for rows in graphs.values() for i, row in enumerate(rows) for source in row.sources]
    bow = BOW * math.log(max(reaches, default=1))
    heights = [len(vertices) for vertices in graphs.values()]
    figure = canvas(ROW * sum(heights) + 0.35 * len(graphs))
    axes = figure.subplots(len(graphs), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axis, (title, vertices) in zip(axes, graphs.items(), strict=True):
        axis.set_title(title, loc="left")
        draw_graph(axis, vertices, bow)
    return to_svg(figure)
