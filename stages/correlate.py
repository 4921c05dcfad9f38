"""Compare every proxy's scores with the true quality of the evaluated architectures.

Spearman's rho with a 95 % confidence interval, Kendall's tau, and the share of the true
top 5 % found in the predicted top 10 %: per proxy, per repetition and on the mean score, for every
target of the benchmark, over the architectures whose target is known. Quality is the target, or its
negative where less is better (`gennas.targets.Target`). Signs are kept: a proxy that ranks backwards
shows a negative rho. And rho between the mean scores of every two proxies, which says which of
them are redundant.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gennas.stats import agreement, spearman
from stages.support import artifacts, scores
from stages.support.command import logger, run
from stages.support.scores import Scores


def read_targets(benchmark: pa.Table, ids: list[str]) -> dict[str, np.ndarray]:
    """The quality (n,) of architectures by target, nan where it is not known; only targets that three have.

    A training that failed is known to be bad: its quality is minus infinity.
    """
    index = {a: i for i, a in enumerate(benchmark["architecture"].to_pylist())}
    rows = [index[a] for a in ids]
    quality = {
        name: target.quality(benchmark[name].to_numpy()[rows]) for name, target in artifacts.targets(benchmark).items()
    }
    return {target: values for target, values in quality.items() if (~np.isnan(values)).sum() > 2}


def correlations(every: Mapping[str, Scores], benchmark: pa.Table, seed: int) -> list[dict[str, Any]]:
    """The rows of `artifacts.CORRELATION`."""
    rows = []
    for proxy, own in every.items():
        repetitions = {str(i): row for i, row in enumerate(own.matrix)} | {"mean": own.mean}
        for target, quality in read_targets(benchmark, own.architectures).items():
            known = ~np.isnan(quality)
            for name, values in repetitions.items():
                found = agreement(values[known], quality[known], seed)
                rows.append(artifacts.row(artifacts.CORRELATION, proxy, target, name, *found))
    return rows


def proxy_correlations(every: Mapping[str, Scores]) -> list[dict[str, Any]]:
    """The rows of `artifacts.PROXY_CORRELATION`: pairs in the order of the scores."""
    return [
        artifacts.row(artifacts.PROXY_CORRELATION, one, other, float(spearman(x, y)), len(x))
        for (one, x), (other, y) in combinations([(proxy, own.mean) for proxy, own in every.items()], 2)
    ]


def convergence_rows(every: Mapping[str, Scores], benchmark: pa.Table, target: str) -> list[dict[str, Any]]:
    """Rho of the negated training loss after each iteration, averaged over seeds; none for baselines."""
    rows = []
    for proxy, own in every.items():
        if not (longest := own.iterations):
            continue
        padded = [curve + [np.inf] * (longest - len(curve)) for curve in own.losses]  # one that timed out has no curve
        losses = np.array(padded).reshape(*own.matrix.shape, longest)  # (seeds, n, iterations)
        losses = np.where(np.isfinite(losses), losses, np.inf)
        quality = read_targets(benchmark, own.architectures)[target][None, :, None]
        rhos = spearman(-losses, np.broadcast_to(quality, losses.shape), axis=1).mean(axis=0)
        rows += [
            artifacts.row(artifacts.CONVERGENCE, proxy, target, i, float(rho)) for i, rho in enumerate(rhos, start=1)
        ]
    return rows


def headline(rows: list[dict[str, Any]], target: str) -> dict[str, Any]:
    """metrics.json: per proxy, on the primary target and the mean over seeds; null where undefined."""
    columns = ("spearman_rho", "rho_low", "rho_high", "kendall_tau", "top_share", "architectures", "failed")
    primary = [row for row in rows if row["target"] == target]
    repetitions = Counter(row["proxy"] for row in primary if row["seeds"] != "mean")
    found = {}
    for row in (row for row in primary if row["seeds"] == "mean"):
        numbers = {name: round(row[name], 4) if math.isfinite(row[name]) else None for name in columns}
        found[row["proxy"]] = {"target": target, "seeds": repetitions[row["proxy"]], **numbers}
    return found


def write_curve(curve: list[dict[str, Any]], path: Path) -> None:
    """The convergence as CSV, which `dvc plots` draws."""
    lines = [f"{row['proxy']},{row['iteration']},{row['spearman_rho']:.4f}" for row in curve]
    artifacts.write_text("\n".join(["proxy,iteration,spearman_rho", *lines, ""]), path)


def correlate(
    score_tables: list[Path], benchmark: Path, correlation: Path, proxy_correlation: Path, convergence: Path,
    plot: Path, metrics: Path, target: str, seed: int,
) -> None:  # fmt: skip
    """Compare the scores of all proxies and aggregates with every target; `target` is the primary one."""
    every = scores.by_proxy(scores.read(score_tables))
    table = artifacts.read_parquet(benchmark, artifacts.BENCHMARK)
    artifacts.target(table, target, benchmark)
    rows = correlations(every, table, seed)
    curve = convergence_rows(every, table, target)
    for row in rows:
        logger.info("%(proxy)s %(target)s seeds %(seeds)s: rho %(spearman_rho).3f (n = %(architectures)d)", row)
    artifacts.write_rows(rows, artifacts.CORRELATION, correlation)
    artifacts.write_rows(proxy_correlations(every), artifacts.PROXY_CORRELATION, proxy_correlation)
    artifacts.write_rows(curve, artifacts.CONVERGENCE, convergence)
    write_curve(curve, plot)
    artifacts.write_json(headline(rows, target), metrics)


if __name__ == "__main__":
    run(correlate)
