"""Search for the regression task that best ranks the labelled architectures.

Ageing evolution over the genes of a task (GenNAS, section 3.3). A task's fitness is Spearman's
rho, sign included, between its scores and the accuracies of the labelled architectures: the only
accuracies that a run of this pipeline uses to choose anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from gennas import spaces
from gennas.regression.genes import mutate_task, random_task
from gennas.scoring import Protocol, Score
from gennas.searches.ageing_evolution import AgeingEvolution
from gennas.searches.base import Scores
from gennas.searches.driver import ask_tell
from gennas.seeds import rng
from gennas.stats import spearman
from stages.support import artifacts
from stages.support.command import logger, run, track
from stages.support.inputs import read_images, read_quality, read_sample
from stages.support.workers import Scorer, Workers

Task = Mapping[str, Any]
#: The scores of architectures with a task.
ScoreWith = Callable[[Task, Sequence[str]], Iterable[Score]]


def fitness(task: Task, labelled: dict[str, float], score_with: ScoreWith) -> float:
    """Rho of a task with the quality of the labelled architectures; -1 if it cannot tell any two apart."""
    rho = float(spearman([score.score for score in score_with(task, [*labelled])], [*labelled.values()]))
    return rho if math.isfinite(rho) else -1.0


def search(
    labelled: dict[str, float], score_with: ScoreWith, family: str, budget: Mapping[str, int], seed: int
) -> list[dict[str, Any]]:
    """Evolve tasks of a family; return the rows of `artifacts.TRIALS`, in the order of evaluation."""
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


def search_task(
    architectures: Path, benchmark: Path, images: Path, trials: Path, best_task: Path,
    space: str, protocol: dict[str, Any], budget: dict[str, int], target: str, seed: int, workers: int = 1,
) -> None:  # fmt: skip
    """Write every task that was tried, and the best one as a task file."""
    quality = read_quality(benchmark, target)
    labelled = {a: quality[a] for a in read_sample(architectures, "label")}
    pictures = read_images(images)
    with Workers(workers) as pool:

        def score_with(task: Task, ids: Sequence[str]) -> Iterable[Score]:
            options = {"task": task}
            return pool.scores(
                Scorer("regression", space, Protocol.from_section(protocol), pictures, seed, 0, options), ids
            )

        rows = search(labelled, score_with, spaces.load(space).FAMILY, budget, seed)
    artifacts.write_rows(rows, artifacts.TRIALS, trials, pool.made_with)
    artifacts.write_text(best_task_text(rows, len(labelled)), best_task)


if __name__ == "__main__":
    run(search_task)
