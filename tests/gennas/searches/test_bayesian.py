"""Bayesian optimisation: its parts against independent sources, and the search on tables."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, spearmanr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
from sklearn.linear_model import Ridge

from gennas.searches import bayesian
from gennas.searches.base import SearchContext
from gennas.searches.bayesian import flatten, interpolate, log_expected_improvement, normal_scores
from gennas.searches.candidates import OfSpace, OfTable
from gennas.searches.surrogates import gaussian_process
from gennas.searches.surrogates.dngo import Dngo
from gennas.searches.surrogates.gaussian_process import GaussianProcess
from gennas.spaces import nasbench201

SURROGATES = ["gp", "dngo"]


# --- expected improvement ----------------------------------------------------------------------


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
    assert (np.diff(gains, axis=0) >= 0).all()
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


# --- Gaussian process ----------------------------------------------------------------------------


def line(size=40):
    """Points on a line, their squared distances, and a smooth function of them."""
    x = np.linspace(0, 3, size)
    return x, lambda row: (x - x[row]) ** 2, np.sin(2 * x)


@pytest.mark.parametrize("in_blocks", [False, True])
def test_the_posterior_is_that_of_scikit_learn(in_blocks):
    x, distances, values = line()
    prior, rows = normal_scores(np.cos(3 * x)), [3, 30, 11, 17, 25]
    ours = GaussianProcess(distances, prior)
    ours.decay, ours.noise = 2.0, 0.01
    if in_blocks:
        ours.posterior(rows[:2], values[rows[:2]])
    mean, deviation = ours.posterior(rows, values[rows])

    kernel = ConstantKernel(1) * RBF([0.5, 1e9]) + ConstantKernel(gaussian_process.INTERCEPT)
    kernel += _of_last(gaussian_process.SLOPE_VARIANCE) + WhiteKernel(0.01)
    theirs = GaussianProcessRegressor(kernel, alpha=0, optimizer=None)
    points = np.column_stack([x, prior])
    slope = gaussian_process.SLOPE
    theirs.fit(points[rows], values[rows] - slope * prior[rows])
    expected, spread = theirs.predict(points, return_std=True)
    assert mean == pytest.approx(expected + slope * prior)
    residual = values[rows] - slope * prior[rows]
    quadratic = residual @ np.linalg.solve(kernel(points[rows]), residual)
    scale = (gaussian_process.BELIEF + quadratic) / (gaussian_process.BELIEF + 5)
    assert deviation**2 == pytest.approx(scale * (spread**2 - 0.01), rel=1e-6)
