"""One contract for every search, and what makes each of them what it is."""

import ast
import math
from pathlib import Path

import numpy as np
import pytest

from gennas.searches import (
    ageing_evolution,
    bayesian,
    candidates,
    epnas,
    local_search,
    nsga2,
    pareto,
    pnas,
    random_search,
    reinforce,
)
from gennas.searches.ageing_evolution import AgeingEvolution
from gennas.searches.base import SearchContext
from gennas.searches.candidates import NEIGHBOURS, POOL, OfSpace, OfTable
from gennas.searches.driver import ask_tell
from gennas.searches.halving import Halving
from gennas.spaces import nasbench101, nasbench201

#: Searches that score architectures, with options; a new one adds a line.
SEARCHES = {
    "ageing_evolution": (ageing_evolution, {"population": 10, "tournament": 5}),
    "bayesian": (bayesian, {}),
    "epnas": (epnas, {}),
    "local_search": (local_search, {}),
    "nsga2": (nsga2, {"population": 10}),
    "pnas": (pnas, {}),
    "random_search": (random_search, {}),
    "reinforce": (reinforce, {}),
}
#: Those that grow architectures do so in a space, not in a table.
OF_TABLES = [name for name, (module, _) in SEARCHES.items() if not module.DECLARATION.get("growth")]
#: Of any two objectives; `bayesian` wants one of them to be a cost.
SEVERAL = [
    name
    for name, (module, _) in SEARCHES.items()
    if module.DECLARATION["objectives"] == "several" and module is not bayesian
]


def value(architecture, weights=(3, 1, 4, 1, 5, 9)):
    """A score of a cell, the sum of what each edge's operation adds: the higher its index, the more."""
    return float(np.dot(nasbench201.from_id(architecture), weights))


def run(name, seed=0, evaluations=60, batch=10, score=lambda a: (value(a),), searched=None):
    """The steps of a search, and the batches that it had scored."""
    module, options = SEARCHES[name]
    batches = []

    def score_all(architectures):
        batches.append(list(architectures))
        return [score(architecture) for architecture in architectures]

    searched = searched or OfSpace(nasbench201)
    context = SearchContext(searched, seed, options, score_all, evaluations=evaluations, batch=batch)
    return list(module.run(context)), batches


