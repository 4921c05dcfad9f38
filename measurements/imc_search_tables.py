"""Tabulate what `measurements.imc_search` found, for docs/hardware.md."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, product

import numpy as np

from gennas import benchmarks, spaces
from gennas.benchmarks.imc_blocks_example import DATA_SETS
from gennas.spaces.imc_blocks.blocks import Architecture
from gennas.stats import hypervolume, mean_interval, spearman
from measurements import imc_blocks
from measurements.imc_blocks import SPACE
from measurements.imc_search import (
    COSTS,
    EVALUATION,
    LEARNT,
    SEARCHES,
    SUBJECT,
    TRAINING,
    Choice,
    Rows,
    choices,
    cost,
    equal_cost,
    find_front,
    groups,
    read,
)  # fmt: skip
from stages.report import progress
from stages.report.summary import markdown_table

PLACES = ("best", "cheapest", "middle", "dearest")
Accuracies = Mapping[tuple[str, str], float]


def rho_table(table: Rows) -> str:
    """How what is known without training ranks the example's networks."""
    benchmark = benchmarks.load(SPACE, SUBJECT.sources)
    rows = {row["architecture"]: row for row in table}
    known = {
        "regression": [rows[one]["score"] for one in benchmark.ids],
        "depth": [len(blocks_of(one)) for one in benchmark.ids],
        **{name: [rows[one][name] for one in benchmark.ids] for name in COSTS},
    }
    targets = [f"{data}_accuracy_percent" for data in DATA_SETS]
    lines = [
        [name, *(f"{spearman(values, benchmark.values(target)):.2f}" for target in targets)]
        for name, values in known.items()
    ]
    return markdown_table(["rho with accuracy", *DATA_SETS], lines)


def blocks_of(architecture_id: str) -> Architecture:
    """Its blocks."""
    found: Architecture = spaces.load(SPACE).from_id(architecture_id)
    return found


def shape(title: str, ids: Sequence[str]) -> list[str]:
    """A line on networks: how deep and wide they are, of which blocks, and what they cost."""
    networks = [blocks_of(one) for one in ids]
    blocks = list(chain.from_iterable(networks))
    shares = [f"{100 * np.mean([block.kind == kind for block in blocks]):.0f} %" for kind in ("vgg", "mvgg", "res")]
    width = np.mean([np.mean([block.width for block in network]) for network in networks])
    energy, latency = np.mean([cost(one) for one in ids], axis=0)
    depth = np.mean([len(network) for network in networks])
    return [title, str(len(ids)), f"{depth:.1f}", f"{width:.0f}", *shares, f"{energy:.0f}", f"{latency:.2f}"]


