"""What proxies cost: how it is measured, added up and weighed, without a clock that ticks."""

import json

import pytest
from conftest import SPACE

from stages import time_proxies
from stages.report import costs, summary
from stages.support import artifacts
from stages.support.scorers import job_parameters

PROXIES = {
    "parameters": {"kind": "parameters", "seeds": 1},
    "naswot": {"kind": "naswot", "seeds": 2, "protocol": "untrained"},
    "single": {"kind": "regression", "task": "tasks/single.yaml", "seeds": 3},
    "lesson": {"kind": "short_training", "dataset": "digits", "seeds": 1},
}
SECTION = {
    "target": "x_percent",
    "train_proxy": {"protocol": "reduced", "proxies": PROXIES},
    "aggregate": {"both": {"kind": "mean_rank", "members": ["naswot", "single"]}},
}
ROWS = [
    dict(zip(artifacts.COSTS.names, (name, 5, 3, seconds, 0.5 * seconds, 2 * seconds), strict=True))
    for name, seconds in zip(PROXIES, (0.01, 0.1, 0.5, 123.4), strict=True)
]


class Clock:
    """Time, which passes when an architecture is scored: in round r, as many seconds as `durations[r]` says."""

    def __init__(self, durations: list[dict[str, float]]) -> None:
        self.now, self.durations, self.scored = 0.0, durations, []

    def scores(self, scorer, ids):
        self.scored.append(scorer)
        for _ in ids:
            self.now += self.durations[(len(self.scored) - 1) // len(self.durations[0])][scorer]
            yield 0.0


def test_proxies_take_turns_and_the_first_round_does_not_count(monkeypatch):
    clock = Clock([{"a": 99.0, "b": 99.0}, {"a": 1.0, "b": 5.0}, {"a": 3.0, "b": 5.0}, {"a": 2.0, "b": 7.0}])
    monkeypatch.setattr(time_proxies.time, "perf_counter", lambda: clock.now)
    measured = time_proxies.measure(clock, {"first": "a", "second": "b"}, ["x", "y", "z"])
    assert clock.scored == ["a", "b"] * 4
    assert measured == {"first": [1, 3, 2], "second": [5, 5, 7]}
    rows = [tuple(row.values()) for row in time_proxies.cost_rows(measured, 3)]
    assert rows == [("first", 3, 3, 2, 1, 3), ("second", 3, 3, 5, 5, 7)]


def test_the_toy_study_has_the_cost_of_each_proxy_and_says_where_it_was_measured(finished):
    table = artifacts.read_parquet(finished.path(f"results/{SPACE}/costs.parquet"), artifacts.COSTS)
    assert table["proxy"].to_pylist() == ["parameters", "single", "searched"]
    for row in table.to_pylist():
        assert (row["architectures"], row["rounds"]) == (time_proxies.ARCHITECTURES, time_proxies.ROUNDS)
        assert 0 < row["seconds_low"] <= row["seconds"] <= row["seconds_high"]
    metadata = table.schema.metadata
    assert metadata[b"processor"].decode() == time_proxies.processor() and metadata[b"device"].startswith(b"cpu")


def test_a_proxy_is_told_its_own_protocol_or_the_stages():
    protocols = {"reduced": {"iterations": 30}, "untrained": {"width": 0.5}}
    assert {name: job_parameters(SECTION["train_proxy"], name, protocols) for name in PROXIES} == {
        "parameters": {"kind": "parameters", "seeds": 1},
        "naswot": {"kind": "naswot", "seeds": 2, "protocol": {"width": 0.5}},
        "single": {"kind": "regression", "seeds": 3, "protocol": {"iterations": 30}},
        "lesson": {"kind": "short_training", "dataset": "digits", "seeds": 1, "protocol": {"iterations": 30}},
    }


def test_repetitions_and_members_add_up():
    found = costs.per_architecture(SECTION, ROWS)
    assert found["parameters"] == pytest.approx((0.01, 0.005, 0.02))
    assert found["naswot"] == pytest.approx((0.2, 0.1, 0.4))
    assert found["single"] == pytest.approx((1.5, 0.75, 3))
    assert found["both"] == pytest.approx((1.7, 0.85, 3.4))


def test_seconds_have_two_digits_that_count():
    assert [costs.text(s) for s in (0.00412, 0.0499, 1.25, 12.34, 99.4, 123.4)] == [
        "0.0041", "0.050", "1.2", "12", "99", "123",
    ]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A study that has scored its proxies."""
    results = tmp_path / "results" / SPACE
    artifacts.write_rows(ROWS, artifacts.COSTS, results / "costs.parquet")
    rows = [
        (name, "x_percent", seeds, 20, 0, rho, rho - 0.1, rho + 0.1, rho, 0.5)
        for name, rho in zip([*PROXIES, "both"], (0.5, 0.6, 0.7, 0.8, 0.75), strict=True)
        for seeds in ("0", "mean")
    ]
    rows = [dict(zip(artifacts.CORRELATION.names, row, strict=True)) for row in rows]
    artifacts.write_rows(rows, artifacts.CORRELATION, results / "correlation.parquet")
    return tmp_path


def test_the_summary_has_aggregates_too(folder):
    seconds = summary.read_costs(folder, SPACE, SECTION)
    found = {"spearman_rho": 0.75, "rho_low": 0.65, "rho_high": 0.85, "kendall_tau": 0.5, "architectures": 20}
    lines = summary.table(seconds, {"single": found | {"spearman_rho": None}, "both": found}).splitlines()
    assert lines[1].split() == ["both", "0.750", "[0.650,", "0.850]", "0.500", "20", "1.7"]
    assert lines[2].split() == ["single", "-", "[0.650,", "0.850]", "0.500", "20", "1.5"]


def test_the_tables_of_a_study_have_aggregates_too(folder):
    rows = [tuple(row) for row in summary.correlation_rows(folder, SPACE, SECTION)]
    assert [(row[2], row[-2], row[-1]) for row in rows] == [
        ("lesson", "1", "123"), ("both", "-", "1.7"), ("single", "3", "1.5"), ("naswot", "2", "0.20"),
        ("parameters", "1", "0.010"),
    ]  # fmt: skip
    assert json.dumps(rows[1]) == json.dumps(
        [SPACE, "x percent", "both", "0.750 [0.65, 0.85]", "0.75", "50 %", "20", "-", "1.7"]
    )
