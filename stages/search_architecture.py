"""Search the space with a proxy: ageing evolution beside random search on the same budget, and, if asked, NASI.

The candidates are those of the space, or only those that the benchmark trained (`over`), where a
mutation is a step to one that resembles its parent.

The answer is the best of evolution's finalists, the best-scored architectures it met, by their mean
score over further repetitions under a protocol of the finals' own, because near the top one cheap score
tells little apart. Neither search sees the truth: the benchmark says which architectures there are, and
afterwards how good one really is: its target, its rank, its regret against the optimum.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gennas import spaces
from gennas.devices import prepare
from gennas.errors import InputError
from gennas.searches import AgeingEvolution, Neighbours, RandomSearch, Search
from gennas.searches.halving import Halving
from gennas.seeds import derive_seed, rng
from gennas.spaces import Space
from stages.support import artifacts
from stages.support import inputs as study
from stages.support.cli import json_argument, run, stage_parser, track
from stages.support.truth import Truth, answer, regret_csv
from stages.support.workers import Workers

ALGORITHMS = ("ageing_evolution", "random_search")


@dataclass(frozen=True)
class Candidates:
    """What is searched: how to draw and to mutate a candidate, and its architecture's id."""

    draw: Callable[[np.random.Generator], Any]
    mutate: Callable[[Any, np.random.Generator], Any]
    to_id: Callable[[Any], str]


def candidates(over: str, space: Space, benchmark: pa.Table) -> Candidates:
    """The architectures of the `space`, or those in the `table` of trained ones."""
    if over == "space":
        return Candidates(space.random_architecture, space.mutate, space.to_id)
    if len(benchmark) < 2:
        raise InputError("params.yaml: search_architecture.over: a table of one architecture; search the space")
    rows = Neighbours(np.array(benchmark["encoding"].to_pylist(), np.int8))
    return Candidates(rows.draw, rows.mutate, benchmark["architecture"].to_pylist().__getitem__)


def make_search(
    algorithm: str, searched: Candidates, params: Mapping[str, Any], seed: int, run_seed: int
) -> Search[Any]:
    """One run of an algorithm."""
    generator = rng(seed, "search_architecture", algorithm, run_seed)
    if algorithm == "random_search":
        return RandomSearch(generator, searched.draw)
    return AgeingEvolution(generator, searched.draw, searched.mutate, params["population"], params["tournament"])


class Evaluator:
    """Scores the candidates of one run, each once; those behind half of the others are not trained to the end."""

    def __init__(self, workers: Workers, scorer: study.Scorer, params: Mapping[str, Any]) -> None:
        self.workers = workers
        self.scorer = scorer
        self.halving = Halving(params["rungs"], scorer.protocol["readout_window"], params["population"])
        self.known: dict[str, float] = {}

    def __call__(self, architectures: Sequence[str]) -> list[float]:
        new = list(dict.fromkeys(a for a in architectures if a not in self.known))
        scores = self.workers.scores(replace(self.scorer, limits=self.halving.limits()), new)
        for architecture, score in zip(new, scores, strict=True):
            self.known[architecture] = score.score
            self.halving.tell(score.losses)
        return [self.known[architecture] for architecture in architectures]


def trajectory(
    search: Search[Any],
    to_id: Callable[[Any], str],
    score: Callable[[Sequence[str]], Sequence[float]],
    params: Mapping[str, Any],
    label: str,
) -> Iterator[tuple[str, float, str]]:
    """Yield (architecture, score, best architecture so far) for each evaluation."""
    best, best_score = "", float("-inf")
    evaluations, offspring = params["evaluations"], params["offspring"]
    sizes = [min(offspring, evaluations - first) for first in range(0, evaluations, offspring)]
    for size in track(sizes, label, len(sizes), unit="generation"):
        candidates = [search.ask() for _ in range(size)]
        architectures = [to_id(candidate) for candidate in candidates]
        for candidate, architecture, value in zip(candidates, architectures, score(architectures), strict=True):
            search.tell(candidate, value)
            if not best or value > best_score:
                best, best_score = architecture, value
            yield architecture, value, best


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--benchmark", type=Path, required=True, help="benchmark.parquet")
    parser.add_argument("--images", type=Path, required=True, help="images.parquet")
    parser.add_argument("--task", type=Path, required=True, help="task file of the proxy that scores")
    parser.add_argument("--space", choices=spaces.NAMES, required=True)
    parser.add_argument("--params", type=json_argument, required=True, help="this stage's section of params.yaml")
    parser.add_argument("--protocols", type=json_argument, required=True, help="that section of params.yaml")
    parser.add_argument("--target", type=json_argument, required=True, help="column of the truth, as JSON")
    parser.add_argument("--seed", type=int, required=True, help="base seed")
    parser.add_argument("--workers", type=int, default=1, help="processes, unless there is a GPU (default: 1)")
    parser.add_argument("--trajectory", type=Path, required=True, help="written")
    parser.add_argument("--regret", type=Path, required=True, help="written: mean regret, CSV for dvc plots")
    parser.add_argument("--best", type=Path, required=True, help="written")
    return parser


