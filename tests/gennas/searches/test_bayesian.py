"""Bayesian optimisation: its parts against independent sources, and the search on tables."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t, spearmanr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct
from sklearn.linear_model import Ridge

from gennas import stats
from gennas.errors import InputError
from gennas.searches import bayesian
from gennas.searches.base import SearchContext
from gennas.searches.bayesian import COST, SCORE, flatten, interpolate, normal_scores
from gennas.searches.candidates import OfTable
from gennas.searches.common.acquisition import HypervolumeImprovement, log_expected_improvement
from gennas.searches.features import hamming
from gennas.searches.surrogates import Trend, gaussian_process
from gennas.searches.surrogates.dngo import Dngo
from gennas.searches.surrogates.gaussian_process import GaussianProcess
from gennas.spaces import nasbench201

SURROGATES = ["gp", "dngo"]


# --- expected improvement ----------------------------------------------------------------------


def test_expected_hypervolume_improvement_is_the_mean_of_draws():
    """Of a front of three, with a candidate that is dominated, one that is too dear, and names of equal cost."""
    costs = np.array([1.0, 2.0, 3.0, 2.0, 9.0, 2.5, 0.5])
    mean, deviation = np.array([0.2, 0.9, 1.4, 0.9, 5.0, 0.1, 0.0]), np.full(7, 0.5)
    rows, values = [0, 1, 2, 5], np.array([0.5, 1.0, 1.5, 0.8])
    gains = np.exp(HypervolumeImprovement(costs)(mean, deviation, rows, values))
    reference = np.array([np.median(mean), -np.median(costs)])
    found = np.column_stack([values, -costs[rows]])
    before = stats.hypervolume(found, reference)
    draws = np.random.default_rng(0).normal(mean, deviation, (20_000, 7))
    for i, cost in enumerate(costs):
        after = [stats.hypervolume(np.vstack([found, [own, -cost]]), reference) for own in draws[:, i]]
        assert gains[i] == pytest.approx(np.mean(after) - before, abs=0.01)
    assert gains[4] == 0 and gains[6] > 0


@pytest.mark.parametrize(("mean", "deviation"), [(0.3, 0.5), (-1.0, 0.7), (-2.0, 1.0), (1.5, 0.1)])
def test_expected_improvement_is_the_mean_of_draws(mean, deviation):
    draws = np.random.default_rng(0).normal(mean, deviation, 1_000_000)
    expected = np.maximum(0, draws - 0.2).mean()
    assert np.exp(log_expected_improvement(np.array([mean]), np.array([deviation]), 0.2)) == pytest.approx(
        [expected], rel=0.02
    )


def test_expected_improvement_is_the_gain_at_least_and_grows_with_uncertainty():
    mean = np.linspace(-50, 50, 401)
    gains = np.exp([log_expected_improvement(mean, np.full(401, s), 1.0) for s in (1e-6, 0.1, 1.0, 10.0)])
    assert (gains >= np.maximum(0, mean - 1) * (1 - 1e-12)).all()
    assert (np.diff(gains, axis=0) >= -1e-12).all()
    assert gains[0] == pytest.approx(np.maximum(0, mean - 1), abs=1e-6)


def test_hopeless_candidates_still_have_an_order():
    """In the logarithm nothing underflows, and its branches meet."""
    mean = -np.geomspace(0.5, 1e8, 5000)
    gains = log_expected_improvement(mean, np.ones(5000), 0.0)
    assert np.isfinite(gains).all() and (np.diff(gains) < 0).all()
    near = np.array([-1.0, -1e4])[:, None] * [1 - 1e-7, 1 + 1e-7]
    above, below = log_expected_improvement(near, np.ones((2, 2)), 0.0).T
    assert above == pytest.approx(below, rel=1e-6)


# --- scores --------------------------------------------------------------------------------------


def test_what_a_surrogate_sees_has_no_scale():
    scores = np.random.default_rng(0).normal(size=30)
    flat = flatten(scores)
    assert flat == pytest.approx(flatten(1000 * scores - 7))
    assert flat.mean() == pytest.approx(0) and flat.std() == pytest.approx(1)
    assert (np.argsort(flat) == np.argsort(scores)).all()


def test_a_failed_network_counts_as_the_worst():
    assert flatten([1.0, -np.inf, 2.0, 3.0]) == pytest.approx(flatten([1.0, 1.0, 2.0, 3.0]))
    assert flatten([-np.inf, -np.inf]).tolist() == [0, 0] and flatten([5.0]).tolist() == [0]


def table(size, seed=0):
    """Cells, and a score of each that has structure to learn."""
    rng = np.random.default_rng(seed)
    cells = np.array(nasbench201.all_architectures())[rng.permutation(15625)[:size]]
    return cells, cells @ np.array([3.0, 1, 4, 1, 5, 9])


# --- surrogates --------------------------------------------------------------------------------


def line(size=40):
    """Points on a line, their squared distances, and a smooth function of them."""
    x = np.linspace(0, 3, size)
    return x, lambda row: (x - x[row]) ** 2, np.sin(2 * x)


ROWS = [3, 30, 11, 17, 25]


@pytest.mark.parametrize("in_blocks", [False, True])
def test_the_posterior_is_that_of_scikit_learn(in_blocks):
    """But for the scale of its variance, which is estimated."""
    x, distances, values = line()
    ours = GaussianProcess(distances)
    ours.decay, ours.noise = 2.0, 0.01
    if in_blocks:
        ours.posterior(ROWS[:2], values[ROWS[:2]])
    mean, deviation = ours.posterior(ROWS, values[ROWS])
    kernel = ConstantKernel(1) * RBF(0.5) + ConstantKernel(gaussian_process.INTERCEPT)
    theirs = GaussianProcessRegressor(kernel, alpha=0.01, optimizer=None).fit(x[ROWS, None], values[ROWS])
    expected, spread = theirs.predict(x[:, None], return_std=True)
    squares = values[ROWS] @ theirs.alpha_
    belief = gaussian_process.BELIEF
    assert mean == pytest.approx(expected)
    assert deviation == pytest.approx(spread * np.sqrt((belief + squares) / (belief + 5)))


def test_the_hyperparameters_are_the_likeliest_of_the_grid():
    """The marginal likelihood is a multivariate Student distribution."""
    x, distances, values = line()
    rows = list(range(0, 40, 2))
    process = GaussianProcess(distances)
    process.fit(rows, values[rows])
    squared, belief = np.subtract.outer(x[rows], x[rows]) ** 2, gaussian_process.BELIEF
    scale = np.mean([distances(row) for row in rows])

    def likelihood(decay, noise):
        covariance = np.exp(-decay * squared) + gaussian_process.INTERCEPT + noise * np.eye(20)
        return multivariate_t(shape=covariance, df=belief).logpdf(values[rows])

    grid = [(d, n) for d in gaussian_process.DECAYS / scale for n in gaussian_process.NOISES]
    assert (process.decay, process.noise) == pytest.approx(max(grid, key=lambda one: likelihood(*one)))


def test_a_vague_belief_in_the_prior_is_generalised_least_squares(monkeypatch):
    monkeypatch.setattr(gaussian_process, "INTERCEPT", 1e6)
    x, distances, values = line()
    prior = normal_scores(np.sin(2 * x) + 0.3 * x)
    process = GaussianProcess(distances, Trend(prior, (1.0, 1e6)))
    process.decay, process.noise = 2.0, 0.01
    inverse = np.linalg.inv(np.exp(-2 * np.subtract.outer(x[ROWS], x[ROWS]) ** 2) + 0.01 * np.eye(5))
    design = np.column_stack([np.ones(5), prior[ROWS]])
    coefficients = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ values[ROWS])
    far = coefficients[0] + coefficients[1] * prior
    cross = np.exp(-2 * np.subtract.outer(x, x[ROWS]) ** 2)
    expected = far + cross @ inverse @ (values[ROWS] - design @ coefficients)
    assert process.posterior(ROWS, values[ROWS])[0] == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_prior_that_points_the_wrong_way_is_dropped():
    cells, truth = table(100)
    values, rows = normal_scores(truth), list(range(40))
    misled, without = GaussianProcess(hamming(cells), Trend(-values, SCORE)), GaussianProcess(hamming(cells))
    for process in (misled, without):
        process.fit(rows, values[rows])
    assert misled.posterior(rows, values[rows])[0] == pytest.approx(without.posterior(rows, values[rows])[0])


@pytest.mark.parametrize("sign", [1, -1])
def test_whether_a_cost_helps_is_learnt(sign):
    """Cells say nothing of values that follow the cost, up or down."""
    rng = np.random.default_rng(0)
    cells, costs, rows = table(100)[0], normal_scores(rng.random(100)), list(range(8))
    values = sign * costs + rng.normal(0, 0.2, 100)
    process = GaussianProcess(hamming(rng.permutation(cells)), Trend(costs, COST))
    process.fit(rows, values[rows])
    assert spearmanr(process.posterior(rows, values[rows])[0][8:], values[8:]).statistic > 0.8


@pytest.fixture
def dngo():
    """A trained DNGO on a table of 60 rows with two features, the rows known to it, and their values."""
    rng = np.random.default_rng(0)
    features, rows = rng.normal(size=(60, 2)), list(range(25))
    values = np.tanh(features[rows]).sum(axis=1)
    surrogate = Dngo(features, seed=1)
    surrogate.fit(rows, values)
    return surrogate, rows, values


def test_dngo_is_ridge_regression_and_a_gaussian_process_on_its_basis(dngo):
    surrogate, rows, values = dngo
    noise, weights = surrogate.regression.alpha_, surrogate.regression.lambda_
    mean, deviation = surrogate.posterior(rows, values)
    ridge = Ridge(alpha=weights / noise, fit_intercept=False).fit(surrogate.basis[rows], values)
    assert mean == pytest.approx(ridge.predict(surrogate.basis), abs=1e-6)
    process = GaussianProcessRegressor(DotProduct(0, "fixed"), alpha=weights / noise, optimizer=None)
    expected, spread = process.fit(surrogate.basis[rows], values).predict(surrogate.basis, return_std=True)
    assert mean == pytest.approx(expected, abs=1e-6)
    assert deviation * np.sqrt(weights) == pytest.approx(spread, abs=1e-4)


def test_the_precisions_of_dngo_have_the_highest_evidence(dngo):
    """The log density of the values under N(0, basis basis^T / weights + 1 / noise)."""
    surrogate, rows, values = dngo
    known = surrogate.basis[rows]

    def evidence(noise, weights):
        covariance = known @ known.T / weights + np.eye(len(rows)) / noise
        return multivariate_normal(cov=covariance).logpdf(values)

    noise, weights = surrogate.regression.alpha_, surrogate.regression.lambda_
    best = evidence(noise, weights)
    assert all(best >= evidence(noise * a, weights * b) - 0.05 for a in (0.5, 1, 2) for b in (0.5, 1, 2))


def test_scores_of_a_sample_serve_every_candidate():
    rng = np.random.default_rng(0)
    encodings = rng.integers(5, size=(600, 6))
    truth = encodings @ np.array([3, 1, 4, 1, 5, 9])
    assert spearmanr(interpolate(truth[:100], hamming(encodings))[0], truth[100:]).statistic > 0.9


# --- the search --------------------------------------------------------------------------------


def searched(cells, truth, seed=0, evaluations=20, batch=1, surrogate="gp", initial=5, **more):
    """The rows of a table in the order that they were evaluated."""
    context = SearchContext(
        OfTable(cells, [str(row) for row in range(len(cells))]),
        seed,
        {"surrogate": surrogate, "initial": initial},
        lambda ids: [(float(truth[int(one)]),) for one in ids],
        evaluations=evaluations,
        batch=batch,
        **more,
    )
    return [int(step.architecture) for step in bayesian.run(context)]


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("batch", [1, 6])
def test_a_table_is_exhausted_and_no_row_evaluated_twice(surrogate, batch):
    cells, truth = table(20)
    rows = searched(cells, truth, evaluations=50, batch=batch, surrogate=surrogate)
    assert sorted(rows) == list(range(20))


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_it_is_a_function_of_its_seed(surrogate):
    cells, truth = table(100)
    first, again, other = (searched(cells, truth, seed, 15, surrogate=surrogate) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_it_finds_the_best_where_there_is_something_to_learn_and_only_there(surrogate):
    """How many rows are better than the best of 30 out of 400; at random, 370 / 31 = 12."""
    cells, truth = table(400)

    def better(own, seed):
        return (own > own[searched(cells, own, seed, 30, batch=5, surrogate=surrogate)].max()).sum()

    assert np.mean([better(truth, seed) for seed in range(3)]) < 1
    assert np.mean([better(np.random.default_rng(1000 + seed).permutation(truth), seed) for seed in range(8)]) > 6


def test_failed_networks_do_not_stop_it():
    cells, truth = table(200)
    failing = np.where(np.arange(200) % 4 == 0, -np.inf, truth)
    rows = searched(cells, failing, evaluations=30)
    assert failing[rows].max() == failing.max()


def test_a_perfect_prior_finds_the_best_at_once():
    cells, truth = table(200)
    prior = {str(row): float(score) for row, score in enumerate(truth)}
    assert truth[searched(cells, truth, prior=prior)[0]] == truth.max()


def test_a_wrong_prior_is_overruled():
    cells, truth = table(400)
    prior = {str(row): -float(score) for row, score in enumerate(truth)}
    assert truth[searched(cells, truth, evaluations=60, prior=prior)].max() >= np.sort(truth)[-4]


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_a_learned_encoding_takes_the_place_of_the_plain_one(surrogate):
    """Here the plain one says nothing, and the learned one everything."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 4))
    truth = -((vectors - vectors[7]) ** 2).sum(axis=1)
    known = {str(row): vector for row, vector in enumerate(vectors)}
    rows = searched(np.zeros((300, 1), int), truth, evaluations=40, batch=5, vectors=known, surrogate=surrogate)
    assert 7 in rows