def shape_table(evaluations: Rows) -> str:
    """The paper's findings: depth, kernels and kinds of blocks of what each search prefers."""
    head = ("networks", "n", "depth", "kernels", "VGG", "MVGG", "RES", "energy, µJ", "latency, ms")
    by_run = sorted(groups(evaluations, "search", "seed").items())

    def of_runs(search: str, choose: Callable[[Rows], list[str]]) -> list[str]:
        return [one for (name, _), rows in by_run if name == search for one in choose(rows)]

    def best(count: int) -> Callable[[Rows], list[str]]:
        return lambda rows: [
            row["architecture"] for row in sorted(rows, key=lambda row: row["score"], reverse=True)[:count]
        ]

    def front(name: str) -> Callable[[Rows], list[str]]:
        return lambda rows: find_front(rows, name)

    def cheap_half(name: str) -> Callable[[Rows], list[str]]:
        return lambda rows: (found := find_front(rows, name))[: (len(found) + 1) // 2]

    benchmark = benchmarks.load(SPACE, SUBJECT.sources)
    lines = [
        shape("random", of_runs("random", lambda rows: [row["architecture"] for row in rows])),
        shape("random, ten best scores a run", of_runs("random", best(10))),
        shape("score alone, best of a run", of_runs("score alone", best(1))),
        shape("score alone, ten best of a run", of_runs("score alone", best(10))),
        *(shape(f"{name}, front", of_runs(name, front(name))) for name in COSTS),
    ]
    for name in COSTS:
        half = of_runs(name, cheap_half(name))
        lines.append(shape(f"{name}, cheap half of the front", half))
        # Else what is cheap would pass for what the search prefers.
        equal = [other for one in half for other in equal_cost(one, name)]
        lines.append(shape(f"random, {name} as that half's", equal))
    for data in DATA_SETS:
        order = np.argsort(-benchmark.values(f"{data}_accuracy_percent"), kind="stable")[:10]
        lines.append(shape(f"ten most accurate of the example, {data}", [benchmark.ids[i] for i in order]))
    return markdown_table(head, lines)


def front_table(evaluations: Rows) -> str:
    """Fronts of the searches beside random search's: members, best score, hypervolume in shares of random search's."""
    runs = groups(evaluations, "search", "seed")
    seeds = sorted({seed for search, seed in runs if search == "random"})
    lines = []
    for name, search in product(COSTS, SEARCHES):
        if search in COSTS and search != name:
            continue
        shares = []
        for seed in seeds:
            random = points(runs["random", seed], name)
            middle = np.median(random, axis=0)
            shares.append(hypervolume(points(runs[search, seed], name), middle) / hypervolume(random, middle))
        members = [len(find_front(runs[search, seed], name)) for seed in seeds]
        highest = [max(row["score"] for row in runs[search, seed]) for seed in seeds]
        lines.append(
            [
                name,
                search,
                f"{np.mean(members):.1f}",
                progress.with_reach(mean_interval(highest), 2),
                progress.with_reach(mean_interval(shares), 2),
            ]
        )
    return markdown_table(["front of score and", "search", "members", "best score", "hypervolume"], lines)


def points(rows: Rows, name: str) -> np.ndarray:
    """Scores and negated costs (n, 2)."""
    return np.array([(row["score"], -row[name]) for row in rows])


def retrained_table(chosen: Sequence[Choice], accuracies: Accuracies) -> str:
    """Accuracies of what was found, and how much more than those of random networks of equal cost."""
    head = ["found with", "place", "n", "energy, µJ", "latency, ms"]
    for data in LEARNT:
        head += [f"{data}, %", "- random"]
    places = sorted(
        {(choice.search, choice.place) for choice in chosen}, key=lambda one: (one[0], PLACES.index(one[1]))
    )
    lines = [
        retrained_line(search, place, [one for one in chosen if one[:2] == (search, place)], accuracies)
        for search, place in places
    ]
    for name in COSTS:
        lines.append(retrained_line(name, "all", [one for one in chosen if one.search == name], accuracies))
    return markdown_table(head, lines)


def retrained_line(search: str, place: str, chosen: Sequence[Choice], accuracies: Accuracies) -> list[str]:
    """Of some choices."""
    energy, latency = np.mean([cost(one.architecture) for one in chosen], axis=0)
    line = [search, place, str(len(chosen)), f"{energy:.1f}", f"{latency:.2f}"]
    for data in LEARNT:
        found = [accuracies[one.architecture, data] for one in chosen]
        more = [
            accuracies[one.architecture, data] - float(np.mean([accuracies[other, data] for other in one.random]))
            for one in chosen
            if one.random
        ]
        line += [f"{np.mean(found):.1f}", progress.with_reach(mean_interval(more), 1) if more else "-"]
    return line


def mean_accuracies() -> Accuracies:
    """By architecture and data set, over the trainings of the example's table and of what was found."""
    example = [{**row, "accuracy_percent": float(row["accuracy_percent"])} for row in imc_blocks.read()]
    return {
        (architecture, data): float(np.mean([row["accuracy_percent"] for row in own]))
        for (architecture, data), own in groups([*example, *read(TRAINING)], "architecture", "dataset").items()
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    evaluations = read(EVALUATION)
    print(rho_table([row for row in evaluations if row["search"] == "table"]))
    print(front_table(evaluations))
    print(shape_table(evaluations))
    print(retrained_table([*choices(evaluations)], mean_accuracies()))


if __name__ == "__main__":
    main()
