"""The page's tables: what each proxy is and how well it ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gennas import catalogue
from stages.report import costs
from stages.support.ground_truth import GroundTruth
from stages.support.scorers import learns_labels, names, needs_protocol
from stages.support.scores import Scores

if TYPE_CHECKING:
    from stages.report.figures.style import Rows


def describe(section: Mapping[str, Any], name: str, iterations: int) -> dict[str, Any]:
    """What a proxy or an aggregate is: its group, how to say that in words, and whether it needs labels."""
    proxies = section["train_proxy"]["proxies"]
    if aggregate := section["aggregate"].get(name):
        members = [proxies[member] for member in aggregate["members"]]
        words = f"aggregate, {aggregate['kind'].replace('_', ' ')} of {len(members)}"
        labels = learns_labels(aggregate) or aggregate.get("labels", False) or any(map(needs_labels, members))
        return {"group": "aggregate", "kind": aggregate["kind"], "words": words, "labels": labels}
    proxy = proxies[name]
    trained = bool(catalogue.declaration("proxies", proxy["kind"]).get("trains"))
    group = "trained" if trained else "zero-cost" if needs_protocol(proxy["kind"]) else "baseline"
    kind = proxy["kind"].replace("_", " ") if trained else group
    amounts = [f"{proxy['seeds']} seeds"] * (proxy["seeds"] > 1) + [f"{iterations} iterations"] * (iterations > 0)
    words = ", ".join(filter(None, (kind, " \N{MULTIPLICATION SIGN} ".join(amounts))))
    return {"group": group, "kind": proxy["kind"], "words": words, "labels": needs_labels(proxy)}


def needs_labels(proxy: Mapping[str, Any]) -> bool:
    """Whether a proxy learns labelled images, or a task that the labelled architectures chose."""
    declared = catalogue.declaration("proxies", proxy["kind"])
    return bool(declared.get("labels")) or proxy.get("task") == "searched"


def headline(
    correlation: Rows, every: Mapping[str, Scores], timed: Rows, section: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The primary target's rows for the mean over seeds, best rho first, with what each proxy is and costs."""
    seconds = costs.per_architecture(section, timed)
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


def searches(trajectory: Rows, section: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each search in the order of params.yaml: what it is, what scored it, and where its runs ended."""
    last = {(row["search"], row["seed"]): row for row in trajectory}
    return [
        {
            "name": name,
            "kind": search["kind"].replace("_", " "),
            "by": ", ".join(names(search.get("by", []))),
            "seeds": len(own),
            "evaluations": max(row["evaluation"] for row in own),
            "queries": max(row["queries"] for row in own),
            "ranks": sorted(row["best_rank"] for row in own),
            "regret": float(np.mean([row["regret"] for row in own])),
        }
        for name, search in section["search_architecture"]["searches"].items()
        if (own := [row for (search_name, _), row in last.items() if search_name == name])
    ]


def finalists(finals: Rows, ground_truth: GroundTruth, count: int) -> list[dict[str, Any]]:
    """The `count` best finalists of each search by their mean score, and how good they really are."""
    scores: dict[tuple[str, str], list[float]] = {}
    for row in finals:
        scores.setdefault((row["search"], row["architecture"]), []).append(row["score"])
    found: dict[str, list[dict[str, Any]]] = {}
    for (search, architecture), own in scores.items():
        value, rank, regret = ground_truth.of(architecture)
        row = {"architecture": architecture, "score": float(np.mean(own)), "value": value, "rank": rank}
        found.setdefault(search, []).append({"search": search, **row, "regret": regret})
    best_first = (sorted(rows, key=lambda row: row["score"], reverse=True) for rows in found.values())
    return [row for rows in best_first for row in rows[:count]]