def run_searches(
    searched: Candidates, make_evaluator: Callable[[], Evaluator], truth: Truth, params: Mapping[str, Any], seed: int
) -> Iterator[dict[str, Any]]:
    """Every run of every algorithm that scores candidates."""
    for algorithm in ALGORITHMS:
        for run_seed in range(params["seeds"]):
            search = make_search(algorithm, searched, params, seed, run_seed)
            steps = trajectory(search, searched.to_id, make_evaluator(), params, f"{algorithm} {run_seed}")
            yield from trajectory_rows(algorithm, run_seed, steps, truth)


def run_nasi(args: argparse.Namespace, truth: Truth) -> Iterator[dict[str, Any]]:
    """Every run of NASI's variants, which do without scores."""
    from gennas.searches import nasi  # imports torch, which takes seconds

    params, device = args.params["nasi"], prepare()
    space, supernet = spaces.load(args.space), spaces.load_supernet(args.space)
    for variant in nasi.VARIANTS:
        for run_seed in range(args.params["seeds"]):
            seed = derive_seed(args.seed, "search_architecture", variant, run_seed)
            steps = nasi.search(variant, supernet, args.protocols[params["protocol"]], params, seed, device)
            named = ((space.to_id(drawn), value, space.to_id(best)) for drawn, value, best in steps)
            shown = track(named, f"{variant} {run_seed}", params["steps"], unit="step")
            yield from trajectory_rows(variant, run_seed, shown, truth)


def trajectory_rows(
    algorithm: str, run_seed: int, steps: Iterable[tuple[str, float, str]], truth: Truth
) -> Iterator[dict[str, Any]]:
    """The rows of `artifacts.TRAJECTORY` of one run: (architecture, score, best architecture so far) by step."""
    for step, (architecture, value, best) in enumerate(steps, start=1):
        yield artifacts.row(artifacts.TRAJECTORY, algorithm, run_seed, step, architecture, value, best, *truth.of(best))


def best_of_finals(
    rows: list[dict[str, Any]],
    workers: Workers,
    scorer: study.Scorer,
    protocols: Mapping[str, Mapping[str, Any]],
    finals: Mapping[str, Any],
) -> tuple[str, float]:
    """Evolution's best-scored networks, scored again as `finals` says: that of the highest mean, and the mean."""
    met: dict[str, float] = {}
    for row in rows:
        if row["algorithm"] == "ageing_evolution":  # one run may have stopped what another one trained to the end
            met[row["architecture"]] = max(row["score"], met.get(row["architecture"], row["score"]))
    # Equal scores are those of one network under several names, as NAS-Bench-201 has many: one of them is enough.
    first_named = {score: architecture for architecture, score in sorted(met.items(), reverse=True)}
    finalists = [first_named[score] for score in sorted(first_named, reverse=True)][: finals["finalists"]]
    judge = replace(scorer, protocol=protocols[finals["protocol"]])
    totals = np.zeros(len(finalists))
    for repetition in track(range(finals["repetitions"]), "finals", finals["repetitions"], unit="repetition"):
        # Repetition 0 has chosen the finalists: its luck is in their scores.
        totals += [score.score for score in workers.scores(replace(judge, repetition=repetition + 1), finalists)]
    winner = int(totals.argmax())
    return finalists[winner], float(totals[winner] / finals["repetitions"])


def main(args: argparse.Namespace) -> None:
    params, space = args.params, spaces.load(args.space)
    protocol, finals = args.protocols[params["protocol"]], params["finals"]
    benchmark = artifacts.read_parquet(args.benchmark, artifacts.BENCHMARK)
    truth = study.read_truth(args.benchmark, args.target)
    searched = candidates(params["over"], space, benchmark.filter(pc.is_valid(benchmark[args.target])))
    images, task = study.read_images(args.images), study.read_task(args.task)

    scorer = study.Scorer("regression", args.space, protocol, images, args.seed, 0, task)
    with Workers(args.workers) as workers:
        rows = [*run_searches(searched, lambda: Evaluator(workers, scorer, params), truth, params, args.seed)]
        best = answer(*best_of_finals(rows, workers, scorer, args.protocols, finals), truth, args.target)
    if "nasi" in params:
        rows += run_nasi(args, truth)
    best |= {"evaluations": params["seeds"] * params["evaluations"], "finalists": finals["finalists"]}
    artifacts.write_rows(rows, artifacts.TRAJECTORY, args.trajectory, workers.made_with)
    artifacts.write_text(regret_csv(rows), args.regret)
    artifacts.write_json(best, args.best)


if __name__ == "__main__":
    run(arguments(), main)
