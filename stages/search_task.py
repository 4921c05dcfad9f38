"""Search for the regression task that best ranks the labelled architectures.

Ageing evolution over the genes of a task (GenNAS, section 3.3). A task's fitness is Spearman's
rho, sign included, between its scores and the accuracies of the labelled architectures: the only
accuracies that a run of this pipeline uses to choose anything.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from gennas import spaces
from gennas.proxies import Score
from gennas.regression.genes import mutate_task, random_task
from gennas.searches.ageing_evolution import AgeingEvolution
from gennas.searches.base import Scores
from gennas.searches.driver import ask_tell
from gennas.seeds import rng
from gennas.stats import spearman
from stages.support import artifacts
from stages.support import inputs as study
from stages.support.cli import json_argument, logger, run, stage_parser, track
from stages.support.workers import Workers

Task = Mapping[str, Any]
#: The scores of architectures with a task.
ScoreWith = Callable[[Task, Sequence[str]], Iterable[Score]]


def fitness(task: Task, labelled: dict[str, float], score_with: ScoreWith) -> float:
    """Rho of a task with the quality of the labelled architectures; -1 if it cannot tell any two apart."""
    rho = float(spearman([score.score for score in score_with(task, [*labelled])], [*labelled.values()]))
    return rho if math.isfinite(rho) else -1.0


def search(
    labelled: dict[str, float], score_with: ScoreWith, family: str, params: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    """Evolve tasks of a family; return the rows of `artifacts.TRIALS`, in the order of evaluation."""
    budget = params["budget"]
    evolution = AgeingEvolution(
        rng(seed, "search_task"),
        partial(random_task, family=family),
        mutate_task,
        budget["population"],
        budget["tournament"],
    )

    def score(tasks: Sequence[Task]) -> list[Scores]:
        return [(fitness(task, labelled, score_with),) for task in tasks]

    trials: list[dict[str, Any]] = []
    total, best = budget["population"] + budget["children"], -math.inf
    steps = ask_tell(evolution, score, total)
    for trial, (task, (rho,), _) in enumerate(track(steps, "task search", total, unit="task")):
        best = max(rho, best)
        generation = "initial" if trial < budget["population"] else "child"
        trials.append(artifacts.row(artifacts.TRIALS, trial, generation, rho, best, json.dumps(task)))
        logger.info("task %d: rho %.3f on %d labelled architectures (best %.3f)", trial, rho, len(labelled), best)
    return trials


def best_task_text(trials: list[dict[str, Any]], labelled: int) -> str:
    """The fittest task (the first of equals) as a task file."""
    best = max(trials, key=lambda row: row["fitness"])
    head = (
        f"# Found by task search: trial {best['trial']} of {len(trials)}, "
        f"rho {best['fitness']:.4f} on {labelled} labelled architectures.\n"
    )
    return head + yaml.safe_dump(json.loads(best["task"]), sort_keys=False)


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--architectures", type=Path, required=True, help="architectures.parquet")
    parser.add_argument("--benchmark", type=Path, required=True, help="benchmark.parquet")
    parser.add_argument("--images", type=Path, required=True, help="images.parquet")
    parser.add_argument("--space", choices=spaces.NAMES, required=True)
    parser.add_argument("--params", type=json_argument, required=True, help="this stage's section of params.yaml")
    parser.add_argument("--protocols", type=json_argument, required=True, help="that section of params.yaml")
    parser.add_argument("--target", type=json_argument, required=True, help="column of the labels, as JSON")
    parser.add_argument("--seed", type=int, required=True, help="base seed")
    parser.add_argument("--workers", type=int, default=1, help="processes, unless there is a GPU (default: 1)")
    parser.add_argument("--trials", type=Path, required=True, help="written")
    parser.add_argument("--best-task", type=Path, required=True, help="written")
    return parser


def main(args: argparse.Namespace) -> None:
    quality = study.read_quality(args.benchmark, args.target)
    labelled = {a: quality[a] for a in study.read_sample(args.architectures, "label")}
    images = study.read_images(args.images)
    protocol = args.protocols[args.params["protocol"]]

    family = spaces.load(args.space).FAMILY
    with Workers(args.workers) as workers:

        def score_with(task: Task, architectures: Sequence[str]) -> Iterable[Score]:
            scorer = study.Scorer("regression", args.space, protocol, images, args.seed, 0, task)
            return workers.scores(scorer, architectures)

        trials = search(labelled, score_with, family, args.params, args.seed)
    artifacts.write_rows(trials, artifacts.TRIALS, args.trials, workers.made_with)
    artifacts.write_text(best_task_text(trials, len(labelled)), args.best_task)


if __name__ == "__main__":
    run(arguments(), main)
