"""Constraints on costs, and the candidates that meet them."""

import numpy as np
import pytest

from gennas.errors import InputError
from gennas.searches import constraints
from gennas.searches.candidates import OfSpace, OfTable
from gennas.searches.constraints import UNCONSTRAINED, Constraints, Feasible
from gennas.spaces import nasbench201

SPACE = OfSpace(nasbench201)


def convolutions(ids):
    """A cost: how many convolutions of 3x3 a cell has, and one."""
    return np.array([1.0 + name.count("conv_3x3") for name in ids]).reshape(-1, 1)


SAMPLE = [SPACE.to_id(SPACE.draw(np.random.default_rng(seed))) for seed in range(200)]


def bounded(sample=SAMPLE, **bounds):
    return Constraints({"convolutions": bounds}, convolutions, sample)


def cell(count):
    """A cell of so many convolutions of 3x3."""
    return nasbench201.to_id((3,) * count + (1,) * (6 - count))


def test_bounds_include_what_they_name():
    found = bounded(at_least=2, at_most=3)
    assert found.met([cell(count) for count in range(5)]).tolist() == [False, True, True, False, False]
    assert found.met([]).tolist() == []


def test_a_quantile_is_that_of_the_draws():
    assert bounded(quantile_at_most=0.5).most == np.median(convolutions(SAMPLE))
    assert bounded(quantile_at_least=0.9).least == np.quantile(convolutions(SAMPLE), 0.9)


def test_the_excess_is_relative_and_begins_at_the_bound():
    assert bounded(at_most=2).excess([cell(count) for count in range(4)]).ravel().tolist() == [0, 0, 0.5, 1]
    assert bounded(at_least=3).excess([cell(0), cell(6)]).ravel().tolist() == [0, 0]


def test_what_nothing_meets_is_one_line():
    with pytest.raises(InputError, match=r"^constraints: none of 200 .* meets 8 <= convolutions <= inf; loosen them$"):
        bounded(at_least=8)


def test_no_section_is_no_constraint():
    assert constraints.find({}, nasbench201, SPACE, 0) is UNCONSTRAINED
    assert UNCONSTRAINED.met([cell(0)]).tolist() == [True] and UNCONSTRAINED.excess([cell(0)]).shape == (1, 0)
    assert constraints.keep(SPACE, UNCONSTRAINED, {}) is SPACE


def test_the_bounds_are_of_costs_and_of_draws_by_the_seed(monkeypatch):
    """The study's seed, so that all its searches and their runs have the same."""
    monkeypatch.setattr(constraints, "SAMPLE", 8)
    section = {"parameters": {"at_most": 1e6, "quantile_at_least": 0.8}}
    one, again, other = (constraints.find(section, nasbench201, SPACE, seed) for seed in (7, 7, 1))
    assert one.most == 1e6 and one.least == again.least != other.least
    counts = one.costs([cell(0), cell(1)])[:, 0]
    assert counts[1] - counts[0] == 5 * sum(9 * width**2 + 2 * width for width in (16, 32, 64))


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"weight": {"at_most": 1}}, "'weight' is no cost"),
        ({"flops": {"most": 1}}, "'most' is no bound"),
    ],
)
def test_a_cost_or_a_bound_that_there_is_not_is_named(section, named):
    with pytest.raises(InputError, match=named):
        constraints.find(section, nasbench201, SPACE, 0)


def test_feasible_candidates_meet_the_constraints():
    kept, rng = Feasible(SPACE, bounded(at_least=3, at_most=4)), np.random.default_rng(0)
    one = kept.draw(rng)
    every = [kept.draw(rng) for _ in range(20)] + [kept.mutate(one, rng) for _ in range(20)] + kept.neighbours(one, rng)
    assert all(2 <= candidate.count(3) <= 3 for candidate in every) and len(every) > 40
    assert kept.pool(rng) == [each for each in SPACE.pool(rng) if 2 <= each.count(3) <= 3]


def test_where_no_mutation_is_feasible_another_candidate_is_drawn():
    cells = np.array([(3,) * 6] + [(1,) * 6] * 30)
    table = OfTable(cells, [nasbench201.to_id(tuple(row)) for row in cells.tolist()])
    kept = Feasible(table, bounded([cell(6)], at_least=7))
    assert kept.mutate(0, np.random.default_rng(0)) == 0


def test_a_table_without_a_feasible_row_ends_with_one_line():
    table = OfTable(np.ones((5, 6)), [cell(0)] * 5)
    with pytest.raises(InputError, match="constraints: none of 1000"):
        Feasible(table, bounded([cell(6)], at_least=7)).draw(np.random.default_rng(0))
