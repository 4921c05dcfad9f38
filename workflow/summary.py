"""Print what the study found: the proxies' table, the architecture found, the report's path.

Seconds per architecture are read from Snakemake's benchmark files, and therefore those of the run
that scored them on this machine; `-` when the scores came from elsewhere.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from stages import artifacts
from stages import params as study_params
from stages.errors import InputError


def seconds_per_architecture(space: str, section: dict, proxy: str, seeds: int) -> str:
    """Wall seconds of the proxy's jobs (start included) per architecture and repetition."""
    total, size = section["sample"]["evaluate"], section["train_proxy"]["shard_size"]
    seconds = 0.0
    for first in range(0, total, size):
        path = Path("logs", space, "train_proxy", f"{proxy}-{first:06}-{min(first + size, total):06}.tsv")
        if not path.exists():
            return "-"
        with path.open() as file:
            seconds += float(next(csv.DictReader(file, delimiter="\t"))["s"])
    return f"{seconds / total / seeds:.2f}"


def table(space: str, section: dict, metrics: dict[str, dict]) -> str:
    """One line per proxy, best first."""
    lines = [f"{'proxy':<14}{'rho':>7}   {'95 % interval':<16}{'tau':>7}{'n':>6}{'s/architecture':>16}"]
    for proxy, found in sorted(metrics.items(), key=lambda item: -(item[1]["spearman_rho"] or -1)):
        seconds = seconds_per_architecture(space, section, proxy, found["seeds"])
        rho, low, high, tau = (
            "-" if found[name] is None else f"{found[name]:.3f}"
            for name in ("spearman_rho", "rho_low", "rho_high", "kendall_tau")
        )
        lines.append(f"{proxy:<14}{rho:>7}   {f'[{low}, {high}]':<16}{tau:>7}{found['architectures']:>6}{seconds:>16}")
    return "\n".join(lines)


def answer(best: dict, retrained: dict) -> str:
    """The architecture found, in words."""
    share = 100 * best["rank"] / best["benchmark_size"]
    return (
        f"found      {best['architecture']}\n"
        f"           rank {best['rank']} of {best['benchmark_size']} (top {share:.2f} %), "
        f"{best['accuracy_percent']:.2f} % ({best['target']}), regret {best['regret_percent']:.2f} %\n"
        f"retrained  {retrained['found']['test_accuracy_percent']:.2f} % test accuracy on "
        f"{retrained['dataset']} (a random architecture: {retrained['random']['test_accuracy_percent']:.2f} %)"
    )


def summary(space: str, section: dict) -> str:
    """The whole text for one space."""
    folder = Path("results", space)
    metrics = artifacts.read_json(folder / "metrics.json")
    best = artifacts.read_json(folder / "search" / "best.json")
    retrained = artifacts.read_json(folder / "retrain" / "metrics.json")
    return (
        f"\n{space}: how well each proxy ranks architectures ({section['target']})\n\n"
        f"{table(space, section, metrics)}\n\n{answer(best, retrained)}\n"
        f"report     {folder / 'report.html'}\n"
    )


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try:
        params = study_params.load()
        for space in params["base"]["spaces"]:
            print(summary(space, params[space]))
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
