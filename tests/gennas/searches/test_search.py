"""One contract for every search, and what makes ageing evolution what it is."""

import math

import numpy as np
import pytest

from gennas.proxies import Score
from gennas.regression.training import read_out
from gennas.searches import AgeingEvolution, Neighbours, RandomSearch
from gennas.searches.halving import Halving
from gennas.searches.neighbours import NEIGHBOURS
from gennas.spaces import nasbench201
from stages.search_architecture import Evaluator, best_of_finals, trajectory
from stages.support.inputs import Scorer


def draw(rng):
    return int(rng.integers(1000))


def mutate(candidate, rng):
    return candidate + int(rng.choice([-1, 1]))


def evolution(seed, population=10, tournament=5):
    return AgeingEvolution(np.random.default_rng(seed), draw, mutate, population, tournament)


def random_search(seed):
    return RandomSearch(np.random.default_rng(seed), draw)


def run(search, steps=60):
    """Maximise the candidate itself."""
    met = []
    for _ in range(steps):
        candidate = search.ask()
        search.tell(candidate, float(candidate))
        met.append(candidate)
    return met


@pytest.mark.parametrize("make", [evolution, random_search])
def test_a_search_is_a_function_of_its_seed(make):
    assert run(make(1)) == run(make(1))
    assert run(make(1)) != run(make(2))


def test_evolution_first_draws_its_population_then_mutates_members():
    met = run(evolution(3))
    expected = np.random.default_rng(3).integers(1000, size=10).tolist()
    assert met[:10] == expected
    for step in range(10, 60):
        assert any(abs(met[step] - member) == 1 for member in met[step - 10 : step])


def test_the_oldest_dies_however_good():
    search = evolution(0, population=2, tournament=2)
    for candidate, score in [(100, 1e9), (200, 0.0), (300, 0.0)]:
        search.tell(candidate, score)
    assert [candidate for candidate, _ in search.members] == [200, 300]


def test_the_whole_population_in_the_tournament_breeds_the_best():
    search = evolution(0, population=5, tournament=5)
    for candidate in (10, 50, 30, 20, 40):
        search.tell(candidate, float(candidate))
    assert search.ask() in (49, 51)


def test_evolution_beats_random_search_where_neighbours_are_alike():
    evolved = [max(run(evolution(seed), 600)) for seed in range(5)]
    drawn = [max(run(random_search(seed), 600)) for seed in range(5)]
    assert np.mean(evolved) > np.mean(drawn)


# --- a table of candidates ---------------------------------------------------------------------


def test_over_a_whole_space_a_neighbour_is_a_mutation():
    """Of NAS-Bench-201, 24 cells differ from one in one operation: every step leads to one of these."""
    cells = np.array(nasbench201.all_architectures())
    table, rng = Neighbours(cells), np.random.default_rng(0)
    row = table.draw(rng)
    met = {table.mutate(row, rng) for _ in range(500)}
    assert len(met) == 24
    assert all((cells[row] != cells[neighbour]).sum() == 1 for neighbour in met)


def test_a_neighbour_is_never_the_row_itself_even_among_equal_encodings():
    table, rng = Neighbours(np.zeros((3, 4))), np.random.default_rng(0)
    assert {table.mutate(1, rng) for _ in range(50)} == {0, 2}


def test_equally_near_rows_are_equally_likely():
    table, rng = Neighbours(np.eye(4 * NEIGHBOURS)), np.random.default_rng(0)
    assert {table.mutate(0, rng) for _ in range(2000)} == set(range(1, 4 * NEIGHBOURS))


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


class Curves:
    """Stands in for the workers: the loss of architecture "7" falls to 7, and training minds the limits."""

    def __init__(self):
        self.asked = []

    def scores(self, scorer, architectures):
        self.asked.append(list(architectures))
        return [read_out((20.0, float(a), float(a)), None, scorer.protocol, scorer.limits) for a in architectures]


def test_an_evaluator_scores_each_once_and_stops_those_behind_half_of_the_others():
    workers = Curves()
    scorer = Scorer("regression", "nasbench201", {"readout_window": 1}, np.empty(0), 0, 0)
    evaluate = Evaluator(workers, scorer, {"rungs": [2], "population": 3})
    assert evaluate(["1", "2", "3", "2"]) == [-1.0, -2.0, -3.0, -2.0]
    assert evaluate(["2", "1.5", "2.5"]) == [-2.0, -1.5, -2.5]
    assert workers.asked == [["1", "2", "3"], ["1.5", "2.5"]]
    assert len(evaluate.halving.seen[2]) == 5 and evaluate.halving.limits() == {2: 2.0}


class Judge:
    """Stands in for the workers: the mean of an architecture's scores is its number, on which repetitions disagree."""

    def scores(self, scorer, architectures):
        assert scorer.protocol == {"name": "finals"} and scorer.repetition in (1, 2)  # 0 chose the finalists
        sway = 10 if scorer.repetition == 1 else -10
        return [Score(float(a) + sway * (-1) ** int(a)) for a in architectures]


def test_the_answer_is_the_finalist_of_the_highest_mean_score_of_its_judge():
    """The network of 1 is called 2, too, and does not take the place of another one's."""
    met = {"ageing_evolution": {"1": 0.9, "2": 0.9, "4": 0.7, "3": 0.8, "9": 0.1}, "random_search": {"8": 1.0}}
    rows = [{"algorithm": k, "architecture": a, "score": s} for k, scores in met.items() for a, s in scores.items()]
    protocols = {name: {"name": name} for name in ("search", "finals")}
    scorer = Scorer("regression", "nasbench201", protocols["search"], np.empty(0), 0, 0)
    finals = {"protocol": "finals", "repetitions": 2}
    assert best_of_finals(rows, Judge(), scorer, protocols, finals | {"finalists": 3}) == ("4", 4.0)
    assert best_of_finals(rows, Judge(), scorer, protocols, finals | {"finalists": 2}) == ("3", 3.0)


def test_a_generation_is_told_before_the_next_is_asked_for():
    generations = []

    def score(architectures):
        generations.append(list(architectures))
        return [float(a) for a in architectures]

    params = {"evaluations": 25, "offspring": 10}
    steps = list(trajectory(evolution(5), str, score, params, "run"))
    assert [len(own) for own in generations] == [10, 10, 5]
    assert [architecture for architecture, *_ in steps] == [a for own in generations for a in own]
    best = [max((s[:2] for s in steps[: i + 1]), key=lambda s: s[1])[0] for i in range(25)]
    assert [s[2] for s in steps] == best
