"""What the page says of encodings."""

from __future__ import annotations

from typing import Any

from gennas.targets import Target
from stages.report import figures
from stages.report.figures.style import Rows

PREDICTION = "prediction "


def sections(measures: Rows, points: Rows, target: Target) -> list[dict[str, Any]]:
    """Of each encoding: its name, what was measured, how well it predicts, and its map."""
    names = dict.fromkeys(row["encoding"] for row in measures)
    return [section(name, of(name, measures), of(name, points), target) for name in names]


def of(name: str, rows: Rows) -> Rows:
    """The rows of one encoding."""
    return [row for row in rows if row["encoding"] == name]


def section(name: str, measures: Rows, points: Rows, target: Target) -> dict[str, Any]:
    """What is shown of one."""
    return {
        "name": name,
        "measured": [row for row in measures if not row["measure"].startswith(PREDICTION)],
        "predictions": predictions(measures),
        "map": figures.encoding_map(points, target),
    }


def predictions(measures: Rows) -> list[dict[str, Any]]:
    """A row per number of labels and predictor, with the measures by name."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for row in measures:
        if row["measure"].startswith(PREDICTION):
            own = found.setdefault((row["labels"], row["subject"]), dict(row))
            own[row["measure"].removeprefix(PREDICTION)] = row
    return list(found.values())
