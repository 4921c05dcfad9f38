"""What all figures look like.

They are 4.5 in wide with 10 pt text, so that a phone showing them 330 pixels wide still has legible
text. Same rows, same bytes: element ids come from a fixed salt, and text is drawn as outlines, so
that it looks the same wherever it is shown. Colours are those of Okabe and Ito (2008), which can be
distinguished with any colour vision.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]
Styles = Mapping[str, Mapping[str, Any]]

ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE, BLACK = (
    "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#000000",
)  # fmt: skip
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE, BLACK)
#: What was searched for and what was drawn at random, in every figure that compares the two.
SEARCHED: dict[str, Any] = {"color": BLUE, "linestyle": "-"}
RANDOM: dict[str, Any] = {"color": ORANGE, "linestyle": "--"}
RHO = "\N{GREEK SMALL LETTER RHO}"
WIDTH = 4.5  # inches

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


def with_unit(quantity: str, unit: str) -> str:
    """An axis's label."""
    return f"{quantity} ({unit})" if unit else quantity