def test_every_search_is_under_this_contract():
    """But those that score no architecture, which have tests of their own."""
    for path in Path(candidates.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DECLARATION":
                assert not ast.literal_eval(node.value)["scores"] or path.stem in SEARCHES


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_a_function_of_its_seed(name):
    assert run(name, 1) == run(name, 1)
    assert run(name, 1) != run(name, 2)


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize(("evaluations", "batch"), [(25, 10), (7, 1), (3, 50)])
def test_a_search_keeps_to_its_budget_and_its_batches(name, evaluations, batch):
    steps, batches = run(name, evaluations=evaluations, batch=batch)
    assert len(steps) == evaluations and max(map(len, batches)) <= batch
    assert [step.architecture for step in steps] == [a for own in batches for a in own]
    for step in steps:
        assert nasbench201.to_id(nasbench201.from_id(step.architecture)) == step.architecture
        assert step.scores == (value(step.architecture),)


@pytest.mark.parametrize("name", SEARCHES)
def test_the_answer_is_the_best_so_far_the_first_of_equals(name):
    steps, _ = run(name, score=lambda a: (value(a) // 20,))
    for count, step in enumerate(steps, start=1):
        assert step.answer == max(steps[:count], key=lambda one: one.scores).architecture


@pytest.mark.parametrize("name", OF_TABLES)
def test_a_search_of_a_table_yields_its_rows(name):
    cells = [nasbench201.random_architecture(np.random.default_rng(seed)) for seed in range(40)]
    ids = [nasbench201.to_id(cell) for cell in cells]
    steps, _ = run(name, searched=OfTable(np.array(cells), ids))
    assert {step.architecture for step in steps} <= {*ids}


@pytest.mark.parametrize("name", sorted(set(SEARCHES) - {"random_search"}))
def test_a_search_beats_random_search_where_neighbours_are_alike(name):
    def best(name):
        return np.mean([value(run(name, seed, 100)[0][-1].answer) for seed in range(5)])

    assert best(name) > best("random_search")


def test_batches_change_nothing_of_random_search():
    assert run("random_search", batch=1)[0] == run("random_search", batch=7)[0]


# --- the driver --------------------------------------------------------------------------------


class Script:
    """A searcher that asks for what it was given, and notes what it was told."""

    def __init__(self, batches):
        self.batches, self.log = iter(batches), []

    def ask(self, count):
        self.log.append(("ask", count))
        return next(self.batches)

    def tell(self, asked, scores):
        self.log.append(("tell", asked, scores))


def test_a_batch_is_told_before_the_next_is_asked_for():
    """And a searcher that has fewer candidates than it may ask for is asked again."""
    searcher = Script([[3, 1], [5], [2, 2]])
    steps = list(ask_tell(searcher, lambda batch: [(float(one),) for one in batch], 5, 2))
    assert [step[0] for step in steps] == [3, 1, 5, 2, 2] and [step[2] for step in steps] == [3, 3, 5, 5, 5]
    asks = [entry[1] for entry in searcher.log if entry[0] == "ask"]
    assert asks == [2, 2, 2]
    assert searcher.log[1] == ("tell", [3, 1], [(3.0,), (1.0,)])


def test_a_searcher_with_nothing_left_ends():
    steps = list(ask_tell(Script([[3, 1], []]), lambda batch: [(float(one),) for one in batch], 5, 2))
    assert [step[0] for step in steps] == [3, 1]


# --- ageing evolution --------------------------------------------------------------------------


def draw(rng):
    return int(rng.integers(1000))


def mutate(candidate, rng):
    return candidate + int(rng.choice([-1, 1]))


def evolution(seed, population=10, tournament=5):
    return AgeingEvolution(np.random.default_rng(seed), draw, mutate, population, tournament)


def test_evolution_first_draws_its_population_then_mutates_members():
    steps = ask_tell(evolution(3), lambda batch: [(float(one),) for one in batch], 60)
    drawn = [candidate for candidate, *_ in steps]
    assert drawn[:10] == np.random.default_rng(3).integers(1000, size=10).tolist()
    for step in range(10, 60):
        assert any(abs(drawn[step] - member) == 1 for member in drawn[step - 10 : step])


def test_the_oldest_dies_however_good():
    search = evolution(0, population=2, tournament=2)
    search.tell([100, 200, 300], [(1e9,), (0.0,), (0.0,)])
    assert [candidate for candidate, _ in search.members] == [200, 300]


def test_the_whole_population_in_the_tournament_breeds_the_best():
    search = evolution(0, population=5, tournament=5)
    search.tell([10, 50, 30, 20, 40], [(10.0,), (50.0,), (30.0,), (20.0,), (40.0,)])
    assert all(child in (49, 51) for child in search.ask(10))


def test_with_several_objectives_a_dominated_member_does_not_breed():
    search = evolution(0, population=4, tournament=4)
    search.tell([10, 50, 30, 20], [(2.0, 0.0), (1.0, 0.0), (0.0, 2.0), (0.0, 1.0)])
    assert {child for child in search.ask(40)} <= {9, 11, 29, 31}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_objectives_are_searched_together(name):
    """One wants the first three edges high, the other one the last three."""

    def score(architecture):
        return value(architecture, (1, 1, 1, 0, 0, 0)), value(architecture, (0, 0, 0, 1, 1, 1))

    steps, _ = run(name, evaluations=300, score=score)
    assert all(len(step.scores) == 2 for step in steps)
    assert steps[-1].answer == max(steps, key=lambda step: step.scores).architecture
    if name != "random_search":
        drawn, _ = run("random_search", evaluations=300, score=score)
        assert max(sum(step.scores) for step in steps) > max(sum(step.scores) for step in drawn)


def test_dominated_scores_come_after_those_that_dominate_them():
    scores = [(1.0, 1.0), (3.0, 0.0), (0.0, 3.0), (2.0, 2.0), (2.0, 2.0), (0.0, -math.inf)]
    assert pareto.fronts(scores) == [1, 0, 0, 0, 0, 2]
    assert pareto.best_first(scores) == [1, 3, 4, 2, 0, 5]
    assert pareto.best(scores) == 1  # an end of the front
    assert pareto.best_first([(1.0,), (2.0,), (2.0,)]) == [1, 2, 0] and pareto.best([(1.0,), (2.0,), (2.0,)]) == 1


def test_the_least_crowded_of_a_front_is_the_best():
    """The ends of a front are infinitely far from others; of what lies between, the neighbours' distance counts."""
    scores = [(0.0, 10.0), (10.0, 0.0), (5.0, 8.0), (6.0, 7.0), (7.0, 3.0)]
    assert pareto.crowding(scores) == pytest.approx([math.inf, math.inf, 0.9, 0.7, 1.1])
    assert pareto.best(scores) == 0


def test_no_score_is_the_worst_not_infinitely_far():
    spread = pareto.crowding([(-math.inf, 4.0), (1.0, 3.0), (2.0, 2.0), (3.0, 1.0)])
    assert spread == pytest.approx([math.inf, 0.5 + 2 / 3, 1 + 2 / 3, math.inf])


# --- local search ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_local_search_finds_a_planted_optimum(seed):
    """The nearer to the planted cell the better: each of six edges is put right in one sweep at most."""
    planted = nasbench201.random_architecture(np.random.default_rng(99))

    def score(architecture):
        return (-float(np.not_equal(nasbench201.from_id(architecture), planted).sum()),)

    steps, _ = run("local_search", seed, evaluations=1 + 6 * 24, score=score)
    assert steps[-1].answer == nasbench201.to_id(planted)


def test_local_search_evaluates_nothing_twice_and_starts_anew_at_a_summit():
    steps, batches = run("local_search", evaluations=200)
    evaluated = [step.architecture for step in steps]
    assert len({*evaluated}) == 200
    starts = [batch for batch in batches if len(batch) == 1]
    summit = nasbench201.to_id((4,) * 6)
    assert steps[-1].answer == summit and evaluated.index(summit) < 199 and len(starts) > 1


def test_neighbours_of_a_space_are_one_edit_away():
    """Sampled or enumerated, all 24 of a cell, none twice, in another order each time."""

    class Unlisted:
        """The space, as if it could not enumerate neighbours."""

        random_architecture = staticmethod(nasbench201.random_architecture)
        mutate, to_id = staticmethod(nasbench201.mutate), staticmethod(nasbench201.to_id)

    cell = (0, 1, 2, 3, 4, 0)
    for space in (nasbench201, Unlisted):
        found = [OfSpace(space).neighbours(cell, np.random.default_rng(seed)) for seed in (0, 1)]
        assert {*found[0]} == {*found[1]} == {*nasbench201.neighbours(cell)} and found[0] != found[1]
        assert len(found[0]) == 24 and all(np.not_equal(one, cell).sum() == 1 for one in found[0])


# --- a table of candidates ---------------------------------------------------------------------


def test_over_a_whole_space_a_neighbour_is_a_mutation():
    """Of NAS-Bench-201, 24 cells differ from one in one operation: every step leads to one of these."""
    cells = np.array(nasbench201.all_architectures())
    table, rng = OfTable(cells, []), np.random.default_rng(0)
    row = table.draw(rng)
    mutants = {table.mutate(row, rng) for _ in range(500)}
    assert len(mutants) == 24 and mutants == {*table.neighbours(row, rng)}
    assert all((cells[row] != cells[neighbour]).sum() == 1 for neighbour in mutants)


def test_a_neighbour_is_never_the_row_itself_even_among_equal_encodings():
    table, rng = OfTable(np.zeros((3, 4)), []), np.random.default_rng(0)
    assert {table.mutate(1, rng) for _ in range(50)} == {0, 2} == {*table.neighbours(1, rng)}


def test_equally_near_rows_are_equally_likely():
    table, rng = OfTable(np.eye(4 * NEIGHBOURS), []), np.random.default_rng(0)
    assert {table.mutate(0, rng) for _ in range(2000)} == set(range(1, 4 * NEIGHBOURS))


# --- the pool of candidates --------------------------------------------------------------------


def test_the_pool_of_a_space_has_each_network_once():
    found = OfSpace(nasbench201)
    pool = found.pool(np.random.default_rng(0))
    assert len(pool) == len({*pool}) == 5425
    assert {nasbench201.canonical(cell) for cell in nasbench201.all_architectures()[::50]} <= {*pool}
    assert found.encode(pool[7]) == nasbench201.encode(pool[7])
    assert all(found.from_id(nasbench201.to_id(cell)) in pool for cell in nasbench201.all_architectures()[::500])


def test_the_pool_of_a_space_that_is_not_listed_is_drawn():
    found = OfSpace(nasbench101)
    pool = found.pool(np.random.default_rng(0))
    assert len(pool) == len({*pool}) == POOL
    assert pool[:50] == found.pool(np.random.default_rng(0))[:50] != found.pool(np.random.default_rng(1))[:50]


def test_the_pool_of_a_small_space_is_all_of_it():
    class Bits:
        """Three bits, drawn."""

        def random_architecture(self, rng):
            return tuple(rng.integers(2, size=3).tolist())

        mutate, to_id = random_architecture, staticmethod(str)

    assert len(OfSpace(Bits()).pool(np.random.default_rng(0))) == 8


def test_the_pool_of_a_table_has_the_first_row_of_each_network():
    table = OfTable(np.eye(4, dtype=np.int8), ["a", "b", "c", "d"], [0, 1, 0, 2])
    assert table.pool(np.random.default_rng(0)) == [0, 1, 3] and list(table.encode(1)) == [0, 1, 0, 0]
    assert table.from_id("c") == 0 and table.from_id("e") is None
    assert OfTable(np.eye(4), ["a", "b", "c", "d"]).pool(np.random.default_rng(0)) == [0, 1, 2, 3]


# --- successive halving ------------------------------------------------------------------------


def test_halving_sets_the_median_of_those_before_as_the_limit():
    halving = Halving(rungs=[2, 4], window=2, minimum=3)
    assert halving.limits() == {}
    for last in (1.0, 5.0, 3.0):
        halving.tell([9.0, 9.0, last, last])
    halving.tell([2.0, 4.0])  # stopped at the first rung
    assert halving.limits() == {2: 9.0, 4: 3.0}
    for _ in range(2):
        halving.tell([math.nan] * 4)  # diverged
    assert halving.limits() == {2: 9.0, 4: 5.0}
