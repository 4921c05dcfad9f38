"""REINFORCE: its two policies against torch and brute force, and the search on tables."""

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Normal

from gennas.searches import reinforce
from gennas.searches.base import SearchContext
from gennas.searches.candidates import OfTable
from gennas.searches.features import standardise
from gennas.searches.reinforce import Factorised, Latent, Reinforce
from gennas.spaces.common.encoding import one_hot

CELLS = np.array([(a, b, c) for a in range(3) for b in range(2) for c in range(4)])  # a whole space
ANY = torch.ones(len(CELLS), dtype=torch.bool)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def factorised():
    """A policy over a whole space, with any logits."""
    policy = Factorised(one_hot(CELLS), generator())
    torch.nn.init.normal_(policy.logits, generator=generator(1))
    return policy


# --- the plain policy ----------------------------------------------------------------------------


def test_over_a_whole_space_the_entries_are_independent(factorised):
    """Exactly the product of a softmax for each entry."""
    entries = [Categorical(logits=own.detach()) for own in factorised.logits.split([3, 2, 4])]
    expected = sum(entry.log_prob(torch.tensor(own)) for entry, own in zip(entries, CELLS.T, strict=True))
    assert torch.allclose(factorised.log_likelihood(ANY).detach(), expected)


def test_what_was_seen_is_never_drawn_and_the_rest_in_proportion(factorised):
    unseen = ANY.clone()
    unseen[::2] = False
    share = factorised.log_likelihood(ANY).exp()[1::2]
    assert torch.allclose(factorised.log_likelihood(unseen).exp()[1::2], share / share.sum())
    assert all(factorised.draw(unseen)[0] % 2 for _ in range(100))


def test_the_score_function_has_mean_zero(factorised):
    likelihood = factorised.log_likelihood(ANY)
    gradients = [torch.autograd.grad(own, factorised.logits, retain_graph=True)[0] for own in likelihood]
    mean = sum(own.exp().detach() * gradient for own, gradient in zip(likelihood, gradients, strict=True))
    assert torch.allclose(mean, torch.zeros_like(mean), atol=1e-12)


# --- the latent policy ---------------------------------------------------------------------------


@pytest.fixture
def latent():
    torch.manual_seed(0)
    return Latent(standardise(np.random.default_rng(0).normal(3, 7, (50, 2))), generator())


def test_the_next_is_the_nearest_new_one_to_a_gaussian_action(latent):
    unseen = torch.ones(50, dtype=torch.bool)
    unseen[:25] = False
    with torch.no_grad():
        mean = latent.head(latent.cell(latent.vectors[None, latent.last], None)[0])[0]
    same = generator()
    torch.randint(50, (), generator=same)  # the first vector, by __init__
    action = mean + torch.randn(2, generator=same, dtype=mean.dtype)
    row, likelihood = latent.draw(unseen)
    near = np.linalg.norm(latent.vectors.numpy()[25:] - action.numpy(), axis=1)
    assert row == latent.last == 25 + near.argmin()
    constant = 2 * Normal(0.0, 1.0).log_prob(torch.tensor(0.0))
    assert likelihood.item() == pytest.approx(float(Normal(mean, 1).log_prob(action).sum() - constant))


def test_the_score_function_of_the_action_has_mean_zero(latent):
    """Within four standard errors."""
    unseen, first = torch.ones(50, dtype=torch.bool), latent.last
    gradients = []
    for _ in range(1500):
        latent.restart()
        latent.last = first
        gradients.append(torch.autograd.grad(latent.draw(unseen)[1], latent.head.bias)[0])
    gradients = torch.stack(gradients)
    assert (gradients.mean(dim=0).abs() < 4 * gradients.std(dim=0) / 1500**0.5).all()


def test_the_memory_lasts_an_episode(latent):
    search = Reinforce(range(50), latent, 0.01, episode=4)
    asked = search.ask(3)
    search.tell(asked, [(0.0,)] * 3)
    assert latent.state is not None
    last = search.ask(3)
    assert len(last) == 1  # the rest of the episode
    search.tell(last, [(1.0,)])
    assert latent.state is None and latent.last == last[0]


# --- the search ----------------------------------------------------------------------------------


def test_what_scores_above_the_usual_becomes_likelier_on_any_scale(factorised):
    def after(scale):
        policy = Factorised(one_hot(CELLS), generator())
        search = Reinforce(range(len(CELLS)), policy, 0.1, episode=8)
        rows = search.ask(8)
        search.tell(rows, [(scale * float(CELLS[row] @ [1, 5, 2]),) for row in rows])
        return policy.logits.detach()

    assert torch.equal(after(1), after(1000)) and after(1)[4] > after(1)[3]  # the second entry's 1, and its 0


def test_a_failed_network_is_the_worst(factorised):
    search = Reinforce(range(len(CELLS)), factorised, 0.1, episode=8)
    search.tell(search.ask(3), [(0.0,), (-np.inf,), (1.0,)])
    assert search.rewards == pytest.approx([0.5, 1 / 6, 5 / 6])


def searched(cells, truth, seed=0, evaluations=20, batch=1, vectors=None):
    """The rows of a table in the order that they were evaluated."""
    context = SearchContext(
        OfTable(cells, [str(row) for row in range(len(cells))]),
        seed,
        {"episode": 16},
        lambda ids: [(float(truth[int(one)]),) for one in ids],
        evaluations=evaluations,
        batch=batch,
        vectors=None if vectors is None else {str(row): vector for row, vector in enumerate(vectors)},
    )
    return [int(step.architecture) for step in reinforce.run(context)]


@pytest.mark.parametrize("vectors", [None, CELLS.astype(float)])
@pytest.mark.parametrize("batch", [1, 5])
def test_a_table_is_exhausted_and_no_row_evaluated_twice(vectors, batch):
    truth = CELLS @ [1.0, 5, 2]
    assert sorted(searched(CELLS, truth, 0, 50, batch, vectors)) == list(range(24))


@pytest.mark.parametrize("vectors", [None, CELLS.astype(float)])
def test_it_is_a_function_of_its_seed(vectors):
    truth = CELLS @ [1.0, 5, 2]
    first, again, other = (searched(CELLS, truth, seed, vectors=vectors) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("latent", [False, True])
def test_it_learns_where_there_is_something_to_learn_and_only_there(latent):
    """The mean rank of the last 32 of 160 rows, with the truth and with one that is shuffled."""
    rng = np.random.default_rng(0)
    cells = rng.integers(5, size=(4000, 6))
    truth = cells @ np.array([3.0, 1, 4, 1, 5, 9])
    shuffled = rng.permutation(truth)
    vectors = cells.astype(float) if latent else None

    def late(own):
        ranks = np.argsort(np.argsort(own)) / len(own)
        return np.mean([ranks[searched(cells, own, seed, 160, 16, vectors)[-32:]].mean() for seed in range(4)])

    assert late(truth) > 0.65 and abs(late(shuffled) - 0.5) < 0.1
