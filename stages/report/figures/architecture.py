"""The picture of an architecture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from gennas.spaces import Vertex
from stages.report.figures.style import BLACK, PALETTE, WIDTH, canvas, styled, to_svg

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


def without_none(vertices: Sequence[Vertex]) -> list[Vertex]:
    """The graph without its vertices of the operation `none`, which give zeros."""
    kept = [position for position, vertex in enumerate(vertices) if vertex.label != "none"]
    number = {position: place for place, position in enumerate(kept)}
    return [
        Vertex(vertices[position].label, tuple(number[s] for s in vertices[position].sources if s in number))
        for position in kept
    ]


@styled
def diagram(graphs: Mapping[str, Sequence[Vertex]]) -> str:
    """The graphs of an architecture (`Space.graph`), one under the other."""
    graphs = {title: without_none(vertices) for title, vertices in graphs.items()}
    reaches = [i - source for rows in graphs.values() for i, row in enumerate(rows) for source in row.sources]
    bow = BOW * math.log(max(reaches, default=1))
    heights = [len(vertices) for vertices in graphs.values()]
    figure = canvas(ROW * sum(heights) + 0.35 * len(graphs))
    axes = figure.subplots(len(graphs), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axis, (title, vertices) in zip(axes, graphs.items(), strict=True):
        axis.set_title(title, loc="left")
        draw_graph(axis, vertices, bow)
    return to_svg(figure)
