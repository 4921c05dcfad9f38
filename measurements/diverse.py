"""Tabulate what the studies `diverse` and `diverse_inputs` found, for docs/results.md.

Among living cells, and beside the noise.

341 cells of NAS-Bench-201 have an output that does not depend on their input. Each proxy knows them, so that they raise
every rho. And cells that are one network were trained one by one: how far these agree bounds what any proxy can reach.

Reads the studies' runs in runs/diverse and runs/diverse_inputs.
"""

from __future__ import annotations

import argparse
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from gennas import spaces
from gennas.stats import spearman
from measurements.compare_searches import ranks
from measurements.subjects import DOCS, show
from stages.correlate import read_targets
from stages.report.fronts import last
from stages.report.summary import markdown_table
from stages.support import artifacts, scores

RUNS = DOCS.parent / "runs"
#: What a reader calls them.
TARGETS = {
    "ninapro_accuracy_percent": "NinaPro",
    "darcy_relative_error": "Darcy",
    "cifar100_test_accuracy_percent": "CIFAR-100",
    "imagenet16_120_test_accuracy_percent": "ImageNet16-120",
}


@cache
def network(space: str, architecture: str) -> tuple[int, ...]:
    """The cell of all that are the same network; zeros where the output does not depend on the input."""
    loaded = spaces.load(space)
    found: tuple[int, ...] = spaces.canonical(loaded)(loaded.from_id(architecture))
    return found


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


def ceilings(space: str, benchmark: pa.Table, targets: Sequence[str]) -> list[str]:
    """Those of targets, over all living cells whose target is known."""
    living = [one for one in benchmark["architecture"].to_pylist() if any(network(space, one))]
    networks = [network(space, one) for one in living]
    qualities = read_targets(benchmark, living)
    return [f"{ceiling(qualities[target], networks):.3f}" for target in targets]


def rows(
    space: str, found: Mapping[str, scores.Scores], benchmark: pa.Table, targets: Sequence[str]
) -> Iterator[list[str]]:
    """A row per proxy: rho with each target, of all cells and of the living ones."""
    for name, own in found.items():
        qualities = read_targets(benchmark, own.architectures)
        living = np.array([any(network(space, one)) for one in own.architectures])
        pairs = (
            (spearman(own.mean, qualities[one]), spearman(own.mean[living], qualities[one][living])) for one in targets
        )
        yield [name, *(f"{every:.2f} / {alive:.2f}" for every, alive in pairs)]


def folder_of(study: str, space: str) -> Path:
    """Where the results of a space are."""
    return RUNS / study / "results" / space


def table(study: str, space: str) -> str:
    """Rho of every proxy and aggregate, and the ceilings."""
    folder = folder_of(study, space)
    benchmark = artifacts.read_parquet(folder / "benchmark.parquet", artifacts.BENCHMARK)
    found = scores.by_proxy(scores.read([folder / "scores.parquet", folder / "aggregates.parquet"]))
    targets = [target for target in TARGETS if target in benchmark.column_names]
    last = ["*ceiling by noise*", *(f"- / {one}" for one in ceilings(space, benchmark, targets))]
    head = ("proxy or aggregate", *(TARGETS[target] for target in targets))
    return markdown_table(head, [*rows(space, found, benchmark, targets), last])


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
    show(DOCS / "results.md", "diverse nasbench201", table("diverse", "nasbench201"))
    show(DOCS / "results.md", "diverse searches", searches(folder_of("diverse", "nasbench201")))
    for space in ("nasbench201", "nasbench201_dense"):
        show(DOCS / "results.md", f"diverse_inputs {space}", table("diverse_inputs", space))


if __name__ == "__main__":
    main()
