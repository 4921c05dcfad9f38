"""The numbers of the headline against independent sources and by hand."""

import math

import numpy as np
import pyarrow as pa
import pytest
from helpers import with_target
from scipy.stats import spearmanr

from gennas.errors import InputError
from gennas.stats import agreement
from gennas.targets import ACCURACY, LOG_PERPLEXITY
from stages import correlate
from stages.support import artifacts
from stages.support.ground_truth import GroundTruth
from stages.support.scores import by_proxy


@pytest.fixture
def tables():
    """Twelve architectures; `good` ranks them perfectly in both seeds, `flat` not at all."""
    ids = [f"a{i}" for i in range(12)]
    benchmark = pa.table(
        {
            "architecture": ids,
            "encoding": [[0]] * 12,
            "status": ["ok"] * 12,
            "parameters": pa.nulls(12, pa.int64()),
            "labelled": [False] * 12,
        }
    )
    benchmark = with_target(benchmark, "x", np.arange(12.0))
    benchmark = with_target(benchmark, "y", -np.arange(12.0))
    benchmark = with_target(benchmark, "z", [None, None, math.inf, *np.linspace(6, 5, 9)], LOG_PERPLEXITY)
    rows = [
        ("good", seed, i, a, float(i), "ok", [12.0 - i, -float(i)]) for seed in (0, 1) for i, a in enumerate(ids)
    ] + [("flat", 0, i, a, 1.0, "ok", []) for i, a in enumerate(ids)]
    scores = [dict(zip(artifacts.SCORES.names, row, strict=True)) for row in rows]
    return by_proxy(pa.Table.from_pylist(scores, schema=artifacts.SCORES)), benchmark


def test_correlations_per_seed_and_on_the_mean_for_every_target(tables):
    rows = correlate.correlations(*tables, seed=0)
    good = {(r["target"], r["seeds"]): r["spearman_rho"] for r in rows if r["proxy"] == "good"}
    assert good == {
        (target, seeds): pytest.approx(sign)
        for target, sign in (("x", 1), ("y", -1), ("z", 1))
        for seeds in ("0", "1", "mean")
    }
    assert {(r["target"], r["architectures"]) for r in rows} == {
        ("x", 12),
        ("y", 12),
        ("z", 10),  # a failed training ranks last; where nothing was measured, nothing is compared
    }


def test_a_proxy_that_tells_nothing_apart_has_no_rho(tables):
    metrics = correlate.headline(correlate.correlations(*tables, seed=0), "x")
    assert metrics["flat"]["spearman_rho"] is None
    assert metrics["good"]["spearman_rho"] == 1


def test_proxies_are_compared_in_pairs():
    """On their mean scores, against scipy; one without a score ranks last."""
    rng = np.random.default_rng(0)
    scores = {"one": rng.normal(size=(2, 9)), "two": rng.normal(size=(1, 9)), "three": rng.normal(size=(1, 9))}
    scores["one"][1, 4] = -np.inf
    rows = [
        dict(zip(artifacts.SCORES.names, (proxy, seed, i, f"a{i}", score, "ok", []), strict=True))
        for proxy, matrix in scores.items()
        for seed, row in enumerate(matrix)
        for i, score in enumerate(row.tolist())
    ]
    found = correlate.proxy_correlations(by_proxy(pa.Table.from_pylist(rows, schema=artifacts.SCORES)))
    assert [(row["proxy"], row["other"]) for row in found] == [("one", "two"), ("one", "three"), ("two", "three")]
    for row in found:
        x, y = (np.maximum(scores[row[name]].mean(axis=0), -99) for name in ("proxy", "other"))
        assert row["spearman_rho"] == pytest.approx(spearmanr(x, y).statistic) and row["architectures"] == 9


def test_convergence_has_one_rho_per_iteration(tables):
    rows = correlate.convergence_rows(*tables, "x")
    assert [(r["proxy"], r["iteration"], round(r["spearman_rho"], 6)) for r in rows] == [
        ("good", 1, 1.0),
        ("good", 2, 1.0),
    ]


def test_rank_and_regret_with_ties():
    truth = GroundTruth({"a": 90.0, "b": 94.0, "c": 94.0, "d": 80.0}, ACCURACY)
    assert truth.of("b") == (94.0, 1, 0.0)
    assert truth.of("a") == (90.0, 3, 4.0)
    assert truth.of("d") == (80.0, 4, 14.0)
    with pytest.raises(InputError, match=r"candidates: the benchmark has not trained e;"):
        truth.of("e")


def test_less_perplexity_is_better():
    truth = GroundTruth({"a": 4.5, "b": 4.25, "c": math.inf}, LOG_PERPLEXITY)
    assert truth.of("b") == (4.25, 1, 0.0)
    assert truth.of("a") == (4.5, 2, 0.25)
    assert truth.of("c") == (math.inf, 3, math.inf)


def test_failed_trainings_rank_last_and_keep_their_target():
    """Of five cells three failed: rho is over all five, and the primary target is not lost."""
    ids = [f"cell-{i}" for i in range(5)]
    benchmark = with_target(pa.table({"architecture": ids}), "text", [4.0, 5.0, np.inf, np.inf, np.inf], LOG_PERPLEXITY)
    quality = correlate.read_targets(benchmark, ids)["text"]
    assert quality.tolist() == [-4.0, -5.0, -np.inf, -np.inf, -np.inf]
    assert agreement(np.array([5.0, 4.0, 3.0, 2.0, 1.0]), quality, 0)[2] == pytest.approx(0.894, abs=1e-3)
