"""Combine the scores of several proxies into one.

Without labels, from the ranks r of the evaluated architectures by each proxy, 1 for the worst of n: `mean_rank`, the
mean of r / n; `log_rank`, the mean of log(r / n), for which a bad rank weighs more than a good one (the non-linear
aggregation of Lee and Ham, "AZ-NAS", CVPR 2024). With labels: `fit`, a ridge regression of the labelled architectures'
ranks of quality on their ranks by each proxy, with weights that are not negative; leaving one out chooses its penalty.

A proxy's score is the mean of its repetitions. Ranks depend on which architectures there are.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from gennas.stats import spearman
from stages.support import artifacts, scores
from stages.support import inputs as study
from stages.support.cli import json_argument, logger, run, stage_parser

#: Penalties that a fit chooses from; its features and what it predicts are between 0 and 1.
PENALTIES = np.logspace(-3, 1, 9)


def members_scores(table: pa.Table, members: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The architectures, and each member's score of them (n, members), the mean of its repetitions."""
    own = scores.by_proxy(table)
    return own[members[0]].architectures, np.stack([own[member].mean for member in members], axis=1)


def relative_ranks(values: np.ndarray) -> np.ndarray:
    """The ranks r / n of values along the first axis: 1 for the highest; ties share their mean."""
    ranked: np.ndarray = rankdata(values, axis=0) / len(values)
    return ranked


def fit(features: np.ndarray, quality: np.ndarray) -> Any:
    """The regression of ranks of quality (n,) on features (n, members)."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, LeaveOneOut

    ridge = Ridge(positive=True)
    search = GridSearchCV(ridge, {"alpha": PENALTIES}, scoring="neg_mean_squared_error", cv=LeaveOneOut())
    return search.fit(features, relative_ranks(quality))


def cross_validated_rho(features: np.ndarray, quality: np.ndarray) -> float:
    """Rho of the predictions for architectures that were each left out, of the choice of the penalty, too."""
    predicted = []
    for left_out in range(len(quality)):
        others = np.delete(features, left_out, axis=0), np.delete(quality, left_out)
        predicted.append(fit(*others).predict(features[[left_out]])[0])
    return float(spearman(predicted, quality))


def fitted(
    members: Sequence[str], labelled: np.ndarray, quality: np.ndarray, evaluated: np.ndarray
) -> tuple[np.ndarray, dict[str, Any]]:
    """Scores (n,) of the evaluated architectures, and what was learnt from the labelled ones.

    The members' scores are (labelled, members) and (n, members); their ranks are those among both, to mean the same.
    """
    features = relative_ranks(np.concatenate([labelled, evaluated]))
    known, asked = np.split(features, [len(labelled)])
    regression = fit(known, quality)
    rho = cross_validated_rho(known, quality)
    weights = zip(members, regression.best_estimator_.coef_.tolist(), strict=True)
    learnt = {
        "labelled": len(labelled),
        "cross_validated_rho": round(rho, 4) if math.isfinite(rho) else None,
        "penalty": float(regression.best_params_["alpha"]),
        "weights": {member: round(weight, 4) for member, weight in weights},
    }
    return regression.predict(asked), learnt


def read_labelled(args: argparse.Namespace, members: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The members' scores (labelled, members) of the labelled architectures, and the quality of these."""
    ids, labelled = members_scores(scores.read(args.labelled), members)
    quality = study.read_quality(args.benchmark, args.target)
    return labelled, np.array([quality[architecture] for architecture in ids])


def arguments() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--params", type=json_argument, required=True, help='{name: {"kind": ..., "members": [...]}}')
    parser.add_argument("--target", type=json_argument, required=True, help="target that fits learn, as JSON")
    parser.add_argument("--scores", type=Path, required=True, help="scores.parquet")
    parser.add_argument("--labelled", type=Path, nargs="*", default=[], help="scores of the labelled architectures")
    parser.add_argument("--benchmark", type=Path, required=True, help="benchmark.parquet")
    parser.add_argument("--aggregates", type=Path, required=True, help="written, as scores")
    parser.add_argument("--fits", type=Path, required=True, help="written: what each fit learnt, as JSON")
    return parser


def main(args: argparse.Namespace) -> None:
    table = artifacts.read_parquet(args.scores, artifacts.SCORES)
    rows: list[dict[str, Any]] = []
    fits = {}
    for name, params in args.params.items():
        members = params["members"]
        ids, evaluated = members_scores(table, members)
        match params["kind"]:
            case "mean_rank":
                combined = relative_ranks(evaluated).mean(axis=1)
            case "log_rank":
                combined = np.log(relative_ranks(evaluated)).mean(axis=1)
            case "fit":
                labelled, quality = read_labelled(args, members)
                combined, fits[name] = fitted(members, labelled, quality, evaluated)
                logger.info("%s: rho %s on labelled architectures left out", name, fits[name]["cross_validated_rho"])
        for position, (architecture, score) in enumerate(zip(ids, combined.tolist(), strict=True)):
            rows.append(artifacts.row(artifacts.SCORES, name, 0, position, architecture, score, "ok", []))
    artifacts.write_rows(rows, artifacts.SCORES, args.aggregates)
    artifacts.write_json(fits, args.fits)


if __name__ == "__main__":
    run(arguments(), main)
