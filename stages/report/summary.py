"""Print what the study found: the proxies' table, the architecture found, the report's path.

With `--markdown`, tables of all spaces and targets instead. Seconds per architecture are those of all of
a proxy's repetitions, and of all of an aggregate's members, as the stage time_proxies measured them.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gennas.errors import InputError
from gennas.files.documents import read_json
from stages.report import costs, progress, tables
from stages.support import artifacts
from stages.support import params as study_params

Sections = dict[str, dict[str, Any]]
#: What retraining measures, in words, and its unit.
METRICS = {
    "accuracy_percent": ("accuracy", " %"),
    "perplexity": ("perplexity", ""),
    "masked_perplexity": ("perplexity of hidden words", ""),
}


def read_study(folder: Path) -> Sections:
    """The spaces of a study and their parameters."""
    params = study_params.load(folder / "params.yaml")
    return {space: params[space] for space in params["base"]["spaces"]}


def read_costs(folder: Path, space: str, section: dict[str, Any]) -> dict[str, str]:
    """Seconds per architecture, all repetitions together, by proxy and aggregate."""
    rows = artifacts.read_parquet(folder / "results" / space / "costs.parquet", artifacts.COSTS).to_pylist()
    return {name: costs.text(seconds.median) for name, seconds in costs.per_architecture(section, rows).items()}


def number(value: float | None, places: int = 3) -> str:
    """A number for a table; - where it is undefined."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{places}f}"


def best_first(rho: float | None) -> float:
    """A sort key: the best rho first, an undefined one last."""
    return math.inf if rho is None or math.isnan(rho) else -rho


def table(seconds: dict[str, str], metrics: dict[str, dict[str, Any]]) -> str:
    """One line per proxy, best first."""
    lines = [f"{'proxy':<14}{'rho':>7}   {'95 % interval':<16}{'tau':>7}{'n':>6}{'s/architecture':>16}"]
    for proxy, found in sorted(metrics.items(), key=lambda item: best_first(item[1]["spearman_rho"])):
        rho, low, high, tau = (number(found[name]) for name in ("spearman_rho", "rho_low", "rho_high", "kendall_tau"))
        row = f"{rho:>7}   {f'[{low}, {high}]':<16}{tau:>7}{found['architectures']:>6}{seconds[proxy]:>16}"
        lines.append(f"{proxy:<14}{row}")
    return "\n".join(lines)


def retrained_text(retrained: dict[str, Any]) -> str:
    """What the real training reached, in words."""
    metric = retrained["metric"]
    name, unit = METRICS[metric]
    found, other = (f"{number(retrained[role][f'test_{metric}'], 2)}{unit}" for role in ("found", "random"))
    return f"{found} test {name} on {retrained['dataset']} (a random architecture: {other})"


def answer(best: dict[str, Any], retrained: dict[str, Any]) -> str:
    """The architecture found, in words."""
    share, unit = 100 * best["rank"] / best["benchmark_size"], best["unit"]
    return (
        f"found      {best['architecture']}\n"
        f"           rank {best['rank']} of {best['benchmark_size']} (top {share:.2f} %), "
        f"{number(best['value'], 2)} {unit} ({best['target']}), regret {number(best['regret'], 2)} {unit}\n"
        f"retrained  {retrained_text(retrained)}"
    )


def searches_table(rows: Iterable[Mapping[str, Any]], unit: str) -> str:
    """One line per search: what scored it, and where its runs ended, before the finals."""
    head = f"{'search':<14}{'scored by':<16}{'evaluated':>12}{'queries':>9}   regret{f' ({unit})' if unit else ''}"
    lines = [
        f"{row['name']:<14}{row['by'] or '-':<16}{_times(row['evaluations'], row['seeds']):>12}{row['queries']:>9}"
        f"   {number(row['regret'], 2)}"
        for row in rows
    ]
    return "\n".join([head, *lines])


def _times(evaluations: int, seeds: int) -> str:
    """So many evaluations in each of so many runs."""
    return f"{evaluations} x {seeds}" if seeds > 1 else str(evaluations)


def searches(folder: Path, space: str, section: dict[str, Any]) -> list[dict[str, Any]]:
    """What each search is and where its runs ended."""
    path = folder / "results" / space / "search" / "trajectory.parquet"
    return tables.searches(artifacts.read_parquet(path, artifacts.TRAJECTORY).to_pylist(), section)


