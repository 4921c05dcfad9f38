"""Searches that grow architectures: the policy, the predictor, rewards under constraints, levels and answers."""

import itertools

import numpy as np
import pytest
import torch

from gennas.errors import InputError
from gennas.searches import epnas, growth, pnas
from gennas.searches.base import SearchContext
from gennas.searches.candidates import OfSpace
from gennas.searches.constraints import UNCONSTRAINED, Constraints
from gennas.searches.epnas import Epnas, Policy, surrogate
from gennas.searches.growth import Growth, rewards
from gennas.searches.pnas import Pnas
from gennas.spaces import nasbench101, nasbench201
from gennas.stats import quantiles

SEARCHES = {"epnas": (epnas, Epnas), "pnas": (pnas, Pnas)}
IDS = [nasbench201.to_id(cell) for cell in nasbench201.all_architectures()]


def convolutions(ids):
    """A cost (n, 1): convolutions of 3x3, and one."""
    return np.array([1.0 + name.count("conv_3x3") for name in ids]).reshape(-1, 1)


def bounded(**bounds):
    return Constraints({"convolutions": bounds}, convolutions, IDS[::7])


def make_context(score=None, constraints=UNCONSTRAINED, space=nasbench201, evaluations=60, seed=0):
    def score_all(ids):
        return [(score(name),) for name in ids]

    return SearchContext(
        OfSpace(space), seed, {}, score_all, evaluations=evaluations, batch=10, constraints=constraints
    )


def value(name):
    """The sum of what each edge's operation adds."""
    return float(np.dot(nasbench201.from_id(name), (3, 1, 4, 1, 5, 9)))


def random_policy(features):
    """A policy that prefers something."""
    torch.manual_seed(0)
    policy = Policy(features)
    torch.nn.init.normal_(policy.readout.weight, std=3.0)
    return policy


# --- the policy --------------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "last"), [(nasbench201, 3), (nasbench101, 3)])
def test_probabilities_of_complete_architectures_sum_to_one(space, last):
    """Over each architecture's expansions, and over all paths of growth."""
    policy = random_policy(len(space.encode(space.ROOT)))
    level = {space.ROOT: 1.0}
    for step in range(last):
        prefixes = list(level)
        grown = [space.expansions(prefix, step) for prefix in prefixes]
        with torch.no_grad():
            log_p = policy(
                np.array([space.encode(prefix) for prefix in prefixes]),
                [np.array([space.encode(child) for child in children]) for children in grown],
            )
        reached = dict.fromkeys(itertools.chain.from_iterable(grown), 0.0)
        for prefix, children, own in zip(prefixes, grown, log_p, strict=True):
            assert float(own.exp().sum()) == pytest.approx(1)
            for child, p in zip(children, own.exp().tolist(), strict=True):
                reached[child] += level[prefix] * p
        level = reached
    assert len(level) == {nasbench201: 15_625, nasbench101: 2441}[space]
    assert sum(level.values()) == pytest.approx(1) and max(level.values()) > 10 / len(level)


def gradient(policy, objective):
    policy.zero_grad()
    objective.backward()
    return torch.cat([parameter.grad.flatten() for parameter in policy.parameters()])


@pytest.fixture
def enumerated():
    """A policy, the log-probabilities of the 25 cells of the second level from one of the first, and their rewards."""
    policy = random_policy(6)
    children = np.array(nasbench201.expansions((2, 0, 0, 0, 1, 0), 1))
    prefix = np.array([(2, 0, 0, 0, 1, 0)])
    received = torch.from_numpy(np.random.default_rng(0).random(25))
    return policy, lambda: policy(prefix, [children])[0], received


def test_the_score_function_has_mean_zero(enumerated):
    policy, log_p, _ = enumerated
    p = log_p().exp().detach()
    assert gradient(policy, (p * log_p()).sum()).abs().max() < 1e-12


