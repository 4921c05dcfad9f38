"""One contract for every search of several objectives: a quality, and a cost that is known beforehand."""

import numpy as np
import pytest

from gennas import catalogue
from gennas.searches.base import SearchContext
from gennas.searches.candidates import OfSpace, OfTable
from gennas.searches.common.acquisition import BEGINNING, HypervolumeImprovement
from gennas.spaces import nasbench101, nasbench201
from gennas.stats import front, hypervolume

#: Searches with their options; a new one that declares several objectives adds a line.
OPTIONS = {
    "ageing_evolution": {"population": 10, "tournament": 5},
    "bayesian": {},
    "nsga2": {"population": 10},
    "random_search": {},
}


def table(size, seed=0):
    """Cells with their quality and cost, which follow their operations. Costs have many ties."""
    chosen = np.random.default_rng(seed).permutation(15625)[:size]
    cells = np.array(nasbench201.all_architectures())[chosen]
    quality = np.array([0.0, 2, 3, 4, 1])[cells].sum(axis=1)
    return cells, quality, np.array([0, 0.1, 1, 4, 0.5])[cells] @ [1, 2, 1, 3, 1, 2]


def search(name, cells, quality, cost, *, evaluations, seed=0, batch=5, options=(), **more):
    """The rows of a table that a search evaluates, in order."""
    ids = [str(row) for row in range(len(cells))]
    context = SearchContext(
        OfTable(cells, ids), seed, {**OPTIONS[name], **dict(options)},
        score=lambda chosen: [(float(quality[int(one)]), -float(cost[int(one)])) for one in chosen],
        known={1: lambda chosen: [-float(cost[int(one)]) for one in chosen]},
        evaluations=evaluations, batch=batch, **more,
    )  # fmt: skip
    steps = list(catalogue.load_module("searches", name).run(context))
    assert all(step.answer == max(steps[: i + 1], key=lambda one: one.scores).architecture
               for i, step in enumerate(steps))  # fmt: skip
    return [int(step.architecture) for step in steps]


def share(rows, quality, cost):
    """Of the true hypervolume beyond the medians, that of some rows."""
    points = np.column_stack([quality, -cost])
    reference = np.median(points, axis=0)
    return hypervolume(points[rows], reference) / hypervolume(points, reference)


def mean_share(name, cells, quality, cost):
    """Of 150 evaluations, over seeds: two of what finds much the same with each, and costs time."""
    seeds = range(2 if name == "bayesian" else 10)
    found = (search(name, cells, quality, cost, evaluations=150, seed=seed, batch=10) for seed in seeds)
    return np.mean([share(rows, quality, cost) for rows in found])


def test_every_search_of_several_objectives_is_under_this_contract():
    declared = {name: catalogue.declaration("searches", name) for name in catalogue.names("searches")}
    assert {name for name, own in declared.items() if own["objectives"] == "several"} == {*OPTIONS}


@pytest.mark.parametrize("name", ["bayesian", "nsga2"])  # ageing evolution keeps no front, and does not always
def test_a_search_finds_more_of_the_front_than_chance_and_than_without_anything_to_learn(name):
    """Among the same points, if they are of other cells, a search knows less: costs at most."""
    cells, quality, cost = table(1000)
    found = mean_share(name, cells, quality, cost)
    assert found > mean_share("random_search", cells, quality, cost) + 0.1
    shuffled = np.random.default_rng(1).permutation(cells)
    assert found > mean_share(name, shuffled, quality, cost) + 0.1


@pytest.mark.parametrize("name", OPTIONS)
def test_a_small_table_is_left_with_its_whole_front(name):
    cells, quality, cost = table(20)
    rows = search(name, cells, quality, cost, evaluations=400)
    assert {*np.flatnonzero(front(np.column_stack([quality, -cost])))} <= {*rows}


@pytest.mark.parametrize("name", OPTIONS)
def test_it_is_a_function_of_its_seed(name):
    cells, quality, cost = table(100)
    first, again, other = (search(name, cells, quality, cost, evaluations=20, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


# --- Bayesian optimisation ---------------------------------------------------------------------


def normal(quality):
    return {str(row): float(score) for row, score in enumerate(quality)}


@pytest.mark.parametrize(
    "more",
    [
        {"options": {"surrogate": "dngo"}},
        {"prior": True},
        {"vectors": True},
        {"prior": True, "vectors": True, "options": {"surrogate": "dngo"}},
    ],
)
def test_a_table_is_exhausted_whatever_the_surrogate_reads(more):
    """Half of it and more is beyond the reference point, dead cells among it are cheapest."""
    cells, quality, cost = table(16)
    quality[:3], cost[:3] = 0.0, 0.1
    given = {"prior": normal(quality), "vectors": {str(i): one.astype(float) for i, one in enumerate(cells)}}
    more = {key: given.get(key, value) for key, value in more.items()}
    rows = search("bayesian", cells, quality, cost, evaluations=50, batch=6, **more)
    assert sorted(rows) == list(range(16))


def test_a_true_prior_begins_along_the_front():
    cells, quality, cost = table(400)
    rows = search("bayesian", cells, quality, cost, evaluations=20, options={"initial": 20}, prior=normal(quality))
    assert share(rows, quality, cost) > 0.9


@pytest.mark.parametrize("costs", [[1, 1, 1, 1, 2, 2], [1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1]])
def test_a_beginning_has_every_candidate_once(costs):
    """Half of them and more gain nothing: they cost what the reference point does."""
    assert len(costs) < BEGINNING
    order = HypervolumeImprovement(np.array(costs, float)).order(np.arange(6.0))
    assert sorted(order.tolist()) == list(range(6))


def test_a_space_that_cannot_list_its_architectures_is_searched():
    """Two edges more cost one more."""
    context = SearchContext(
        OfSpace(nasbench101), 0, {},
        score=lambda ids: [(float(len(one)), -float(len(one) // 2)) for one in ids],
        known={1: lambda ids: [-float(len(one) // 2) for one in ids]}, evaluations=12, batch=4,
    )  # fmt: skip
    steps = list(catalogue.load_module("searches", "bayesian").run(context))
    assert len({step.architecture for step in steps}) == 12
