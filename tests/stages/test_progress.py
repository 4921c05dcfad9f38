"""How fast searches get where, against figures by hand and scipy's interval."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from gennas.stats import mean_interval
from gennas.targets import ACCURACY
from stages.report import progress
from stages.support.ground_truth import GroundTruth

VALIDATION, TEST = "toy_validation_accuracy_percent", "toy_test_accuracy_percent"
#: 2,000 architectures, the later the better; 2 of them are the top 0.1 %.
TRUTHS = {
    VALIDATION: GroundTruth({str(i): i / 20 for i in range(2000)}, ACCURACY),
    TEST: GroundTruth({str(i): i / 40 for i in range(2000)}, ACCURACY),
}


def trajectory(name, *runs, target=VALIDATION):
    """Rows of runs, each a list of the architectures that were the best so far."""
    rows = []
    for seed, run in enumerate(runs):
        for evaluation, best in enumerate(run, start=1):
            _, rank, regret = TRUTHS[target].of(str(best))
            given = {"search": name, "seed": seed, "evaluation": evaluation, "target": target}
            rows.append(given | {"best_architecture": str(best), "best_rank": rank, "regret": regret})
    return rows


def test_regret_is_that_after_so_many_evaluations():
    runs = [[1000] * 9 + [1500] * 10 + [1999], [500] * 20]
    (found,) = progress.of_searches(trajectory("mine", *runs), TRUTHS)
    assert found.regrets.keys() == {10, 20}
    assert found.regrets[10][0] == pytest.approx((499 / 20 + 1499 / 20) / 2)
    assert found.regrets[20][0] == pytest.approx((0 + 1499 / 20) / 2)
    assert found.tests[0] == pytest.approx((1999 / 40 + 500 / 40) / 2)


def test_the_top_and_the_best_are_reached_by_half_of_the_runs_or_not_at_all():
    runs = [[0, 1998, 1999], [1998, 1998, 1998], [0, 0, 1998], [0, 0, 0]]
    (found,) = progress.of_searches(trajectory("mine", *runs), TRUTHS)
    assert found.to_top == np.median([2, 1, 3, math.inf]) == 2.5 and found.to_best == math.inf
    assert progress.table([found])[1][0][-3:-1] == ["2.5", "-"]


def test_a_run_that_ended_early_keeps_its_answer():
    (found,) = progress.of_searches(trajectory("mine", [1999] * 3, [1000] * 20), TRUTHS)
    assert found.regrets[20][0] == pytest.approx((0 + 999 / 20) / 2)


def test_the_interval_is_that_of_the_mean():
    values = np.random.default_rng(0).normal(size=200)
    mean, reach = mean_interval(values)
    low, high = bootstrap((values,), np.mean, rng=np.random.default_rng(1)).confidence_interval
    assert (mean - reach, mean + reach) == pytest.approx((low, high), abs=0.02)
    assert progress.with_reach(mean_interval([1.25])) == "1.25"


def test_each_search_is_judged_by_its_own_column_and_has_a_row():
    rows = trajectory("a", [5, 6], [7, 8]) + trajectory("b", [9], [10], target=TEST)
    head, table = progress.table(progress.of_searches(rows, TRUTHS))
    assert [row[:2] for row in table] == [
        ["a", "toy validation accuracy percent"],
        ["b", "toy test accuracy percent"],
    ]
    assert {len(row) for row in table} == {len(head)} and table[1][-1] == "-"  # a test set is reported by no other
