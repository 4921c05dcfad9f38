"""How the searches went, and the retraining of what they found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.report.figures.style import (
    BLACK,
    RANDOM,
    RHO,
    SEARCHED,
    Rows,
    canvas,
    proxy_styles,
    styled,
    to_svg,
    with_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stages.support.ground_truth import GroundTruth


@styled
def task_search(trials: Rows) -> str:
    """Each task's fitness in the order of evaluation, and the best so far (`TRIALS`)."""
    figure = canvas(3.2)
    axis = figure.add_subplot(xlabel="tasks evaluated", ylabel=f"fitness ({RHO})")
    for generation, marker, style in (("initial", "o", RANDOM), ("child", "^", SEARCHED)):
        own = [row for row in trials if row["generation"] == generation]
        axis.scatter(
            [row["trial"] + 1 for row in own],
            [row["fitness"] for row in own],
            s=16, marker=marker, color=style["color"], label=f"{generation} task",
        )  # fmt: skip
    order, best = [row["trial"] + 1 for row in trials], [row["best_fitness"] for row in trials]
    axis.step(order, best, where="post", color=BLACK, label="best so far")
    figure.legend(loc="outside lower center", ncols=3)
    return to_svg(figure)


def regrets(trajectory: Rows, search: str) -> np.ndarray:
    """Regret by seed and evaluation, (seeds, evaluations); a run that ended early keeps its last one."""
    by_seed: dict[int, list[float]] = {}
    for row in trajectory:
        if row["search"] == search:
            by_seed.setdefault(row["seed"], []).append(row["regret"])
    longest = max(map(len, by_seed.values()))
    return np.array([own + [own[-1]] * (longest - len(own)) for own in by_seed.values()])


@styled
def search(trajectory: Rows, truths: Mapping[str, GroundTruth]) -> str:
    """Regret against evaluations: each search's mean over seeds, and its range (`TRAJECTORY`).

    One panel for each column of the benchmark that judges some searches; `truths` are those of the columns.
    """
    figure = canvas(3.2)
    judges = list(dict.fromkeys(row["target"] for row in trajectory))
    panels = figure.subplots(1, len(judges), squeeze=False)[0]
    styles = proxy_styles(row["search"] for row in trajectory)
    for axis, target in zip(panels, judges, strict=True):
        own = [row for row in trajectory if row["target"] == target]
        axis.set(xlabel="architectures evaluated", ylabel=with_unit("regret", truths[target].target.unit))
        if len(judges) > 1:
            axis.set_title(target.replace("_", " "), fontsize="small")
        for name in dict.fromkeys(row["search"] for row in own):
            _draw_regrets(axis, name, regrets(own, name), styles[name])
        axis.set_yscale("symlog", linthresh=0.1)  # logarithmic, but with a zero: the optimum
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=3)
    return to_svg(figure)


def _draw_regrets(axis: Axes, name: str, regret: np.ndarray, style: Mapping[str, Any]) -> None:
    """A search's mean over its runs, and their range."""
    evaluations = np.arange(1, regret.shape[1] + 1)
    axis.plot(evaluations, regret.mean(0), label=name, **style)
    axis.fill_between(evaluations, regret.min(0), regret.max(0), color=style["color"], alpha=0.2, linewidth=0)


@styled
def retrain(history: Rows) -> str:
    """The validation score after each epoch, the found architecture against a random one (`HISTORY`)."""
    figure = canvas(3.0)
    score = history[0]["metric"].replace("accuracy_percent", "accuracy (%)").replace("_", " ")
    axis = figure.add_subplot(xlabel="epoch", ylabel=f"validation {score}")
    for role, style in (("found", SEARCHED), ("random", RANDOM)):
        own = [row for row in history if row["role"] == role]
        epochs = [row["epoch"] for row in own]
        axis.plot(epochs, [row["validation_score"] for row in own], label=role, **style)
    figure.legend(loc="outside lower center", ncols=2)
    return to_svg(figure)
