"""Put the study's result on one HTML page: tables, figures, and the exact record of what was run.

The page refers to nothing outside itself, runs no script and holds no time of day: it is
byte-identical when its inputs are. The figures are also written one by one, as SVG.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gennas import spaces
from gennas.files.documents import read_json
from gennas.regression.genes import load_task
from gennas.seeds import derive_seed
from stages.report import costs, encodings, figures, progress, tables
from stages.report import fronts as of_fronts
from stages.report.figures.style import Rows
from stages.support import artifacts, scores
from stages.support.command import run
from stages.support.ground_truth import GroundTruth
from stages.support.inputs import read_ground_truth, read_images, read_sample

FIRST_IDS = 5  # architectures of each role that the record spells out
FINALISTS = 5  # of each search that the page shows


@dataclass(frozen=True)
class Found:
    """What the figures draw, and the tables tell."""

    scored: pa.Table
    scores: dict[str, scores.Scores]
    timed: pa.Table
    correlation: Rows
    proxy_correlation: Rows
    convergence: Rows
    trials: Rows
    measures: Rows
    points: Rows
    trajectory: Rows
    fronts: Rows
    front_members: Rows
    finals: Rows
    history: Rows
    tasks: dict[str, Any]
    images: np.ndarray
    ground_truth: GroundTruth
    truths: dict[str, GroundTruth]  # of each column that judges or reports searches


def read_rows(path: Path, schema: pa.Schema) -> Rows:
    """A table as a list of rows."""
    rows: Rows = artifacts.read_parquet(path, schema).to_pylist()
    return rows


def made_with(table: pa.Table, *keys: str) -> dict[str, str]:
    """The versions and the device that a table was computed with."""
    metadata = table.schema.metadata
    return {key: metadata.get(key.encode(), b"unknown").decode(errors="replace") for key in keys}


def draw(found: Found, headline: Rows, seed: int) -> dict[str, str]:
    """The figures as SVG, by name."""
    rhos = {row["proxy"]: row["spearman_rho"] for row in headline}
    styles = figures.proxy_styles([*(row["proxy"] for row in found.convergence), *found.scores])
    return {
        "cost": figures.cost(headline),
        "proxy_correlation": figures.proxy_correlation(found.proxy_correlation, [*rhos]),
        "scatter": figures.scatter(found.scores, found.ground_truth, rhos, styles),
        "convergence": figures.convergence(found.convergence, styles),
        "signals": figures.signals(found.tasks, found.images, derive_seed(seed, "report")),
        "task_search": figures.task_search(found.trials),
        "search": figures.search(found.trajectory, found.truths),
        "retrain": figures.retrain(found.history),
    }


def diagram(space_name: str, architecture_id: str) -> str:
    """The picture of an architecture."""
    space = spaces.load(space_name)
    return figures.diagram(space.graph(spaces.parse(space, architecture_id)))


def checksums(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 by file name, with its folder's."""
    return {"/".join(path.parts[-2:]): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def decimals(number: float | None, places: int) -> str:
    """A number as a reader expects it; a dash for one that is not defined."""
    if number is None or not math.isfinite(number):
        return "-"
    return f"{number:.{places}f}".replace("-", "\N{MINUS SIGN}")


def render(**values: Any) -> str:
    """Fill in `page.html.jinja`, escaping every value."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "decimals": decimals,
        "seconds": costs.text,
        "data_uri": lambda svg: "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode(),
    }
    return environment.get_template("page.html.jinja").render(values)


def report(
    benchmark: Path, images: Path, architectures: Path, score_tables: list[Path], costs_table: Path,
    correlation: Path, proxy_correlation: Path, convergence: Path, trials: Path, best_task: Path, tasks: list[Path],
    measures: Path, points: Path, trajectory: Path, fronts: Path, front_members: Path, finals: Path, best: Path,
    history: Path, retrained: Path,
    html: Path, pictures: list[Path], space: str, section: dict[str, Any], protocols: dict[str, Any], seed: int,
) -> None:  # fmt: skip
    """Draw the figures, `pictures` by their names, and the page; `section` is the space's of params.yaml."""
    scored = scores.read(score_tables)
    steps = read_rows(trajectory, artifacts.TRAJECTORY)
    every_task = {path.stem: load_task(path) for path in tasks} | {"the searched task": load_task(best_task)}
    found = Found(
        scored,
        scores.by_proxy(scored),
        artifacts.read_parquet(costs_table, artifacts.COSTS),
        read_rows(correlation, artifacts.CORRELATION),
        read_rows(proxy_correlation, artifacts.PROXY_CORRELATION),
        read_rows(convergence, artifacts.CONVERGENCE),
        read_rows(trials, artifacts.TRIALS),
        read_rows(measures, artifacts.MEASURES),
        read_rows(points, artifacts.POINTS),
        steps,
        read_rows(fronts, artifacts.FRONTS),
        read_rows(front_members, artifacts.FRONT_MEMBERS),
        read_rows(finals, artifacts.FINALS),
        read_rows(history, artifacts.HISTORY),
        every_task,
        read_images(images),
        read_ground_truth(benchmark, section["target"]),
        progress.read_truths(benchmark, steps),
    )
    headline = tables.headline(found.correlation, found.scores, found.timed.to_pylist(), section)
    drawn = draw(found, headline, seed)
    answer = read_json(best, schema=artifacts.BEST)
    read = [
        benchmark, images, architectures, *score_tables, costs_table, correlation, proxy_correlation, convergence,
        trials, measures, points, trajectory, fronts, front_members, finals, history, best_task, best, retrained,
        *tasks,
    ]  # fmt: skip
    page = render(
        **page_values(found, headline, section, protocols),
        family=spaces.load(space).FAMILY,
        space=space,
        best=answer,
        diagram=diagram(space, answer["architecture"]),
        pictures=drawn,
        retrain=read_json(retrained, schema=artifacts.RETRAINED),
        params_yaml=yaml.safe_dump({"protocols": protocols, space: section}, sort_keys=False),
        best_task=best_task.read_text(encoding="utf-8"),
        labelled=read_sample(architectures, "label"),
        evaluated=read_sample(architectures, "evaluate")[: headline[0]["architectures"]],
        seed=seed,
        checksums=checksums(read),
    )
    for path in pictures:
        artifacts.write_text(drawn[path.stem], path)
    artifacts.write_text(page, html)


def page_values(found: Found, headline: Rows, section: dict[str, Any], protocols: dict[str, Any]) -> dict[str, Any]:
    """What the page says of proxies and searches."""
    target = found.ground_truth.target
    return {
        "target": section["target"],
        "unit": target.unit,
        "quantity": target.quantity,
        "higher_is_better": target.higher_is_better,
        "by_error": figures.by_error(target),
        "headline": headline,
        "repetitions": tables.by_seed(found.correlation, section["target"]),
        "further": tables.further_targets(found.correlation, section["target"]),
        "protocol": protocols[section["train_proxy"]["protocol"]],
        "made_with": made_with(found.scored, "python", "torch", "numpy", "device"),
        "timed": found.timed.to_pylist()[0] | made_with(found.timed, "processor", "torch", "device"),
        "panels": figures.PANELS,
        "encodings": encodings.sections(found.measures, found.points, target),
        "fronts": of_fronts.sections(found.fronts, found.front_members),
        "searches": tables.searches(found.trajectory, section),
        "progress": progress.table(progress.of_searches(found.trajectory, found.truths)),
        "finals": section["finals"],
        "finalists": tables.finalists(found.finals, found.ground_truth, FINALISTS),
        "first_ids": FIRST_IDS,
    }


if __name__ == "__main__":
    run(report)
