"""What a target's declaration decides: which way is better, which values there can be; and how it is kept."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gennas.targets import ACCURACY, COUNT, ENERGY_MJ, ENERGY_UJ, LATENCY, LOG_PERPLEXITY, RELATIVE_ERROR, SCORE, Target

numbers = st.floats(allow_nan=False, allow_infinity=False)
targets = st.builds(
    Target, st.text(), st.text(), st.booleans(), st.just(-math.inf) | numbers, st.just(math.inf) | numbers
)


def test_quality_is_higher_where_the_target_is_better():
    assert (ACCURACY.sign, LOG_PERPLEXITY.sign) == (1, -1)
    assert ACCURACY.quality(90.0) == 90 and LATENCY.quality(2.5) == -2.5
    assert LOG_PERPLEXITY.quality(np.array([4.0, math.inf])).tolist() == [-4, -math.inf]


@pytest.mark.parametrize(
    ("target", "is_cost"),
    [
        (ACCURACY, False), (LOG_PERPLEXITY, False), (RELATIVE_ERROR, False), (SCORE, False),
        (LATENCY, True), (ENERGY_MJ, True), (ENERGY_UJ, True), (COUNT, True),
    ],
)  # fmt: skip
def test_costs_are_told_from_labels_also_when_read_again(target, is_cost):
    assert target.is_cost is Target.from_mapping(json.loads(target.to_text())).is_cost is is_cost


@pytest.mark.parametrize(
    ("target", "values"),
    [
        (ACCURACY, [50, 100.5]), (ACCURACY, [-0.1]), (ACCURACY, [math.nan]), (ACCURACY, [math.inf]),
        (LOG_PERPLEXITY, [-1.0]), (LOG_PERPLEXITY, [math.nan]), (LATENCY, [-math.inf]),
    ],
)  # fmt: skip
def test_values_outside_the_bounds_are_refused(target, values):
    with pytest.raises(ValueError, match=rf"values outside 0\.\.(100|inf) {target.unit}"):
        target.check(values)


def test_values_at_the_bounds_are_good():
    ACCURACY.check([0, 100])
    LOG_PERPLEXITY.check([0, math.inf])  # of a training that failed


@given(targets)
def test_a_declaration_is_read_as_it_was_written(target):
    assert Target.from_mapping(json.loads(target.to_text())) == target


GOOD = json.loads(ACCURACY.to_text())


@pytest.mark.parametrize(
    "fields",
    [
        None, 7, [], {}, "accuracy", GOOD | {"colour": "red"}, {k: v for k, v in GOOD.items() if k != "unit"},
        GOOD | {"unit": 7}, GOOD | {"higher_is_better": 1}, GOOD | {"low": "0"}, GOOD | {"low": True},
        GOOD | {"high": math.nan}, GOOD | {"high": math.inf}, GOOD | {"quantity": None},
    ],
)  # fmt: skip
def test_anything_else_is_no_declaration(fields):
    with pytest.raises(ValueError, match="not the declaration of a target"):
        Target.from_mapping(fields)
