"""One contract for every encoding; what measures say of encodings that are known."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from gennas import catalogue, spaces
from gennas.encodings import arch2vec, distances, draws, prediction
from gennas.encodings.base import EncodingContext
from gennas.encodings.graphs import read
from gennas.errors import InputError
from gennas.files.checkpoints import Checkpoint
from gennas.spaces import nasbench101, nasbench201
from gennas.spaces.common.encoding import one_hot
from gennas.spaces.nasbench101.population import cells

SMALL = {"epochs": 2, "architectures": 40}
#: Options of each kind, and of its variants.
OPTIONS = {"arch2vec": [{"variant": variant, **SMALL} for variant in ("paper", "code", "directed")]}
SPACES = ("nasbench101", "nasbench201", "nds_darts")

every_encoding = pytest.mark.parametrize(
    ("kind", "options"), [(kind, options) for kind, several in OPTIONS.items() for options in several]
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Enumerating NAS-Bench-101 takes seconds: its cells of five vertices do."""
    monkeypatch.setattr(nasbench101, "population", lambda: [*cells(5)])
    monkeypatch.setattr(draws, "DRAWS", 200)


def context(options, space="nasbench201", seed=1):
    return EncodingContext(spaces.load(space), seed, options, torch.device("cpu"))


def train(kind, given, folder, name="checkpoint.pt", track=iter):
    return catalogue.load_module("encodings", kind).train(given, Checkpoint(folder / name, "study"), track)


def some(space, count=12):
    rng = np.random.default_rng(5)
    return [spaces.load(space).random_architecture(rng) for _ in range(count)]


def interrupted(epochs):
    """Epochs of which the process sees one."""
    yield epochs[0]
    raise KeyboardInterrupt


def test_every_encoding_is_tested():
    assert [*OPTIONS] == catalogue.names("encodings")


