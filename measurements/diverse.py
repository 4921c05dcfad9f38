"""Tabulate what `make study STUDY=diverse` found, for docs/results.md: among living cells, and beside the noise.

341 cells of NAS-Bench-201 have an output that does not depend on their input. Each proxy knows them, so that they raise
every rho. And cells that are one network were trained one by one: how far these agree bounds what any proxy can reach.

Reads the study's run in runs/diverse.
"""

from __future__ import annotations

import argparse
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from gennas.spaces import nasbench201
from gennas.stats import spearman
from measurements.compare_searches import ranks
from measurements.subjects import DOCS, show
from stages.correlate import read_targets
from stages.report.fronts import last
from stages.report.summary import markdown_table
from stages.support import artifacts, scores

SPACE = "nasbench201"
RESULTS = DOCS.parent / "runs" / "diverse" / "results" / SPACE
#: What a reader calls them.
TARGETS = {
    "ninapro_accuracy_percent": "NinaPro",
    "darcy_relative_error": "Darcy",
    "cifar100_test_accuracy_percent": "CIFAR-100",
    "imagenet16_120_test_accuracy_percent": "ImageNet16-120",
}


@cache
def lives(architecture: str) -> bool:
    """Whether the output of a cell depends on its input."""
    return any(nasbench201.canonical(nasbench201.from_id(architecture)))


def ceiling(quality: np.ndarray, networks: Sequence[Hashable]) -> float:
    """The largest rho that a noiseless score can be expected to have with a noisy quality (n,).

    The square root of the reliability of its ranks: one less the variance among cells of one network, as a share.
    """
    ranks = rankdata(quality)
    groups: dict[Hashable, list[float]] = {}
    for network, rank in zip(networks, ranks, strict=True):
        groups.setdefault(network, []).append(float(rank))
    several = [np.array(group) for group in groups.values() if len(group) > 1]
    noise = sum(((group - group.mean()) ** 2).sum() for group in several) / sum(len(group) - 1 for group in several)
    return float(np.sqrt(1 - noise / ranks.var()))


def ceilings(benchmark: pa.Table, targets: Sequence[str]) -> list[str]:
    """Those of targets, over all living cells whose target is known."""
    living = [one for one in benchmark["architecture"].to_pylist() if lives(one)]
    networks = [nasbench201.canonical(nasbench201.from_id(one)) for one in living]
    qualities = read_targets(benchmark, living)
    return [f"{ceiling(qualities[target], networks):.3f}" for target in targets]


def rows(found: Mapping[str, scores.Scores], benchmark: pa.Table, targets: Sequence[str]) -> Iterator[list[str]]:
    """A row per proxy: rho with each target, of all cells and of the living ones."""
    for name, own in found.items():
        qualities = read_targets(benchmark, own.architectures)
        living = np.array([lives(one) for one in own.architectures])
        pairs = (
            (spearman(own.mean, qualities[one]), spearman(own.mean[living], qualities[one][living])) for one in targets
        )
        yield [name, *(f"{every:.2f} / {alive:.2f}" for every, alive in pairs)]


def table(folder: Path) -> str:
    """Rho of every proxy and aggregate, and the ceilings."""
    benchmark = artifacts.read_parquet(folder / "benchmark.parquet", artifacts.BENCHMARK)
    found = scores.by_proxy(scores.read([folder / "scores.parquet", folder / "aggregates.parquet"]))
    targets = [target for target in TARGETS if target in benchmark.column_names]
    last = ["*ceiling by noise*", *(f"- / {one}" for one in ceilings(benchmark, targets))]
    head = ("proxy or aggregate", *(TARGETS[target] for target in targets))
    return markdown_table(head, [*rows(found, benchmark, targets), last])


def searches(folder: Path) -> str:
    """How good the answers of a study's searches are, by their rank."""
    trajectory = artifacts.read_parquet(folder / "search" / "trajectory.parquet", artifacts.TRAJECTORY).to_pylist()
    lines = []
    for name in dict.fromkeys(row["search"] for row in trajectory):
        ends = last([row for row in trajectory if row["search"] == name])
        lines.append([name, TARGETS[ends[0]["target"]], str(len(ends)), *ranks(ends)])
    return markdown_table(("search", "judged by", "runs", "median rank", "ranks"), lines)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    show(DOCS / "results.md", "diverse nasbench201", table(RESULTS))
    show(DOCS / "results.md", "diverse searches", searches(RESULTS))


if __name__ == "__main__":
    main()
