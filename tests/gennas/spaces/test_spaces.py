"""One contract for every search space."""

import ast
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import PROJECT
from helpers import train_one_step
from hypothesis import given
from hypothesis import strategies as st

from gennas import catalogue, spaces
from gennas.errors import InputError

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
def test_graphs_read_only_what_comes_before_and_tell_architectures_apart(space, seed):
    rng = np.random.default_rng(seed)
    architecture = space.random_architecture(rng)
    graphs = space.graph(architecture)
    for vertices in graphs.values():
        assert all(source in range(position) for position, vertex in enumerate(vertices) for source in vertex.sources)
    assert space.graph(space.mutate(architecture, rng)) != graphs


@every_space
@given(seed=seeds)
def test_graphs_that_are_declared_have_the_labels_and_the_size_that_are(space, seed):
    if not hasattr(space, "LABELS"):
        return
    graphs = space.graph(space.random_architecture(np.random.default_rng(seed))).values()
    assert {vertex.label for vertices in graphs for vertex in vertices} <= {*space.LABELS}
    assert all(2 <= len(vertices) <= space.VERTICES for vertices in graphs)
    assert len({*space.LABELS}) == len(space.LABELS)


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "nasbench_graph"])
@given(seed=seeds)
def test_an_architecture_is_that_of_its_graph(name, seed):
    space = spaces.load(name)
    architecture = space.random_architecture(np.random.default_rng(seed))
    (vertices,) = space.graph(architecture).values()
    assert space.from_graph(vertices) == architecture


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "nasbench_graph"])
@given(seed=seeds, data=st.data())
def test_another_graph_is_another_architecture_or_refused(name, seed, data):
    space = spaces.load(name)
    (vertices,) = space.graph(space.random_architecture(np.random.default_rng(seed))).values()
    place = data.draw(st.integers(0, len(vertices) - 1))
    label = data.draw(st.sampled_from(space.LABELS))
    sources = tuple(source for source in range(place) if data.draw(st.booleans()))
    changed = [*vertices[:place], spaces.Vertex(label, sources), *vertices[place + 1 :]]
    try:
        architecture = space.from_graph(changed)
    except ValueError:
        return
    assert space.from_id(space.to_id(architecture)) == architecture


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


def inputs(space, network):
    """What a network reads: a small batch of images or of sequences, or a graph."""
    if space.FAMILY == "graphs":
        features, edges = catalogue.load_module("families", "graphs").example((20, network.inputs))
        return torch.randn_like(features), edges
    return (torch.randn(2, 3, 16, 16) if space.FAMILY == "images" else torch.randn(4, 2, network.inputs),)


@every_space
def test_networks_train_one_step(space):
    rng = np.random.default_rng(0)
    for _ in range(5):
        network = space.build(space.random_architecture(rng), width=0.1, depth=0.1)
        gradients = train_one_step(network, *inputs(space, network)).values()
        assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


@every_space
def test_networks_give_what_their_attributes_say(space):
    rng = np.random.default_rng(1)
    for _ in range(3):
        network = space.build(space.random_architecture(rng), width=0.1, depth=0.1)
        outputs = network(*inputs(space, network))
        if space.FAMILY == "graphs":  # (N, features)
            assert outputs.shape == (20, network.outputs)
            continue
        if space.FAMILY == "sequences":  # (T, B, features)
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


def test_an_unknown_space_lists_the_known_ones():
    with pytest.raises(InputError, match=r"unknown search space 'imagenet'.*nasbench201"):
        spaces.load("imagenet")


@pytest.mark.parametrize("name", spaces.NAMES)
def test_a_space_declares_in_a_literal_what_its_networks_read(name):
    tree = ast.parse((spaces.FOLDER / name / "__init__.py").read_text())
    (declared,) = [
        ast.literal_eval(statement.value)
        for statement in tree.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "DECLARATION"
    ]
    own = {"training": "masked_language_model"} if name == "flexibert" else {}
    assert declared == {"family": spaces.load(name).FAMILY} | own


@pytest.mark.parametrize("name", spaces.NAMES)
def test_ids_and_mutations_load_no_torch(name):
    script = f"""
import sys
import numpy as np
from gennas import catalogue, spaces
space, rng = spaces.load({name!r}), np.random.default_rng(0)
child = space.mutate(space.random_architecture(rng), rng)
assert spaces.parse(space, space.to_id(child)) == child and space.encode(child) and space.graph(child)
loaded = {{"torch", "requests", "pyarrow", "scipy"}} & sys.modules.keys()
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_space_with_a_supernet_is_known_by_its_module():
    assert [name for name in spaces.NAMES if spaces.has_supernet(name)] == ["nasbench201"]
    assert not spaces.has_supernet("common") and not spaces.has_supernet("imagenet")
    network = spaces.load_supernet("nasbench201")(0.1, 0.1)
    assert len(network(torch.randn(2, 3, 16, 16))) == 3


def test_a_space_without_a_supernet_is_an_input_error_that_names_those_with_one():
    with pytest.raises(InputError, match=r"'nasbench101' has no supernet.*nasbench201"):
        spaces.load_supernet("nasbench101")


def test_what_spaces_share_is_no_space():
    with pytest.raises(InputError, match="unknown search space 'common'"):
        spaces.load("common")
