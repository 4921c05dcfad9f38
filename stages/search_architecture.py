"""Search the space with a proxy: ageing evolution beside random search on the same budget.

The candidates are those of the space, or only those that the benchmark trained (`over`), where a
mutation is a step to one that resembles its parent.

The answer is the best of evolution's finalists: the best-scored architectures it met, scored again
on deeper networks and by its mean over repetitions, because near the top the scores of one
cheap repetition differ by less than its noise. Neither search sees the truth: the benchmark says
which architectures there are, and afterwards how good one really is: its target, its rank, its regret
against the optimum.
"""

from __future__ import annotations

import argparse
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages import artifacts, spaces, study
from stages.cli import json_argument, run, stage_parser, track
from stages.errors import InputError
from stages.reproducibility import made_with, prepare, rng
from stages.search import AgeingEvolution, Neighbours, RandomSearch, Search
from stages.spaces import Space

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


def trajectory(
    search: Search[Any],
    to_id: Callable[[Any], str],
    score: Callable[[str], float],
    evaluations: int,
    label: str,
) -> Iterator[tuple[str, float, str]]:
    """Yield (architecture, score, best architecture so far) for each evaluation."""
    best, best_score = "", float("-inf")
    for _ in track(range(evaluations), label, evaluations, unit="evaluation"):
        candidate = search.ask()
        architecture = to_id(candidate)
        value = score(architecture)
        search.tell(candidate, value)
        if not best or value > best_score:
            best, best_score = architecture, value
        yield architecture, value, best


class Truth:
    """What the benchmark says of an architecture."""

    def __init__(self, values: dict[str, float], target: str) -> None:
        self.values = values
        self.sign = artifacts.orientation(target)
        self.sorted = sorted(self.sign * value for value in values.values())

    def of(self, architecture: str) -> tuple[float, int, float]:
        """The target, the rank from 1 (equals share the best), the regret against the optimum."""
        if architecture not in self.values:
            raise InputError(
                f"params.yaml: search_architecture.over: the benchmark did not train {architecture}; search the table"
            )
        quality = self.sign * self.values[architecture]
        rank = len(self.sorted) - bisect_right(self.sorted, quality) + 1
        return self.values[architecture], rank, self.sorted[-1] - quality


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
    parser.add_argument("--trajectory", type=Path, required=True, help="written")
    parser.add_argument("--regret", type=Path, required=True, help="written: mean regret, CSV for dvc plots")
    parser.add_argument("--best", type=Path, required=True, help="written")
    return parser


def run_searches(
    searched: Candidates, score: Callable[[str], float], truth: Truth, params: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    """Every run of every algorithm: the rows of `artifacts.TRAJECTORY`."""
    rows = []
    for algorithm in ALGORITHMS:
        for run_seed in range(params["seeds"]):
            search = make_search(algorithm, searched, params, seed, run_seed)
            steps = trajectory(search, searched.to_id, score, params["evaluations"], f"{algorithm} {run_seed}")
            for evaluation, (architecture, value, best) in enumerate(steps, start=1):
                row = (algorithm, run_seed, evaluation, architecture, value, best, *truth.of(best))
                rows.append(dict(zip(artifacts.TRAJECTORY.names, row, strict=True)))
    return rows


def best_of_finals(rows: list[dict[str, Any]], scorers: list[Callable[[str], float]], size: int) -> tuple[str, float]:
    """Evolution's `size` best-scored architectures, scored again: the one of the highest mean, and its mean."""
    met = {row["architecture"]: row["score"] for row in rows if row["algorithm"] == "ageing_evolution"}
    finalists = sorted(met, key=lambda architecture: (-met[architecture], architecture))[:size]
    means = {}
    for architecture in track(finalists, "finalists", len(finalists)):
        means[architecture] = sum(score(architecture) for score in scorers) / len(scorers)
    return max(means.items(), key=lambda item: item[1])


def answer(architecture: str, score: float, truth: Truth, target: str) -> dict[str, Any]:
    """best.json: the architecture found, and how good it is."""
    value, rank, regret = truth.of(architecture)
    finite = {
        name: round(number, 6) if math.isfinite(number) else None
        for name, number in (("score", score), ("value", value), ("regret", regret))
    }
    return {
        "architecture": architecture, "target": target, "rank": rank, "benchmark_size": len(truth.values), **finite,
    }  # fmt: skip


def main(args: argparse.Namespace) -> None:
    params, space = args.params, spaces.load(args.space)
    protocol, finals = args.protocols[params["protocol"]], params["finals"]
    device = prepare()
    benchmark = artifacts.read_parquet(args.benchmark, artifacts.BENCHMARK)
    truth = Truth(study.read_truth(args.benchmark, args.target), args.target)
    searched = candidates(params["over"], space, benchmark.filter(pc.is_valid(benchmark[args.target])))
    images, task = study.read_images(args.images), study.read_task(args.task)

    def scorer(protocol: Mapping[str, Any], repetition: int) -> Callable[[str], float]:
        proxy = study.make_scorer("regression", args.space, protocol, images, args.seed, repetition, device, task)
        return lambda architecture: proxy(architecture).score

    score = cache(scorer(protocol, 0))  # the runs share what they met
    rows = run_searches(searched, score, truth, params, args.seed)
    # Repetition 0 has chosen the finalists: its luck is in their scores.
    repetitions = range(1, finals["repetitions"] + 1)
    judges = [scorer({**protocol, "depth": finals["depth"]}, repetition) for repetition in repetitions]
    best = answer(*best_of_finals(rows, judges, finals["finalists"]), truth, args.target)
    best |= {"evaluations": params["seeds"] * params["evaluations"], "finalists": finals["finalists"]}
    artifacts.write_rows(rows, artifacts.TRAJECTORY, args.trajectory, made_with(device))
    artifacts.write_text(regret_csv(rows), args.regret)
    artifacts.write_json(best, args.best)


def regret_csv(rows: list[dict[str, Any]]) -> str:
    """Regret after each evaluation, averaged over seeds, one line per algorithm and evaluation."""
    regrets: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        regrets.setdefault((row["algorithm"], row["evaluation"]), []).append(row["regret"])
    lines = [f"{name},{step},{sum(values) / len(values):.4f}" for (name, step), values in regrets.items()]
    return "\n".join(["algorithm,evaluation,regret", *lines, ""])


if __name__ == "__main__":
    run(arguments(), main)