def summary(folder: Path, space: str, section: dict[str, Any]) -> str:
    """The whole text for one space."""
    results = folder / "results" / space
    metrics = read_json(results / "metrics.json")
    best = read_json(results / "search" / "best.json", schema=artifacts.BEST)
    retrained = read_json(results / "retrain" / "metrics.json", schema=artifacts.RETRAINED)
    return (
        f"\n{space}: how well each proxy ranks architectures ({section['target']})\n\n"
        f"{table(read_costs(folder, space, section), metrics)}\n\n"
        f"{searches_table(searches(folder, space, section), best['unit'])}\n\n{answer(best, retrained)}\n"
        f"report     {results / 'report.html'}\n"
    )


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(head), ["---"] * len(list(head)), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def correlation_rows(folder: Path, space: str, section: dict[str, Any]) -> Iterable[list[str]]:
    """One row per target and proxy: the mean over seeds, best first within a target."""
    path = folder / "results" / space / "correlation.parquet"
    rows = artifacts.read_parquet(path, artifacts.CORRELATION).to_pylist()
    targets = list(dict.fromkeys([section["target"], *(row["target"] for row in rows)]))
    mean = [row for row in rows if row["seeds"] == "mean"]
    seconds, proxies = read_costs(folder, space, section), section["train_proxy"]["proxies"]
    for row in sorted(mean, key=lambda row: (targets.index(row["target"]), best_first(row["spearman_rho"]))):
        proxy = row["proxy"]
        seeds = str(proxies[proxy]["seeds"]) if proxy in proxies else "-"  # an aggregate has none of its own
        rho = f"{number(row['spearman_rho'])} [{number(row['rho_low'], 2)}, {number(row['rho_high'], 2)}]"
        share = f"{100 * row['top_share']:.0f} %"
        target = row["target"].replace("_", " ")
        yield [
            space,
            target,
            proxy,
            rho,
            number(row["kendall_tau"], 2),
            share,
            str(row["architectures"]),
            seeds,
            seconds[proxy],
        ]


def search_rows(folder: Path, space: str, section: dict[str, Any]) -> Iterable[list[str]]:
    """One row per search."""
    for row in searches(folder, space, section):
        evaluated = _times(row["evaluations"], row["seeds"])
        ranks = ", ".join(map(str, row["ranks"]))
        yield [space, row["name"], row["by"] or "-", evaluated, str(row["queries"]), number(row["regret"], 2), ranks]


def progress_table(folder: Path, space: str) -> tuple[list[str], list[list[str]]]:
    """How fast the searches got where."""
    results = folder / "results" / space
    trajectory = artifacts.read_parquet(results / "search" / "trajectory.parquet", artifacts.TRAJECTORY).to_pylist()
    truths = progress.read_truths(results / "benchmark.parquet", trajectory)
    return progress.table(progress.of_searches(trajectory, truths))


def answer_row(folder: Path, space: str) -> list[str]:
    """What the search found."""
    best = read_json(folder / "results" / space / "search" / "best.json", schema=artifacts.BEST)
    retrained = read_json(folder / "results" / space / "retrain" / "metrics.json", schema=artifacts.RETRAINED)
    unit = best["unit"]
    rank = f"{best['rank']} of {best['benchmark_size']} (top {100 * best['rank'] / best['benchmark_size']:.2g} %)"
    value, regret = f"{number(best['value'], 2)} {unit}", f"{number(best['regret'], 2)} {unit}"
    return [space, rank, value, regret, str(best["evaluations"]), retrained_text(retrained)]


def markdown(folder: Path, sections: Sections) -> str:
    """The tables of a study: how well each proxy ranks, and what each search found."""
    columns = ("space", "target", "proxy", "rho [95 % interval]", "tau", "top share", "n", "seeds", "s/architecture")
    ranked = [row for space, section in sections.items() for row in correlation_rows(folder, space, section)]
    searched = [row for space, section in sections.items() for row in search_rows(folder, space, section)]
    found = [answer_row(folder, space) for space in sections]
    return (
        markdown_table(columns, ranked)
        + "\n"
        + markdown_table(("space", "search", "scored by", "evaluated", "queries", "regret", "ranks"), searched)
        + "\n"
        + "\n".join(markdown_table(*progress_table(folder, space)) for space in sections)
        + "\n"
        + markdown_table(("space", "found", "its value", "regret", "evaluations", "retrained"), found)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", action="store_true", help="tables of all spaces and targets")
    args = parser.parse_args()
    folder = Path()
    try:
        sections = read_study(folder)
        if args.markdown:
            print(markdown(folder, sections), end="")
            return
        for space, section in sections.items():
            print(summary(folder, space, section))
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
