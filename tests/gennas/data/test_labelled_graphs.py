"""Labelled graphs: the right neighbours, and parts that are drawn from the seed and have nothing in common."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gennas.data import graphs
from gennas.data.graphs import LabelledGraph, load, split
from gennas.errors import InputError


@pytest.fixture(scope="module")
def digits() -> LabelledGraph:
    return load("digits_neighbours")


def test_digits_are_joined_to_their_nearest_neighbours(digits):
    pixels, labels = load_digits(return_X_y=True)
    np.testing.assert_allclose(digits.features, pixels / 16)
    assert (digits.features.dtype, digits.edges.dtype, digits.labels.dtype) == (np.float32, np.int64, np.int64)
    assert digits.labels.tolist() == labels.tolist() and digits.classes == 10
    joined = np.zeros((1797, 1797), bool)
    joined[digits.edges[0], digits.edges[1]] = True
    assert joined.sum() == digits.edges.shape[1] == 19858  # none is there twice
    assert (joined == joined.T).all() and not joined.diagonal().any() and joined.sum(1).min() >= 8
    squares = np.square(pixels).sum(1)
    distance = squares[:, None] + squares - 2 * pixels @ pixels.T  # exact: whole numbers
    np.fill_diagonal(distance, np.inf)
    eighth = np.sort(distance, axis=1)[:, 7:8]
    nearer, as_near = distance < eighth, distance <= eighth
    assert (joined >= (nearer | nearer.T)).all() and (joined <= (as_near | as_near.T)).all()
    assert (labels[digits.edges[0]] == labels[digits.edges[1]]).mean() == pytest.approx(0.961, abs=0.001)


@pytest.mark.parametrize(("share", "count"), [(1e-9, 1), (0.1, 160), (0.25, 399), (0.9, 500), (1 - 1e-9, 500)])
def test_parts_are_drawn_from_the_seed_and_are_disjoint(digits, share, count):
    first, again, other = (split(digits, share, seed) for seed in (1, 1, 2))
    assert {part: len(nodes) for part, nodes in first.items()} == {
        "train": 200, "validation": count, "test": 1597 - count
    }  # fmt: skip
    assert sorted(np.concatenate([*first.values()])) == list(range(1797))
    assert np.bincount(digits.labels[first["train"]]).tolist() == [graphs.PER_CLASS] * 10
    assert all((first[part] == again[part]).all() for part in first)
    assert {*first["train"]} != {*other["train"]}


def test_what_is_learnt_does_not_depend_on_the_share_that_validates(digits):
    few, many = (split(digits, share, 1) for share in (0.1, 0.2))
    assert (few["train"] == many["train"]).all() and {*few["validation"]} < {*many["validation"]}


def test_a_data_set_that_is_no_graph_names_what_is():
    with pytest.raises(InputError, match=r"^dataset: 'digits' is not one of digits_neighbours$"):
        load("digits")
