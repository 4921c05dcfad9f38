"""Combinations of proxies: their ranks by hand, and a fit that generalises from labels."""

import json
import math
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from gennas.aggregates import fit
from gennas.stats import relative_ranks, spearman
from gennas.targets import ACCURACY
from stages import aggregate
from stages.support import artifacts

TARGET = "x_accuracy_percent"


def score_rows(scores: dict[str, list[list[float]]], prefix: str = "e") -> list[dict]:
    """Rows of scores.parquet: proxy -> repetition -> score by position."""
    return [
        {
            "proxy": proxy, "seed": seed, "position": i, "architecture": f"{prefix}{i}", "score": score,
            "status": "ok" if math.isfinite(score) else "diverged", "losses": [],
        }
        for proxy, repetitions in scores.items()
        for seed, row in enumerate(repetitions)
        for i, score in enumerate(row)
    ]  # fmt: skip


def combine(folder, params: dict, scores: dict, labelled: dict | None = None, quality: list[float] = ()) -> tuple:
    """The stage, run: scores by aggregate, and what its fits learnt."""
    artifacts.write_rows(score_rows(scores), artifacts.SCORES, folder / "scores.parquet")
    shards = []
    for proxy, row in (labelled or {}).items():
        shards.append(folder / f"{proxy}.parquet")
        artifacts.write_rows(score_rows({proxy: [row]}, "l"), artifacts.SCORES, folder / f"{proxy}.parquet")
    known = [
        {"architecture": f"l{i}", "encoding": [0], "status": "ok", "parameters": None, "labelled": False}
        for i in range(len(quality))
    ]
    field = artifacts.target_field(TARGET, ACCURACY)
    values = pa.array([50 + 10 * value for value in quality], pa.float64())
    benchmark = pa.Table.from_pylist(known, artifacts.BENCHMARK).append_column(field, values)
    artifacts.write_parquet(benchmark, artifacts.BENCHMARK, folder / "benchmark.parquet")
    aggregate.aggregate(
        scores=folder / "scores.parquet", labelled=shards, benchmark=folder / "benchmark.parquet",
        aggregates=folder / "aggregates.parquet", fits=folder / "fits.json", section=params, target=TARGET,
    )  # fmt: skip
    rows = artifacts.read_parquet(folder / "aggregates.parquet", artifacts.SCORES).to_pylist()
    found: dict[str, list[float]] = {}
    for row in rows:
        assert row["architecture"] == f"e{row['position']}"
        found.setdefault(row["proxy"], []).append(row["score"])
    return found, json.loads((folder / "fits.json").read_text())


def test_ranks_are_combined_as_by_hand(tmp_path):
    """Ranks of a: 1, 2, 3, 4 of 4. The means of b are 3, 3, -inf, 9: ranks 2.5, 2.5, 1, 4."""
    scores = {"a": [[1, 2, 3, 4]], "b": [[1, 5, 0, 9], [5, 1, -math.inf, 9]]}
    members = {"members": ["a", "b"]}
    params = {"mean": {"kind": "mean_rank", **members}, "log": {"kind": "log_rank", **members}}
    found, fits = combine(tmp_path, params, scores)
    assert found["mean"] == pytest.approx([1.75 / 4, 2.25 / 4, 2 / 4, 1])
    pairs = ((1, 2.5), (2, 2.5), (3, 1), (4, 4))
    assert found["log"] == pytest.approx([(math.log(a / 4) + math.log(b / 4)) / 2 for a, b in pairs])
    assert fits == {}


def test_one_bad_rank_weighs_more_in_the_logarithm(tmp_path):
    scores = {"a": [[9, 5, 1, 2, 3]], "b": [[0, 4, 1, 2, 3]]}  # the first is best for one, and worst for the other
    params = {kind: {"kind": kind, "members": ["a", "b"]} for kind in ("mean_rank", "log_rank")}
    found, _ = combine(tmp_path, params, scores)
    order = {kind: np.argsort(np.argsort(values))[0] for kind, values in found.items()}
    assert order["log_rank"] < order["mean_rank"]


def test_a_fit_follows_the_labels(tmp_path):
    """Of two informative members and one of noise; quality is nearer to the first."""
    rng = np.random.default_rng(0)
    quality = rng.normal(size=320)

    def noisy(level: float) -> np.ndarray:
        return quality + level * rng.normal(size=len(quality))

    columns = {"good": noisy(0.3), "fair": noisy(1.0), "noise": rng.normal(size=len(quality))}
    labelled = {name: column[:20].tolist() for name, column in columns.items()}
    evaluated = {name: [column[20:].tolist()] for name, column in columns.items()}
    params = {"fit": {"kind": "fit", "members": list(columns)}}
    found, fits = combine(tmp_path, params, evaluated, labelled, quality[:20].tolist())
    weights = fits["fit"]["weights"]
    assert weights["good"] > weights["fair"] >= 0 and weights["noise"] < 0.1
    assert fits["fit"]["labelled"] == 20 and 0.7 < fits["fit"]["cross_validated_rho"] <= 1
    rho = {name: spearman(np.array(row[0]), quality[20:]) for name, row in evaluated.items()}
    assert spearman(found["fit"], quality[20:]) > max(rho.values()) - 0.02 > 0.9


def test_what_is_left_out_is_not_learnt():
    """Noise predicts nothing, but a fit that has seen the quality of the left-out predicts it from so many features."""
    rng = np.random.default_rng(1)
    drawn = [(rng.random((12, 10)), rng.random(12)) for _ in range(5)]
    seen = [spearman(fit.fit(*noise).predict(noise[0]), noise[1]) for noise in drawn]
    assert np.nanmean([fit.cross_validated_rho(*noise) for noise in drawn]) < 0.1 < 0.4 < np.nanmean(seen)


def test_every_order_of_architectures_gives_the_same_combination():
    values = np.array([[3.0, 1.0], [1.0, 2.0], [2.0, 2.0]])
    for order in product(range(3), repeat=3):
        if len(set(order)) == 3:
            assert (relative_ranks(values[list(order)]) == relative_ranks(values)[list(order)]).all()
