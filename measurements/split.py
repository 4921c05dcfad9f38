"""What holding images out does to supernets of NAS-Bench-201, trained on labels or on GenNAS's regression.

For several shares that are held out, and seeds: how the losses of single cells, with the weights of a supernet that was
trained on random cells, rank them against their true accuracy; and what the searches by a supernet find. Writes
split-cells.parquet and split-searches.parquet, and the tables of docs/supernets.md. Goes on after what they have.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from gennas import benchmarks, spaces
from gennas.data.images import unlabelled
from gennas.devices import prepare
from gennas.regression.genes import load_task
from gennas.scoring import PROTOCOLS
from gennas.searches import darts, gdas, rsps, snas
from gennas.searches.base import SearchContext
from gennas.searches.candidates import OfSpace
from gennas.searches.common.supernets import Training
from gennas.seeds import derive_seed, rng
from gennas.stats import spearman
from measurements.subjects import DOCS, FOLDER, SEED, machine, show
from stages.report.progress import mean_interval
from stages.report.summary import markdown_table
from stages.search_architecture import IMAGES, SIDE
from stages.support import artifacts

SPACE = "nasbench201"
SPLITS = (0.0, 0.1, 0.25, 0.5)
SEEDS = 5
CELLS = 200
LEARNS = ("regression", "labels")
#: Steps of the supernets of random cells. One of these computes one operation per edge, as one of GDAS does.
STEPS = 1000
#: The module, the steps and the shares of each search.
SEARCHES = {"snas": (snas, 300, SPLITS), "darts": (darts, 300, (0.0, 0.5)), "gdas": (gdas, 1000, (0.0, 0.5))}
#: The reduced one, with larger batches; digits have no more pixels.
PROTOCOL = replace(PROTOCOLS["reduced"], batch_size=16, resolution=16)
DATA_SETS = ("cifar10", "cifar100", "imagenet16_120")

RUN = [("learns", pa.string()), ("split", pa.float64()), ("seed", pa.int64())]
CELL = pa.schema([*RUN, ("part", pa.string()), ("architecture", pa.string()), ("loss", pa.float64())])
SEARCH = pa.schema(
    [
        *RUN,
        ("search", pa.string()),
        ("answer", pa.string()),
        ("child_loss", pa.float64()),  # of the answer, with the supernet's weights
        ("expected_loss", pa.float64()),  # of what the search draws
        ("entropy", pa.float64()),  # nats per edge
        ("changes", pa.int64()),  # of the answer in the second half of the steps
        ("seconds", pa.float64()),
    ]
)
FILES = {CELL: FOLDER / "split-cells.parquet", SEARCH: FOLDER / "split-searches.parquet"}
Run = tuple[str, float, int]
Rows = list[dict[str, Any]]

# --- what is measured -----------------------------------------------------------------------------


def make_context(run: Run, search: str, steps: int) -> SearchContext:
    """A run of a search, as the pipeline would make it."""
    learns, split, seed = run
    own = derive_seed(SEED, "split", search, seed)
    build = spaces.load_supernet(SPACE)
    learnt = {"dataset": "digits"} if learns == "labels" else {"task": load_task("nasbench101")}
    return SearchContext(
        OfSpace(spaces.load(SPACE)),
        own,
        {"steps": steps, "split": split, **learnt},
        protocol=PROTOCOL,
        device=prepare(),
        supernet=lambda: build(PROTOCOL.width, PROTOCOL.depth),
        images=unlabelled("photographs", IMAGES, SIDE, rng(own, "unlabelled")),
    )


def cell_rows(run: Run, cells: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The loss of each cell with the weights that all of them share, on both parts."""
    training = Training(make_context(run, "rsps", STEPS), rsps.sample, learns=False)
    for _ in training.run():
        pass
    parts = {"training": training.lesson.train, "held out": training.lesson.held_out}
    for part, positions in parts.items():
        for cell in cells if len(positions) else ():
            loss = training.evaluate_one(spaces.load(SPACE).from_id(cell), positions)
            yield artifacts.row(CELL, *run, part, cell, loss)


