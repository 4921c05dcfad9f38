"""Where encodings put architectures."""

from __future__ import annotations

import numpy as np

from gennas.targets import Target
from stages.report.figures.style import Rows, canvas, styled, to_svg


@styled
def encoding_map(points: Rows, target: Target) -> str:
    """The architectures of one encoding in two dimensions (`POINTS`), by how many are worse."""
    quality = np.array([target.quality(row["value"]) for row in points])
    worse = np.searchsorted(np.sort(quality), quality) / len(quality)
    figure = canvas(3.6)
    axis = figure.add_subplot(xlabel="first principal component", ylabel="second")
    x, y = ([row[name] for row in points] for name in ("x", "y"))
    dots = axis.scatter(x, y, c=100 * worse, s=4, cmap="viridis", vmin=0, vmax=100, linewidths=0, rasterized=True)
    figure.colorbar(dots, ax=axis, label="worse architectures (%)")
    return to_svg(figure)
