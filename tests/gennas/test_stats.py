"""Statistics of ranks against scipy, by hand and by what they promise of any numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from gennas import stats
from gennas.stats import (
    front,
    hypervolume,
    igd_plus,
    interval,
    pareto_front,
    rank_among,
    relative_ranks,
    spearman,
    top_share,
)

values = st.lists(st.integers(-5, 5), min_size=3, max_size=30)


@given(st.data(), values)
def test_spearman_is_scipys(data, x):
    y = data.draw(st.lists(st.integers(-5, 5), min_size=len(x), max_size=len(x)))
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    else:
        assert math.isnan(spearman(x, y))


def test_a_backwards_ranking_has_a_negative_rho():
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == -1
    assert spearman([-math.inf, 2, 3, 4], [1, 2, 3, 4]) == 1  # a diverged training ranks last


def test_top_share_by_hand():
    accuracies = np.arange(40.0)  # best 5 %: 38, 39; predicted best 10 %: four
    scores = accuracies.copy()
    assert top_share(scores, accuracies) == 1
    scores[38] = -1
    assert top_share(scores, accuracies) == 0.5
    assert top_share(-accuracies, accuracies) == 0


def test_the_interval_holds_rho_and_narrows_with_n():
    rng = np.random.default_rng(0)
    widths = []
    for n in (30, 300):
        x = rng.normal(size=n)
        y = x + rng.normal(size=n)
        low, high = interval(x, y, 0)
        assert low < spearman(x, y) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_of_many_architectures_the_interval_is_the_bootstraps_without_its_cost(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=stats.MANY + 1)
    for noise in (0.3, 3):
        y = x + noise * rng.normal(size=len(x))
        closed = interval(x, y, 0)
        with monkeypatch.context() as patch:
            patch.setattr(stats, "MANY", len(x))
            assert interval(x, y, 0) == pytest.approx(closed, abs=0.006)
    assert interval(x, x, 0) == (1, 1)
    assert np.isnan(interval(x, np.zeros_like(x), 0)).all()


# --- ranks among a reference --------------------------------------------------------------------

some = st.lists(st.floats(allow_nan=False), min_size=1, max_size=20).map(np.array)


@given(some)
def test_a_member_of_the_reference_has_the_rank_that_it_has_there(reference):
    ranks = rank_among(reference, reference)
    assert ranks == pytest.approx(rankdata(reference) / len(reference), rel=1e-12)
    assert ranks == pytest.approx(relative_ranks(reference), rel=1e-12)


@given(some, some)
def test_a_rank_among_a_reference_follows_the_values_and_nothing_else(reference, values):
    """It never falls as a value rises, is above 0, and less than a rank above 1, whatever else is ranked beside it."""
    ranks = rank_among(reference, values)
    assert ranks.shape == values.shape and (ranks > 0).all() and (ranks <= 1 + 1 / len(reference)).all()
    order = np.argsort(values, kind="stable")
    assert (np.diff(ranks[order]) >= 0).all()
    assert ranks.tolist() == [float(rank_among(reference[::-1], values[[i]])[0]) for i in range(len(values))]


def test_a_new_value_is_between_its_neighbours():
    reference = np.array([10.0, 20.0, 20.0, 40.0])
    found = rank_among(reference, np.array([-np.inf, 10, 15, 20, 30, 35, 40, 50, 70, np.inf]))
    assert found.tolist() == [1 / 8, 2 / 8, 3 / 8, 5 / 8, 7 / 8, 3.75 / 4, 1, 4.25 / 4, 4.5 / 4, 5 / 4]


# --- the Pareto front ---------------------------------------------------------------------------

numbers = st.integers(0, 9).map(float)


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.tuples(numbers, numbers), max_size=12))
def test_the_front_is_what_nothing_beats(points):
    """A point is beaten by one as cheap and as good, unless both are the same."""
    best = pareto_front(points)
    beats = {name: [o for o, (c, r) in points.items() if c <= cost and r >= rho and (c, r) != (cost, rho)]
             for name, (cost, rho) in points.items()}  # fmt: skip
    assert {points[name] for name in best} == {points[name] for name in points if not beats[name]}
    assert [points[name] for name in best] == sorted({points[name] for name in best})


# --- fronts ------------------------------------------------------------------------------------

points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12).map(np.array)


@given(points)
def test_a_front_is_what_nothing_dominates(found):
    def dominated(one):
        return any((other >= one).all() and (other > one).any() for other in found)

    assert front(found).tolist() == [not dominated(one) for one in found]


@given(points)
def test_a_hypervolume_is_the_area_of_what_is_dominated(found):
    """Of whole numbers: the unit squares beyond the reference point (1, 2) that are below a point."""
    squares = [(x, y) for x in range(1, 6) for y in range(2, 6)]
    below = sum(any(x < one[0] and y < one[1] for one in found) for x, y in squares)
    assert hypervolume(found, np.array([1, 2])) == below
    assert hypervolume(found[front(found)], np.array([1, 2])) == below


@given(points, points)
def test_what_dominates_the_true_front_is_no_distance_from_it(found, true):
    true = true[front(true)]
    assert igd_plus(np.vstack([found, true]), true) == 0 and igd_plus(true + 1, true) == 0
    assert igd_plus(found, true) >= igd_plus(np.vstack([found, found + 1]), true) >= 0


def test_a_distance_is_in_shares_of_the_fronts_range():
    true = np.array([[0.0, 10.0], [100.0, 0.0]])
    assert igd_plus(np.array([[50.0, 20.0]]), true) == pytest.approx((0 + 0.5) / 2)
    assert igd_plus(np.empty((0, 2)), true) == math.inf
