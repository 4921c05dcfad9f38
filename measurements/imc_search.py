"""Search `imc_blocks` as the paper on in-memory computing does: for a score alone, with energy, with latency.

The score is GenNAS's regression, without labels. For several seeds, Bayesian optimisation looks for the best score, for
the front of score and energy, and for that of score and latency; random search has as many evaluations. The ends and
the middle of each front, and the best by the score alone, learn digits as the networks of `measurements.imc_blocks` do,
and so do random networks that cost as much; of these, the ones that the table of `imc_blocks_example` has come first.

Writes imc-search.parquet and imc-search-trainings.parquet, goes on after what they have, and prints tables. About 10
minutes on one core.

Source: Amin, Mohammadi and Zand, "Multi-Objective Neural Architecture Search for In-Memory Computing", ISVLSI 2024.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from itertools import chain, islice, pairwise, product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

import gennas
from gennas import benchmarks, costs, spaces
from gennas.benchmarks.imc_blocks_example import DATA_SETS
from gennas.devices import prepare
from gennas.seeds import rng
from gennas.spaces.imc_blocks.blocks import Architecture, Block
from gennas.stats import hypervolume, mean_interval, pareto_front, spearman
from measurements import imc_blocks
from measurements.imc_blocks import SPACE
from measurements.subjects import FOLDER, SEED, Subject, machine
from stages.report.summary import markdown_table
from stages.support import artifacts

COSTS = ("imc_energy", "imc_latency")
#: Those with a cost have its name.
SEARCHES = ("random", "score alone", *COSTS)
EVALUATIONS, BATCH = 60, 5
SEEDS = 3
RANDOM, DRAWS = 2, 20_000  # networks of equal cost, and attempts to find them
LEARNT = ("digits",)  # to train on the subset of CIFAR-10 takes four times as long
#: How equal, as a share: latencies have six values, one for each depth, 4 % apart.
CLOSE = {"imc_energy": 0.1, "imc_latency": 0.01}
SUBJECT = Subject(
    SPACE,
    ["imc_blocks_example"],
    "cifar10_subset_accuracy_percent",
    "nasbench101",
    reduced=("params.yaml", "reduced"),
    paper=("params.yaml", "paper"),
)
EVALUATION = pa.schema(
    [
        ("search", pa.string()),
        ("seed", pa.int64()),
        ("architecture", pa.string()),
        ("score", pa.float64()),
        *((name, pa.float64()) for name in COSTS),
    ]
)
TRAINING = pa.schema(
    [
        ("architecture", pa.string()),
        ("dataset", pa.string()),
        ("seed", pa.int64()),
        ("accuracy_percent", pa.float64()),
    ]
)
FILES = {EVALUATION: FOLDER / "imc-search.parquet", TRAINING: FOLDER / "imc-search-trainings.parquet"}
PLACES = ("best", "cheapest", "middle", "dearest")
Rows = list[dict[str, Any]]
Accuracies = Mapping[tuple[str, str], float]

# --- what is measured -----------------------------------------------------------------------------


@cache
def measured(architecture: Architecture) -> np.ndarray:
    """Energy and latency of a network, which may be shorter than those of the space (2,)."""
    return np.array(costs.measure(spaces.load(SPACE), architecture, COSTS))


def cost(architecture_id: str) -> np.ndarray:
    """Energy and latency of an architecture (2,), the sums of its blocks': hundreds of measurements serve thousands.

    After the second block the resolution stays, and what a block adds depends on the width before it only.
    """
    architecture = spaces.load(SPACE).from_id(architecture_id)
    total = measured(architecture[:2]).copy()
    for before, block in pairwise(architecture[1:]):
        short = (Block("vgg", 16), Block("vgg", before.width))
        total += measured((*short, block)) - measured(short)
    return total


def column_of(name: str) -> Callable[[Sequence[str]], list[float]]:
    """A cost of architectures, as a search asks for it."""
    return lambda ids: [float(cost(one)[COSTS.index(name)]) for one in ids]


def search(name: str, seed: int) -> Rows:
    """The evaluations of a run, in order; the proxy draws its images, targets and weights by the seed, too."""
    torch.set_num_threads(1)
    device, scorer = prepare(), replace(SUBJECT.scorer(SUBJECT.protocol("reduced")), repetition=seed)

    def by(ids: Sequence[str]) -> list[float]:
        return [found.score for found in scorer.scores(device, ids)]

    if name == "table":
        ids = imc_blocks.draw()
        scores = by(ids)
    else:
        kind = "random_search" if name == "random" else "bayesian"
        given: dict[str, Any] = {"cost": column_of(name)} if name in COSTS else {}
        steps = list(gennas.search(SPACE, kind, by, evaluations=EVALUATIONS, batch=BATCH, seed=seed, **given))
        ids, scores = [step.architecture for step in steps], [step.scores[0] for step in steps]
    return [
        artifacts.row(EVALUATION, name, seed, one, score, *cost(one).tolist())
        for one, score in zip(ids, scores, strict=True)
    ]


def train(architecture: str, dataset: str, seed: int) -> Rows:
    """A training, as the example's."""
    torch.set_num_threads(1)
    return [artifacts.row(TRAINING, architecture, dataset, seed, imc_blocks.accuracy(architecture, dataset, seed))]