@every_encoding
@pytest.mark.parametrize("space", SPACES)
def test_vectors_are_finite_and_depend_on_the_seed_alone(kind, options, space, tmp_path):
    one, again, other = (
        train(kind, context(options, space, seed), tmp_path, name).encode(some(space))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one.dtype == np.float32 and len(one) == 12 and np.isfinite(one).all()
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert len(np.unique(one, axis=0)) > 1


@every_encoding
def test_a_killed_training_goes_on_to_the_same_bytes(kind, options, tmp_path):
    whole = train(kind, context(options), tmp_path, "whole").encode(some("nasbench201"))
    with pytest.raises(KeyboardInterrupt):
        train(kind, context(options), tmp_path, "killed", interrupted)
    left = []
    found = train(kind, context(options), tmp_path, "killed", lambda epochs: left.extend(epochs) or epochs)
    assert left == [1]
    assert np.array_equal(found.encode(some("nasbench201")), whole)


@every_encoding
@pytest.mark.parametrize("space", SPACES)
def test_its_own_measures_are_shares(kind, options, space, tmp_path):
    measures = train(kind, context(options, space), tmp_path).measures()
    assert all(0 <= one.value <= 1 and one.labels == 0 for one in measures)


@every_encoding
def test_it_says_what_it_was_made_with(kind, options, tmp_path):
    architectures = train(kind, context(options), tmp_path).architectures
    assert len(architectures) == len(set(architectures)) == 40


@pytest.mark.full
def test_arch2vec_reconstructs_what_it_has_not_seen(tmp_path):
    options = {"variant": "paper", "epochs": 10, "architectures": "all"}
    found = {m.subject: m.value for m in train("arch2vec", context(options), tmp_path).measures()}
    assert found["operation"] > 0.9 and found["entry"] > 0.9 and found["draws"] > 0.3


def test_more_architectures_than_there_are_is_one_line(tmp_path):
    options = {"variant": "paper", "epochs": 1, "architectures": 20_000}
    with pytest.raises(InputError, match=r"architectures: 20000, but the space has 15625; write all"):
        train("arch2vec", context(options), tmp_path)
    with pytest.raises(InputError, match=r"cannot enumerate them; write a number"):
        train("arch2vec", context({**options, "architectures": "all"}, "nds_darts"), tmp_path)


def test_two_cells_have_two_vectors_side_by_side():
    encoder = arch2vec.untrained(context({"variant": "paper", **SMALL}, "nds_darts"))
    (one,) = some("nds_darts", 1)
    swapped = type(one)(one.reduce, one.normal, one.width, one.depth)
    first, second = encoder.encode([one, swapped])
    assert len(first) == 32 and np.allclose(first[:16], second[16:], atol=1e-6)


def test_a_supervised_encoder_learns_its_labels_and_nothing_from_shuffled_ones(monkeypatch):
    monkeypatch.setattr(arch2vec, "SUPERVISED_STEPS", 60)
    rng, cells = np.random.default_rng(0), some("nasbench201", 300)
    truth = np.array([sum(op == 3 for op in cell) for cell in cells], float)
    given, own, others = context({"variant": "paper", **SMALL}), cells[:200], cells[200:]
    assert pearsonr(arch2vec.supervised(given, own, truth[:200], others), truth[200:])[0] > 0.7
    shuffled = rng.permutation(truth[:200])
    assert abs(pearsonr(arch2vec.supervised(given, own, shuffled, others), truth[200:])[0]) < 0.4


# --- measures -------------------------------------------------------------------------------------


def test_a_gaussian_process_predicts_what_the_vectors_say_and_nothing_else(monkeypatch):
    monkeypatch.setattr(prediction, "LABELS", (50,))
    monkeypatch.setattr(prediction, "SEEDS", 2)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 3))
    predictors = {
        "right": prediction.gaussian_process(vectors),
        "shuffled": prediction.gaussian_process(rng.permutation(vectors)),
        "constant": lambda labelled, values, others: np.full(len(others), values.mean()),
    }
    found = prediction.measure(lambda repetition: predictors, np.sin(vectors.sum(axis=1)), seed=1)
    r, rmse = ({m.subject: m.value for m in found if m.name == f"prediction {what}"} for what in ("r", "rmse"))
    assert r["right"] > 0.9 and abs(r["shuffled"]) < 0.3 and r["constant"] == 0
    assert rmse["right"] < 0.5 * rmse["constant"]
    assert {(m.labels, m.n, m.seeds) for m in found} == {(50, 250, 2)}


def test_one_hot_vectors_are_as_far_apart_as_the_integers_differ():
    encodings = np.array([[0, 5], [0, 7], [1, 5], [2, 6]])
    vectors = one_hot(encodings)
    squared = ((vectors[:, None] - vectors) ** 2).sum(axis=2)
    assert np.array_equal(squared, 2 * (encodings[:, None] != encodings).sum(axis=2))


def test_distances_are_told_by_edit_distance():
    encodings = np.array([[a, b] for a in (0, 1) for b in (0, 1)])
    found = {m.subject: m for m in distances.measure(3.0 * encodings, encodings, seed=0)}
    assert found["edit distance 1"].value == pytest.approx(3) and found["edit distance 1"].n == 8
    assert found["edit distance 2"].value == pytest.approx(3 * 2**0.5) and found["edit distance 2"].n == 4
    assert found["rho with edit distance"].value == pytest.approx(1)
    assert distances.measure(np.ones((3, 2)), np.ones((3, 2), int), seed=0) == []


def test_arcs_count_for_the_validity_of_nasbench201():
    cells = nasbench201.all_architectures()[:4]
    graphs = read(nasbench201, [*cells, cells[0]])
    validity, uniqueness = draws.quality(graphs, nasbench201)
    assert (validity.value, validity.n) == (1, 5) and (uniqueness.value, uniqueness.n) == (0.8, 5)
    graphs.arcs[0, 0, 7] = True
    validity, uniqueness = draws.quality(graphs, nasbench201)
    assert validity.value == 0.8 and uniqueness.value == 1