def search_row(run: Run, name: str) -> dict[str, Any]:
    """What a search finds, and how it got there."""
    begin = time.perf_counter()
    module, steps, _ = SEARCHES[name]
    training = Training(make_context(run, name, steps), module.sample)
    answers = [step.answer for step in training.run()]
    seconds = time.perf_counter() - begin
    changes = sum(one != other for one, other in pairwise(answers[len(answers) // 2 :]))
    child, expected = training.consistency()
    return artifacts.row(SEARCH, *run, name, answers[-1], child, expected, training.entropy(), changes, seconds)


def read(schema: pa.Schema) -> Rows:
    """What was measured before."""
    path = FILES[schema]
    return pq.read_table(path).to_pylist() if path.exists() else []


def write(rows: Rows, schema: pa.Schema) -> None:
    """All rows so far."""
    made = schema.with_metadata({"machine": machine(prepare())})
    pq.write_table(pa.Table.from_pylist(rows, made), FILES[schema])


def measure_cells(runs: Sequence[Run], cells: Sequence[str]) -> None:
    """The supernets of random cells of which there is nothing yet."""
    rows = read(CELL)
    done = {(row["learns"], row["split"], row["seed"]) for row in rows}
    for run in tqdm([run for run in runs if run not in done], "cells", unit="run"):
        rows += cell_rows(run, cells)
        write(rows, CELL)


def measure_searches(runs: Sequence[Run]) -> None:
    """The searches of which there is nothing yet."""
    rows = read(SEARCH)
    done = {(row["learns"], row["split"], row["seed"], row["search"]) for row in rows}
    every = [(run, name) for run, name in product(runs, SEARCHES) if run[1] in SEARCHES[name][2]]
    for run, name in tqdm([one for one in every if (*one[0], one[1]) not in done], "searches", unit="run"):
        rows.append(search_row(run, name))
        write(rows, SEARCH)


# --- what it shows --------------------------------------------------------------------------------


def groups(rows: Iterable[Mapping[str, Any]], *keys: str) -> dict[tuple[Any, ...], Rows]:
    """Rows by the values of some columns, in order."""
    found: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(dict(row))
    return found


def with_reach(values: Sequence[float], places: int = 2) -> str:
    """A mean and half of its 95 % interval."""
    mean, reach = mean_interval(values)
    return f"{mean:.{places}f} \N{PLUS-MINUS SIGN} {reach:.{places}f}"


def share(split: float) -> str:
    return f"{split:g}" if split else "none"


def rho_table(rows: Rows, truth: Mapping[str, float]) -> str:
    """Spearman's rho of the negated losses with the true accuracy."""
    head = ("learns", "held out", "loss on images trained on", "loss on images held out")
    rhos: dict[tuple[str, float], dict[str, list[float]]] = {}
    for (learns, split, part, _), own in groups(rows, "learns", "split", "part", "seed").items():
        rho = spearman([-row["loss"] for row in own], [truth[row["architecture"]] for row in own])
        rhos.setdefault((learns, split), {}).setdefault(part, []).append(float(rho))
    parts = ("training", "held out")
    return markdown_table(
        head,
        [
            (learns, share(split), *(with_reach(own[part]) if part in own else "-" for part in parts))
            for (learns, split), own in sorted(rhos.items(), key=lambda one: (LEARNS.index(one[0][0]), one[0][1]))
        ],
    )


def choices_of_rsps(rows: Rows) -> Iterator[dict[str, Any]]:
    """Of each supernet of random cells, the cell of least loss: on images held out, if there are any."""
    for (learns, split, seed), own in groups(rows, "learns", "split", "seed").items():
        part = "held out" if split else "training"
        best = min((row for row in own if row["part"] == part), key=lambda row: row["loss"])
        yield {"learns": learns, "split": split, "seed": seed, "search": "rsps", "answer": best["architecture"]}


def answer_table(rows: Rows, truths: Mapping[str, Mapping[str, float]]) -> str:
    """How good the answers are: test accuracies, regret and rank among all cells on CIFAR-10, and those cut in two."""
    head = (
        "learns", "search", "held out", "n", *(name.replace("_", " ") for name in DATA_SETS), "regret", "median rank",
        "cut in two",
    )  # fmt: skip
    first = truths["cifar10"]
    ordered = np.sort(list(first.values()))[::-1]
    lines = []
    for (learns, search, split), own in groups(rows, "learns", "search", "split").items():
        answers = [row["answer"] for row in own]
        values = np.array([first[one] for one in answers])
        ranks = np.searchsorted(-ordered, -values) + 1
        accuracies = [with_reach([truths[name][one] for one in answers]) for name in DATA_SETS]
        lines.append(
            [
                *(learns, search, share(split), str(len(own)), *accuracies),
                *(with_reach((ordered[0] - values).tolist()), f"{np.median(ranks):,.0f}"),
                str(sum(map(is_cut, answers))),
            ]
        )
    lines.sort(key=lambda line: (LEARNS.index(line[0]), line[1]))
    means = [f"{np.mean(list(truths[name].values())):.2f}" for name in DATA_SETS]
    random = ["-", "a random cell, expected", "-", f"{len(ordered):,}", *means, f"{ordered[0] - ordered.mean():.2f}"]
    return markdown_table(head, [*lines, [*random, f"{len(ordered) // 2:,}", str(sum(map(is_cut, first)))]])


def is_cut(architecture: str) -> bool:
    """Whether `none` cuts a cell's output from its input: its output is constant."""
    space: Any = spaces.load(SPACE)
    return bool(space.canonical(space.from_id(architecture)) == space.canonical((0,) * 6))


def consistency_table(rows: Rows) -> str:
    """How far the searches have decided, and what the decision costs."""
    head = ("learns", "search", "held out", "loss expected", "of the answer", "entropy", "late changes", "seconds")
    columns = ("expected_loss", "child_loss", "entropy", "changes", "seconds")
    lines = [
        [learns, search, share(split), *(f"{np.mean([row[name] for row in own]):.2f}" for name in columns)]
        for (learns, search, split), own in groups(rows, "learns", "search", "split").items()
    ]
    lines.sort(key=lambda line: (LEARNS.index(line[0]), line[1]))
    return markdown_table(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="(default: %(default)s)")
    parser.add_argument("--show", action="store_true", help="only the tables of what was measured before")
    args = parser.parse_args()
    benchmark = benchmarks.load(SPACE, ["nasbench201-means"])
    truths = {
        name: dict(zip(benchmark.ids, benchmark.values(f"{name}_test_accuracy_percent").tolist(), strict=True))
        for name in DATA_SETS
    }
    if not args.show:
        drawn = rng(SEED, "split", "cells").permutation(len(benchmark.ids))[:CELLS]
        runs = [(learns, split, seed) for seed, learns, split in product(range(args.seeds), LEARNS, SPLITS)]
        measure_cells(runs, [benchmark.ids[i] for i in drawn])
        measure_searches(runs)
    cells, searches = read(CELL), read(SEARCH)
    page = DOCS / "supernets.md"
    show(page, "rho", rho_table(cells, truths["cifar10"]))
    show(page, "answers", answer_table([*choices_of_rsps(cells), *searches], truths))
    show(page, "consistency", consistency_table(searches))


if __name__ == "__main__":
    main()