@pytest.mark.parametrize("informed", [0.0, 0.7, 1.0])
def test_the_mean_of_the_estimate_is_the_gradient_of_the_mean_reward(enumerated, informed):
    """Whatever the predicted rewards are, for draws that are all plain, or the first of which is."""
    policy, log_p, received = enumerated
    exact = gradient(policy, (log_p().exp() * received).sum())
    predicted = informed * received + (1 - informed) * torch.linspace(0, 1, 25, dtype=torch.double)
    p, total = log_p().exp().detach(), torch.zeros_like(exact)
    for one, other in itertools.product(range(25), repeat=2):
        draws = [one, other]
        estimate = surrogate(log_p()[draws], predicted[draws] - 0.4, (received - predicted)[[one]])
        total += p[one] * p[other] * gradient(policy, estimate)
    assert torch.allclose(total, exact, atol=1e-12) and exact.abs().max() > 1e-3


def test_rewards_that_are_all_the_baseline_teach_nothing(enumerated):
    policy, log_p, _ = enumerated
    estimate = surrogate(log_p()[:5], torch.full((5,), 0.5) - 0.5, torch.zeros(2))
    assert gradient(policy, estimate).abs().max() == 0


def test_only_what_is_worth_an_evaluation_is_drawn():
    """Not what is known nor, of complete cells, what breaks a constraint; a dead end has no reward."""
    search = Epnas(make_context(constraints=bounded(at_most=2)))
    search.growth.tell([(0, 0, 0, 1, 0, 0), (3, 0, 0, 0, 1, 0)], [(1.0,), (2.0,)])
    for level in (1, 2, 3):
        assert search._draw()
        ends = {*search.ends.values()}
        assert not ends & {*search.growth.found}
        assert len(ends) == 4 if level == 1 else len(ends) > 40
        search.growth.ascend() if level < 3 else None
    assert all(end.count(3) <= 1 for end in ends)
    assert any(path[1].count(3) > 0 for path in search.drawn)
    dead = [i for i in range(len(search.drawn)) if i not in search.ends]
    assert all(search.expected[i] == 0 for i in dead)


def test_growth_of_nasbench101_may_end_before_its_last_level():
    """A cell of nine edges has no expansion."""
    search = Epnas(make_context(space=nasbench101))
    for _ in range(4):
        search.growth.ascend()
    assert search._draw()
    assert {len(path) for path in search.drawn} >= {6} and {len(end.operations) for end in search.ends.values()} == {5}
    log_p, entropy = search.log_probabilities(search.drawn)
    assert (log_p < 0).all() and (entropy > 0).all()


# --- rewards and predictions -------------------------------------------------------------------


def test_rewards_are_ranks_continuous_and_falling_in_each_violation():
    assert quantiles(np.array([-3.0, -np.inf, 5.0, 5.0])).tolist() == [0.375, 0.125, 0.75, 0.75]
    quality = np.full(5, 0.8)
    by = np.array([0, 1e-9, 0.1, 0.5, 2])
    found = rewards(quality, np.stack([by, np.zeros(5)], axis=1))
    assert found[0] == 0.8 == pytest.approx(found[1]) and (np.diff(found) < 0).all() and (found > 0).all()
    assert rewards(quality[:1], np.array([[0.5, 0.5]])) == pytest.approx(0.8 * growth.PENALTY)
    assert rewards(quality[:1], np.empty((1, 0))) == 0.8


def test_rewards_are_of_one_pool_and_partial_ones_are_blamed_for_excess_only():
    found = Growth(make_context(constraints=bounded(at_least=2, at_most=3)))
    cells = [(1,) * 6, (3,) * 3 + (1,) * 3, (3,) * 1 + (1,) * 5]
    found.tell(cells, [(1.0,), (3.0,), (2.0,)])
    assert found.rewards(cells).tolist() == pytest.approx([1 / 6, 5 / 6 * growth.PENALTY ** (1 / 3), 3 / 6])
    assert [found.eligible(cell) for cell in cells] == [False, False, True]


