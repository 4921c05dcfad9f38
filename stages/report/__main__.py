"""Tell the study's result in one HTML file: tables, figures, and the exact record of what was run.

The file refers to nothing outside itself, runs no script and holds no time of day: it is
byte-identical when its inputs are. The figures are also written one by one, as SVG.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gennas import spaces
from gennas.files.documents import read_json
from gennas.regression.genes import family
from gennas.seeds import derive_seed
from stages.report import costs, figures
from stages.report.figures.style import Rows
from stages.support import artifacts, scores
from stages.support import inputs as study
from stages.support.cli import json_argument, run, stage_parser
from stages.support.protocols import TRAINING, WITHOUT_PROTOCOL
from stages.support.scores import Scores

FIRST_IDS = 5  # architectures of each role that the record spells out
TABLES = (
    "benchmark", "images", "architectures", "scores", "aggregates", "costs", "correlation", "proxy_correlation",
    "convergence", "trials", "trajectory", "history",
)  # fmt: skip
DOCUMENTS = ("best_task", "best", "retrain_metrics")


def describe(section: Mapping[str, Any], name: str, iterations: int) -> dict[str, Any]:
    """What a proxy or an aggregate is: its group, how to say that in words, and whether it needs labels."""
    proxies = section["train_proxy"]["proxies"]
    if aggregate := section["aggregate"].get(name):
        members = [proxies[member] for member in aggregate["members"]]
        words = f"aggregate, {aggregate['kind'].replace('_', ' ')} of {len(members)}"
        labels = aggregate["kind"] == "fit" or aggregate.get("labels", False) or any(map(needs_labels, members))
        return {"group": "aggregate", "kind": aggregate["kind"], "words": words, "labels": labels}
    proxy = proxies[name]
    trained = proxy["kind"] in TRAINING
    group = "trained" if trained else "baseline" if proxy["kind"] in WITHOUT_PROTOCOL else "zero-cost"
    kind = proxy["kind"].replace("_", " ") if trained else group
    amounts = [f"{proxy['seeds']} seeds"] * (proxy["seeds"] > 1) + [f"{iterations} iterations"] * (iterations > 0)
    words = ", ".join(filter(None, (kind, " \N{MULTIPLICATION SIGN} ".join(amounts))))
    return {"group": group, "kind": proxy["kind"], "words": words, "labels": needs_labels(proxy)}


def needs_labels(proxy: Mapping[str, Any]) -> bool:
    """Whether a proxy learns labelled images, or a task that the labelled architectures chose."""
    return "dataset" in proxy or proxy.get("task") == "searched"


def headline(
    correlation: Rows, every: Mapping[str, Scores], seconds: Mapping[str, costs.Seconds], section: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The primary target's rows for the mean over seeds, best rho first, with what each proxy is and costs."""
    rows = [
        {**row, **describe(section, row["proxy"], every[row["proxy"]].iterations), "seconds": seconds[row["proxy"]]}
        for row in correlation
        if row["target"] == section["target"] and row["seeds"] == "mean"
    ]
    return sorted(rows, key=lambda row: np.nan_to_num(row["spearman_rho"], nan=-2), reverse=True)


def by_seed(correlation: Rows, target: str) -> list[Mapping[str, Any]]:
    """The primary target's rows seed by seed, of the proxies that have more than one."""
    rows = [row for row in correlation if row["target"] == target and row["seeds"] != "mean"]
    repeated = {row["proxy"] for row in rows if row["seeds"] == "1"}
    return [row for row in rows if row["proxy"] in repeated]


def further_targets(correlation: Rows, target: str) -> dict[str, dict[str, float]]:
    """Rho of the mean score on every other target: target -> proxy -> rho."""
    further: dict[str, dict[str, float]] = {}
    for row in correlation:
        if row["target"] != target and row["seeds"] == "mean":
            further.setdefault(row["target"], {})[row["proxy"]] = row["spearman_rho"]
    return further


def made_with(table: pa.Table, *keys: str) -> dict[str, str]:
    """The versions and the device that a table was computed with."""
    metadata = table.schema.metadata
    return {key: metadata.get(key.encode(), b"unknown").decode(errors="replace") for key in keys}


def read_rows(path: Path, schema: pa.Schema) -> Rows:
    """A table as a list of rows."""
    rows: Rows = artifacts.read_parquet(path, schema).to_pylist()
    return rows


