"""Search `imc_blocks` as the paper on in-memory computing does: for a score alone, with energy, with latency.

The score is GenNAS's regression, without labels. For several seeds, Bayesian optimisation looks for the best score, for
the front of score and energy, and for that of score and latency; random search has as many evaluations. The ends and
the middle of each front, and the best by the score alone, learn digits as the networks of `measurements.imc_blocks` do,
and so do random networks that cost as much; of these, the ones that the table of `imc_blocks_example` has come first.

Writes imc-search.parquet and imc-search-trainings.parquet, and goes on after what they have; `imc_search_tables` prints
what they say. About 10 minutes on one core.

Source: Amin, Mohammadi and Zand, "Multi-Objective Neural Architecture Search for In-Memory Computing", ISVLSI 2024.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from gennas import costs, spaces
from gennas.devices import prepare
from gennas.seeds import rng
from gennas.spaces.imc_blocks.blocks import Architecture, Block
from gennas.stats import pareto_front
from measurements import imc_blocks
from measurements.imc_blocks import SPACE
from measurements.subjects import FOLDER, SEED, Subject, machine
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
Rows = list[dict[str, Any]]

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of each search (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    args = parser.parse_args()
    runs = [("table", 0), *((name, seed) for seed, name in product(range(args.seeds), SEARCHES))]
    chosen = choices(measure(EVALUATION, search, runs, ("search", "seed"), args.workers))
    known = {row["architecture"] for row in imc_blocks.read()}
    new = dict.fromkeys(one for choice in chosen for one in (choice.architecture, *choice.random) if one not in known)
    trainings = [(one, data, seed) for data, seed, one in product(LEARNT, range(imc_blocks.SEEDS), new)]
    measure(TRAINING, train, trainings, ("architecture", "dataset", "seed"), args.workers)


if __name__ == "__main__":
    main()
