"""One contract for every search space; what is particular to one follows below."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from stages import artifacts, sources, spaces
from stages.errors import InputError
from stages.spaces import nasbench201

every_space = pytest.mark.parametrize("space", [spaces.load(name) for name in spaces.NAMES], ids=spaces.NAMES)
seeds = st.integers(0, 2**32 - 1)


@every_space
@given(seed=seeds)
def test_ids_round_trip_and_mutation_stays_in_the_space(space, seed):
    rng = np.random.default_rng(seed)
    architecture = space.random_architecture(rng)
    child = space.mutate(architecture, rng)
    assert space.from_id(space.to_id(architecture)) == architecture
    assert space.from_id(space.to_id(child)) == child
    assert child != architecture


@every_space
@given(text=st.text())
def test_any_other_string_is_a_value_error(space, text):
    with pytest.raises(ValueError):
        space.from_id(text)


@every_space
def test_networks_train_one_step_and_tap_three_stages(space):
    rng = np.random.default_rng(0)
    for _ in range(10):
        network = space.build(space.random_architecture(rng), channels=4, cells=1)
        features = network(torch.randn(2, 3, 16, 16))
        assert [f.shape[1] for f in features] == list(network.channels)
        assert [f.shape[2] for f in features] == sorted((f.shape[2] for f in features), reverse=True)
        sum(f.square().mean() for f in features).backward()
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_an_unknown_space_lists_the_known_ones():
    with pytest.raises(InputError, match=r"unknown search space 'imagenet'.*nasbench201"):
        spaces.load("imagenet")


# --- NAS-Bench-201 ---------------------------------------------------------------------------


def test_nasbench201_has_15625_cells_of_distinct_ids():
    cells = nasbench201.all_architectures()
    assert len(cells) == len({nasbench201.to_id(cell) for cell in cells}) == 15625


def test_nasbench201_parameters_are_those_the_benchmark_states():
    """Its API says 1.531546 M of the all-3x3 cell and 0.073306 M of cells without convolutions."""
    last_norm_and_classifier = 2 * 64 + 64 * 10 + 10
    for cell, stated in (((3,) * 6, 1_531_546), ((1,) * 6, 73_306), ((0,) * 6, 73_306)):
        counted = sum(p.numel() for p in nasbench201.build(cell).parameters())
        assert counted + last_norm_and_classifier == stated


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "not a NAS-Bench-201 string"), ("|conv_9x9~0|+|none~0|none~1|+|none~0|none~1|none~2|", "conv_9x9")],
)
def test_nasbench201_says_what_is_wrong_with_an_id(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        nasbench201.from_id(text)


@pytest.fixture(scope="module")
def analog():
    paths = [sources.fetch(file) for file in nasbench201.SOURCES["analog-nasbench"]]
    return nasbench201.read("analog-nasbench", paths)


def test_analog_nasbench_has_every_cell_and_target(analog):
    assert len(analog) == 15625
    accuracy = analog["cifar10_accuracy_percent"].to_numpy()
    assert accuracy.max() == pytest.approx(94.0664)
    assert len(artifacts.target_columns(analog)) == 13
    assert "cifar10_analog_drift_60_uncertainty_percent" in analog.column_names


def test_analog_nasbench_agrees_with_nasbench201(analog, mirror):
    """Read with the right edge and operation order rho is .986; with the wrong one, .74."""
    paths = [mirror / file.path for file in nasbench201.SOURCES["nasbench201"]]
    tables = nasbench201.read("nasbench201", paths)
    assert tables["architecture"] == analog["architecture"]
    rho = spearmanr(
        analog["cifar10_accuracy_percent"].to_numpy(),
        tables["cifar10_validation_accuracy_percent"].to_numpy(),
    ).statistic
    assert rho == pytest.approx(0.986, abs=0.002)


@pytest.mark.parametrize("content", ["{}", "[[[[0], [0, 0], [0, 0, 0]], 1.0]]", "[1, 2]"])
def test_a_foreign_table_is_one_line_that_names_the_file(tmp_path: Path, content):
    path = tmp_path / "cifar10valid.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"cifar10valid\.json"):
        nasbench201.read("nasbench201", [path] * 3)
