"""One contract for every search space; what is particular to one follows below."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import train_one_step
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from gennas import spaces
from gennas.errors import InputError
from gennas.files.fetch import PackageFile
from gennas.spaces import nasbench201
from stages import download
from stages.support import artifacts

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
    assert child != architecture and space.to_id(child) != space.to_id(architecture)


@every_space
@given(seed=seeds)
def test_encodings_are_of_one_length_and_tell_architectures_apart(space, seed):
    rng = np.random.default_rng(seed)
    architecture = space.random_architecture(rng)
    one, other, child = map(
        space.encode, (architecture, space.random_architecture(rng), space.mutate(architecture, rng))
    )
    assert len(one) == len(other) == len(child)
    assert all(-128 <= value <= 127 for value in (*one, *other))
    assert child != one


@every_space
@given(seed=seeds)
def test_diagrams_read_only_what_comes_before_and_tell_architectures_apart(space, seed):
    rng = np.random.default_rng(seed)
    architecture = space.random_architecture(rng)
    graphs = space.diagram(architecture)
    for vertices in graphs.values():
        assert all(source in range(position) for position, vertex in enumerate(vertices) for source in vertex.sources)
    assert space.diagram(space.mutate(architecture, rng)) != graphs


@every_space
@given(text=st.text())
def test_any_other_string_is_a_value_error(space, text):
    with pytest.raises(ValueError):
        space.from_id(text)


@every_space
@given(seed=seeds, data=st.data())
def test_an_id_with_a_character_changed_is_refused_or_another_architecture(space, seed, data):
    architecture = space.random_architecture(np.random.default_rng(seed))
    text = space.to_id(architecture)
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.characters()) + text[place + 1 :]
    try:
        parsed = space.from_id(changed)
    except ValueError:
        return
    assert space.to_id(parsed) == changed and (changed == text) == (parsed == architecture)


def test_recurrent_cells_alone_read_sequences():
    assert [name for name in spaces.NAMES if spaces.family(spaces.load(name)) == "sequences"] == ["nasbench_nlp"]


def inputs(space, network):
    """A small batch: of images, or of sequences."""
    return torch.randn(2, 3, 16, 16) if spaces.family(space) == "images" else torch.randn(4, 2, network.inputs)


@every_space
def test_networks_train_one_step(space):
    rng = np.random.default_rng(0)
    for _ in range(5):
        network = space.build(space.random_architecture(rng), width=0.1, depth=0.1)
        gradients = train_one_step(network, inputs(space, network)).values()
        assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


@every_space
def test_networks_give_what_their_attributes_say(space):
    rng = np.random.default_rng(1)
    for _ in range(3):
        network = space.build(space.random_architecture(rng), width=0.1, depth=0.1)
        outputs = network(inputs(space, network))
        if spaces.family(space) == "sequences":  # (T, B, features)
            assert outputs.shape == (4, 2, network.outputs)
            continue
        assert [f.shape[1] for f in outputs] == list(network.channels)
        sides = [f.shape[2] for f in outputs]
        assert len(sides) == 3 and sides == sorted(sides, reverse=True)


@every_space
def test_the_same_seed_builds_the_same_network(space):
    architecture = space.random_architecture(np.random.default_rng(2))
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(space.build(architecture, width=0.1, depth=0.1).state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@every_space
def test_width_and_depth_are_factors(space):
    rng = np.random.default_rng(3)
    architectures = [space.random_architecture(rng) for _ in range(5)]

    def size(width, depth):
        with torch.device("meta"):
            networks = [space.build(architecture, width, depth) for architecture in architectures]
        return sum(p.numel() for network in networks for p in network.parameters())

    assert size(0.25, 1.0) < size(1.0, 1.0) < size(1.0, 2.0)


@every_space
def test_every_source_can_be_fetched_from_a_public_address(space):
    files = [file for files in space.SOURCES.values() for file in files]
    assert files and all(isinstance(file, PackageFile) or file.url.startswith("https://") for file in files)


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
    return download.read_benchmark("nasbench201", "analog-nasbench")


def test_analog_nasbench_has_every_cell_and_target(analog):
    assert len(analog) == 15625
    accuracy = analog["cifar10_accuracy_percent"].to_numpy()
    assert accuracy.max() == pytest.approx(94.0664)
    assert len(artifacts.target_columns(analog)) == 13
    assert "cifar10_analog_drift_60_uncertainty_percent" in analog.column_names
    assert analog["encoding"][7].as_py() == [0, 0, 0, 0, 1, 2] and not any(analog["labelled"].to_pylist())


def test_analog_nasbench_agrees_with_nasbench201(analog, mirror):
    """Read with the right edge and operation order rho is .986; with the wrong one, .74."""
    paths = [mirror / file.path for file in nasbench201.SOURCES["nasbench201"]]
    tables = download.to_table(nasbench201, nasbench201.read("nasbench201", paths))
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