def draw(args: argparse.Namespace, every: Mapping[str, Scores], table: Rows) -> dict[str, str]:
    """The figures as SVG, by name; `table` is the headline."""
    rhos = {row["proxy"]: row["spearman_rho"] for row in table}
    curves = read_rows(args.convergence, artifacts.CONVERGENCE)
    styles = figures.proxy_styles([*(row["proxy"] for row in curves), *every])
    tasks = {path.stem: study.read_task(path) for path in args.tasks}
    tasks["the searched task"] = study.read_task(args.best_task)
    truth = study.read_truth(args.benchmark, args.params["target"])
    pairs = read_rows(args.proxy_correlation, artifacts.PROXY_CORRELATION)
    return {
        "cost": figures.cost(table),
        "proxy_correlation": figures.proxy_correlation(pairs, [*rhos]),
        "scatter": figures.scatter(every, truth, rhos, styles),
        "convergence": figures.convergence(curves, styles),
        "signals": draw_signals(tasks, study.read_images(args.images), derive_seed(args.seed, "report")),
        "task_search": figures.task_search(read_rows(args.trials, artifacts.TRIALS)),
        "search": figures.search(read_rows(args.trajectory, artifacts.TRAJECTORY), truth.target.unit),
        "retrain": figures.retrain(read_rows(args.history, artifacts.HISTORY)),
    }


def draw_signals(tasks: Mapping[str, Any], images: np.ndarray, seed: int) -> str:
    """The figure of what networks are asked to regress, for images or for sequences."""
    if family(tasks["the searched task"]) == "sequences":
        return figures.sequence_signals(tasks, seed)
    return figures.signals(tasks, images, seed)


def diagram(space_name: str, architecture_id: str) -> str:
    """The picture of an architecture."""
    space = spaces.load(space_name)
    return figures.diagram(space.graph(spaces.parse(space, architecture_id)))


def checksums(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 by file name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


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


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--space", required=True, help="name of the search space")
    for name in (*TABLES, *DOCUMENTS):
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True, help="read")
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, help="the hand-made tasks' files")
    parser.add_argument("--params", type=json_argument, required=True, help="the space's section of params.yaml")
    parser.add_argument("--protocols", type=json_argument, required=True, help="that section of params.yaml")
    parser.add_argument("--seed", type=int, required=True, help="base seed")
    parser.add_argument("--html", type=Path, required=True, help="written: the report")
    parser.add_argument("--figures", type=Path, required=True, help="written: a folder of SVG files")
    return parser


def main(args: argparse.Namespace) -> None:
    target = args.params["target"]
    declaration = artifacts.target(artifacts.read_parquet(args.benchmark, artifacts.BENCHMARK), target, args.benchmark)
    scored = scores.read([args.scores, args.aggregates])
    every = scores.by_proxy(scored)
    correlation = read_rows(args.correlation, artifacts.CORRELATION)
    timed = artifacts.read_parquet(args.costs, artifacts.COSTS)
    seconds = costs.per_architecture(args.params, timed.to_pylist())
    table = headline(correlation, every, seconds, args.params)
    best = read_json(args.best, schema=artifacts.BEST)
    pictures = draw(args, every, table)
    html = render(
        space=args.space,
        target=target,
        unit=declaration.unit,
        quantity=declaration.quantity,
        higher_is_better=declaration.higher_is_better,
        by_error=figures.by_error(declaration),
        headline=table,
        repetitions=by_seed(correlation, target),
        further=further_targets(correlation, target),
        best=best,
        diagram=diagram(args.space, best["architecture"]),
        pictures=pictures,
        retrain=read_json(args.retrain_metrics, schema=artifacts.RETRAINED),
        params_yaml=yaml.safe_dump({"protocols": args.protocols, args.space: args.params}, sort_keys=False),
        protocol=args.protocols[args.params["train_proxy"]["protocol"]],
        best_task=args.best_task.read_text(encoding="utf-8"),
        made_with=made_with(scored, "python", "torch", "numpy", "device"),
        timed=timed.to_pylist()[0] | made_with(timed, "processor", "torch", "device"),
        panels=figures.PANELS,
        nasi="nasi" in args.params["search_architecture"],
        finals=args.params["search_architecture"]["finals"],
        labelled=study.read_sample(args.architectures, "label"),
        evaluated=study.read_sample(args.architectures, "evaluate")[: table[0]["architectures"]],
        first_ids=FIRST_IDS,
        seed=args.seed,
        checksums=checksums([getattr(args, name) for name in (*TABLES, *DOCUMENTS)] + args.tasks),
    )
    for name, svg in pictures.items():
        artifacts.write_text(svg, args.figures / f"{name}.svg")
    artifacts.write_text(html, args.html)


if __name__ == "__main__":
    run(arguments(), main)