# --- a quality and a cost ----------------------------------------------------------------------


def search_front(quality, cost, known=True, batch=5, evaluations=None, seed=0):
    """The candidates that a search asks for, of a table of cells with these qualities and costs."""
    cells = [nasbench201.random_architecture(np.random.default_rng(own)) for own in range(len(quality))]
    ids = [str(own) for own in range(len(quality))]
    context = SearchContext(
        OfTable(np.array(cells), ids), seed, {},
        score=lambda chosen: [(quality[int(one)], -cost[int(one)]) for one in chosen],
        known={1: lambda chosen: [-cost[int(one)] for one in chosen]} if known else {},
        evaluations=evaluations or len(quality), batch=batch,
    )  # fmt: skip
    return [int(step.architecture) for step in bayesian.run(context)]


@pytest.mark.parametrize("batch", [1, 4])
def test_a_table_is_exhausted_with_whatever_is_beyond_the_reference(batch):
    """Costs have ties, and dead networks are cheapest."""
    rng = np.random.default_rng(1)
    quality, cost = rng.normal(size=20), rng.integers(1, 4, 20).astype(float)
    quality[:3], cost[:3] = -9.0, 0.1
    assert sorted(search_front(quality, cost, batch=batch)) == list(range(20))


def test_two_qualities_are_refused():
    with pytest.raises(InputError, match=r"by: .*a quality and a cost; name one"):
        search_front(np.arange(9.0), np.arange(9.0), known=False)