def test_the_predictor_ranks_what_it_has_not_seen():
    cells = np.array(nasbench201.all_architectures())[np.random.default_rng(0).permutation(15_625)[:200]]
    scores = cells @ (3, 1, 4, 1, 5, 9)
    predicted = growth.Predictor(cells[:100], scores[:100])(cells[100:])
    assert np.corrcoef(predicted, scores[100:])[0, 1] > 0.8 and ((predicted > 0) & (predicted < 1)).all()


@pytest.mark.parametrize("scores", [[1.0], [2.0, 2.0, 2.0], [-np.inf, -np.inf, 1.0]])
def test_few_equal_or_failed_scores_are_learned_too(scores):
    cells = np.array(nasbench201.all_architectures()[: len(scores)])
    assert np.isfinite(growth.Predictor(cells, np.array(scores))(cells)).all()


# --- levels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SEARCHES)
def test_half_of_the_evaluations_or_more_are_of_complete_cells(name):
    search, sizes = SEARCHES[name][1](make_context(value, evaluations=80)), []
    for _ in range(12):
        asked = search.ask(10)
        sizes.append((search.growth.level, len(asked)))
        search.tell(asked, [(value(nasbench201.to_id(cell)),) for cell in asked])
    spent = {level: sum(size for own, size in sizes if own == level) for level in (1, 2, 3)}
    assert spent[1] == 5 and spent[2] == 20 and spent[3] >= 55


@pytest.mark.parametrize("name", SEARCHES)
def test_no_network_of_a_complete_cell_is_evaluated_twice(name):
    steps = list(SEARCHES[name][0].run(make_context(value)))
    complete = [nasbench201.canonical(nasbench201.from_id(step.architecture)) for step in steps[20:]]
    assert len({*complete}) == len(complete) and len({step.architecture for step in steps}) == len(steps)


def test_with_a_perfect_predictor_the_beam_finds_the_optimum(monkeypatch):
    """Where prefixes are as good as their best completion."""
    weights = np.array((3, 1, 4, 1, 5, 9))
    monkeypatch.setattr(growth, "Predictor", lambda encodings, scores: lambda cells: (cells @ weights) / 100)
    steps = list(pnas.run(make_context(value)))
    assert steps[-1].answer == nasbench201.to_id((4,) * 6)


@pytest.mark.parametrize("name", SEARCHES)
def test_nasbench101_is_searched_too(name, monkeypatch):
    monkeypatch.setattr(epnas, "PROPOSALS", 32)

    def edges(architecture):
        return float(len(nasbench101.from_id(architecture).edges))

    steps = list(SEARCHES[name][0].run(make_context(edges, space=nasbench101, evaluations=40)))
    assert len(steps) == 40 and edges(steps[-1].answer) >= 8


# --- constraints -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SEARCHES)
def test_answers_and_complete_cells_keep_to_the_constraints(name):
    constraints = bounded(at_least=3, at_most=4)
    steps = list(SEARCHES[name][0].run(make_context(value, constraints)))
    met = constraints.met([step.architecture for step in steps])
    assert met[20:].all() and not met[:20].all() and len(steps) == 60
    assert constraints.met([steps[-1].answer]).all()
    best = max((step for step, own in zip(steps, met, strict=True) if own), key=lambda step: step.scores)
    assert steps[-1].answer == best.architecture


@pytest.mark.parametrize("name", SEARCHES)
def test_where_nothing_that_grows_is_feasible_the_search_ends_with_one_line(name):
    constraints = Constraints({"convolutions": {"at_least": 2}}, convolutions, [nasbench201.to_id((3,) * 6)])
    constraints.least[:] = 8  # as if the sample had been lucky
    with pytest.raises(InputError, match=r"^constraints: nothing that was grown meets them; loosen them$"):
        list(SEARCHES[name][0].run(make_context(value, constraints)))