def read(schema: pa.Schema) -> Rows:
    """What was measured before."""
    path: Path = FILES[schema]
    return pq.read_table(path).to_pylist() if path.exists() else []


def measure(
    schema: pa.Schema, run: Callable[..., Rows], every: Iterable[tuple[Any, ...]], keys: Sequence[str], workers: int
) -> Rows:
    """All rows, those of runs that were not made before as well; `keys` are the columns that tell runs apart."""
    rows = read(schema)
    done = {tuple(row[key] for key in keys) for row in rows}
    made = schema.with_metadata({"machine": machine(prepare())})
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        runs: list[Future[Rows]] = [pool.submit(run, *one) for one in every if one not in done]
        for found in tqdm(as_completed(runs), run.__name__, len(runs), unit="run"):
            rows += found.result()
            pq.write_table(pa.Table.from_pylist(rows, made), FILES[schema])
    return sorted(rows, key=lambda row: [row[key] for key in keys])  # stable: a run keeps its order


# --- what is trained ------------------------------------------------------------------------------


class Choice(NamedTuple):
    """A network that a search found, and random ones that cost as much."""

    search: str
    place: str
    architecture: str
    random: tuple[str, ...]


def find_front(rows: Rows, name: str) -> list[str]:
    """The architectures that are best by score and a cost, cheapest first."""
    return pareto_front({row["architecture"]: (row[name], row["score"]) for row in rows})


def equal_cost(architecture: str, name: str, first: Sequence[str] = ()) -> tuple[str, ...]:
    """Random networks whose cost is nearly that of a given one, those that are to be taken first, then others."""
    space, generator = spaces.load(SPACE), rng(SEED, "imc_search", architecture, name)
    first, column = generator.permutation(first).tolist(), COSTS.index(name)
    drawn = (space.to_id(space.random_architecture(generator)) for _ in range(DRAWS))
    aim = cost(architecture)[column]
    others = (one for one in chain(first, drawn) if one != architecture)
    return tuple(islice((one for one in others if abs(cost(one)[column] / aim - 1) <= CLOSE[name]), RANDOM))


def choices(evaluations: Rows) -> Iterator[Choice]:
    """What is trained: of each run, the best by the score alone, or the ends and the middle of its front."""
    example = imc_blocks.draw()
    for (search, _), rows in sorted(groups(evaluations, "search", "seed").items()):
        if search == "score alone":
            best = max(rows, key=lambda row: row["score"])["architecture"]
            yield Choice(search, "best", best, equal_cost(best, "imc_energy", example))
        elif search in COSTS:
            front = find_front(rows, search)
            # By architecture: a front of two has no middle, one of one its dearest only.
            places = {front[len(front) // 2]: "middle", front[0]: "cheapest", front[-1]: "dearest"}
            for one, place in places.items():
                yield Choice(search, place, one, equal_cost(one, search, example))


def groups(rows: Rows, *keys: str) -> dict[tuple[Any, ...], Rows]:
    """Rows by the values of some columns."""
    found: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def example_rows() -> Rows:
    """The trainings of the example's table."""
    return [
        {**row, "seed": int(row["seed"]), "accuracy_percent": float(row["accuracy_percent"])}
        for row in imc_blocks.read()
    ]


# --- what it shows --------------------------------------------------------------------------------


def with_reach(values: Sequence[float], places: int = 1) -> str:
    """A mean and half of its 95 % interval."""
    mean, reach = mean_interval(values)
    return f"{mean:.{places}f} \N{PLUS-MINUS SIGN} {reach:.{places}f}"


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
        lines.append([name, search, f"{np.mean(members):.1f}", with_reach(highest, 2), with_reach(shares, 2)])
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
        line += [f"{np.mean(found):.1f}", with_reach(more) if more else "-"]
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of each search (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    args = parser.parse_args()
    runs = [("table", 0), *((name, seed) for seed, name in product(range(args.seeds), SEARCHES))]
    evaluations = measure(EVALUATION, search, runs, ("search", "seed"), args.workers)
    print(rho_table([row for row in evaluations if row["search"] == "table"]))
    print(front_table(evaluations))
    print(shape_table(evaluations))
    chosen = list(choices(evaluations))
    example = example_rows()
    known = {row["architecture"] for row in example}
    new = dict.fromkeys(one for choice in chosen for one in (choice.architecture, *choice.random) if one not in known)
    trainings = [(one, data, seed) for data, seed, one in product(LEARNT, range(imc_blocks.SEEDS), new)]
    trained = measure(TRAINING, train, trainings, ("architecture", "dataset", "seed"), args.workers)
    means = {
        key: float(np.mean([row["accuracy_percent"] for row in own]))
        for key, own in groups([*example, *trained], "architecture", "dataset").items()
    }
    print(retrained_table(chosen, means))
    print(machine(prepare()))


if __name__ == "__main__":
    main()
