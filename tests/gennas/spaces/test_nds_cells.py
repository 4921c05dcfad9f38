"""The cell-based spaces of NDS: their networks are those that the benchmark trained."""

import json
from math import ceil

import numpy as np
import pytest
import torch
from conftest import FULL
from helpers import train_one_step
from hypothesis import given
from hypothesis import strategies as st

from gennas import spaces
from gennas.benchmarks import nds_imagenet
from gennas.benchmarks._nds import parse_cells
from gennas.spaces.common.nds.cells import OPERATIONS
from gennas.spaces.common.nds.genotypes import DEPTHS, WIDTHS, output_nodes

NAMES = [name for name in spaces.NAMES if name.startswith("nds_") and hasattr(spaces.load(name), "operations")]
every_space = pytest.mark.parametrize("space", [spaces.load(name) for name in NAMES], ids=NAMES)
#: The files of the mirror, and the space that each is of.
every_file = pytest.mark.parametrize(
    ("file", "name"), [("DARTS_in", "nds_darts"), ("DARTS_fix-w-d_in", "nds_darts_fix"), ("ENAS_in", "nds_enas")]
)
ENAS = spaces.load("nds_enas")
ENAS_ID = (
    "normal:skip_connect~0+sep_conv_3x3~1|max_pool_3x3~2+skip_connect~2|avg_pool_3x3~0+sep_conv_5x5~1"
    "|sep_conv_3x3~4+sep_conv_3x3~0|skip_connect~1+max_pool_3x3~1;"
    "reduce:skip_connect~0+sep_conv_3x3~1|max_pool_3x3~2+skip_connect~2|avg_pool_3x3~3+sep_conv_5x5~1"
    "|sep_conv_3x3~4+sep_conv_3x3~0|skip_connect~5+max_pool_3x3~1;width:16;depth:8"
)


def entries(mirror, file, subset):
    """The entries of a file: a seeded subset, or all of them."""
    found = json.loads((mirror / "nds" / f"{file}.json").read_text())
    if FULL:
        return found
    return [found[index] for index in np.random.default_rng(0).permutation(len(found))[:subset]]


def imagenet_parameters(space, architecture):
    """The parameters of the network that was trained on ImageNet: another stem, and a classifier."""
    with torch.device("meta"):
        network = space.build(architecture)
    width = architecture.width
    half = width // 2
    ours = 27 * 3 * width + 2 * 3 * width
    theirs = (27 * half + 2 * half) + (9 * half * width + 2 * width) + (9 * width * width + 2 * width)
    # The stem's channels enter three 1x1 convolutions: two of the first cell, one of the second.
    adapters = 3 * (width - 3 * width) * width
    classifier = 1000 * network.channels[-1] + 1000
    return sum(p.numel() for p in network.parameters()) - ours + theirs + adapters + classifier


@every_file
def test_parameters_are_those_the_file_states(mirror, file, name):
    space = spaces.load(name)
    for entry in entries(mirror, file, subset=4):
        assert imagenet_parameters(space, parse_cells(space, entry["net"])) == entry["params"]


@pytest.mark.parametrize(
    ("name", "architecture_id", "stated"),
    [
        (
            "nds_pnas",
            "normal:dil_conv_3x3~0+dil_conv_3x3~0|skip_connect~0+avg_pool_3x3~1|conv_7x1_1x7~3+conv_7x1_1x7~0"
            "|skip_connect~1+max_pool_3x3~1|skip_connect~5+conv_7x1_1x7~5;"
            "reduce:dil_conv_3x3~1+conv_7x1_1x7~1|avg_pool_3x3~1+conv_7x1_1x7~0|sep_conv_7x7~1+sep_conv_5x5~3"
            "|sep_conv_5x5~4+max_pool_3x3~3|max_pool_3x3~4+dil_conv_3x3~4;width:32;depth:10",
            4_759_608,
        ),
        (
            "nds_amoeba",
            "normal:skip_connect~0+max_pool_3x3~0|sep_conv_5x5~0+sep_conv_3x3~1|sep_conv_5x5~3+sep_conv_5x5~0"
            "|max_pool_3x3~2+sep_conv_7x7~3|conv_7x1_1x7~3+dil_sep_conv_3x3~0;"
            "reduce:skip_connect~1+sep_conv_7x7~1|max_pool_3x3~2+skip_connect~1|conv_7x1_1x7~0+avg_pool_3x3~3"
            "|avg_pool_3x3~1+max_pool_3x3~1|sep_conv_7x7~2+skip_connect~0;width:32;depth:10",
            3_019_768,
        ),
        (
            "nds_nasnet",
            "normal:dil_conv_3x3~1+sep_conv_7x7~1|sep_conv_5x5~2+dil_conv_3x3~0|max_pool_3x3~3+max_pool_7x7~2"
            "|conv_3x1_1x3~2+conv_1x1~0|conv_7x1_1x7~2+skip_connect~1;"
            "reduce:max_pool_7x7~1+conv_3x3~0|sep_conv_5x5~2+skip_connect~0|max_pool_7x7~0+max_pool_7x7~3"
            "|dil_conv_3x3~3+conv_7x1_1x7~3|dil_conv_3x3~0+avg_pool_3x3~2;width:48;depth:6",
            3_724_192,
        ),
    ],
)
def test_parameters_are_those_stated_for_one_network_of_the_other_spaces(name, architecture_id, stated):
    space = spaces.load(name)
    assert imagenet_parameters(space, space.from_id(architecture_id)) == stated


@every_file
def test_architectures_of_the_file_have_ids_and_train_one_step(mirror, file, name):
    space = spaces.load(name)
    for entry in entries(mirror, file, subset=3):
        architecture = parse_cells(space, entry["net"])
        assert space.from_id(space.to_id(architecture)) == architecture
        network = space.build(architecture, width=4 / architecture.width, depth=3 / architecture.depth)
        gradients = train_one_step(network, torch.randn(2, 3, 16, 16)).values()
        assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


@every_file
def test_read_gives_every_architecture_of_the_file_once(mirror, file, name):
    space = spaces.load(name)
    trained = nds_imagenet.read(name, [mirror / "nds" / f"{file}.json"])
    ids = [space.to_id(one.architecture) for one in trained]
    assert len(ids) == len(set(ids)) == {"DARTS_in": 121, "DARTS_fix-w-d_in": 499, "ENAS_in": 117}[file]
    assert len({space.encode(one.architecture) for one in trained}) == len(ids)


@pytest.mark.parametrize("size", [15, 16])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_keep_or_halve_the_resolution(name, stride, size):
    out = OPERATIONS[name](6, stride)(torch.randn(2, 6, size, size))
    assert out.shape == (2, 6, ceil(size / stride), ceil(size / stride))


@every_space
def test_operations_of_every_space_are_implemented(space):
    assert set(space.operations) <= set(OPERATIONS)


def test_taps_are_before_each_reduction_and_at_the_end():
    """Loose ends of the id above: nodes 3 and 5, 6 (normal), 6 (reduction)."""
    architecture = ENAS.from_id(ENAS_ID)
    assert output_nodes(architecture.normal, loose=True) == (3, 5, 6)
    assert output_nodes(architecture.reduce, loose=True) == (6,)
    assert output_nodes(architecture.reduce, loose=False) == (2, 3, 4, 5, 6)
    network = ENAS.build(architecture)  # of 8 cells; the third and the sixth reduce
    assert network.channels == (3 * 16, 3 * 32, 3 * 64)
    shapes = [f.shape for f in network(torch.randn(2, 3, 32, 32))]
    assert shapes == [(2, 48, 32, 32), (2, 96, 16, 16), (2, 192, 8, 8)]


@pytest.mark.parametrize(
    ("depth", "width", "cells", "channels"),
    [(1.0, 1.0, 8, (48, 96, 192)), (0.5, 0.5, 4, (24, 16, 96)), (0.01, 0.01, 3, (3, 2, 4))],
)
def test_width_and_depth_are_factors_and_leave_three_stages(depth, width, cells, channels):
    """With four cells, or three, the second one reduces and the third one too: it concatenates one node, not three."""
    network = ENAS.build(ENAS.from_id(ENAS_ID), width=width, depth=depth)
    assert len(network.cells) == cells
    assert network.channels == channels


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("normal:skip_connect", "normal:conv_9x9", "unknown operation 'conv_9x9'"),
        ("normal:skip_connect", "normal:none", "unknown operation 'none'"),  # one of DARTS
        ("~5+", "~7+", "node 6 cannot have node 7"),
        ("|skip_connect~5+max_pool_3x3~1", "", "5 nodes of two operations"),
        ("+max_pool_3x3~1;w", ";w", "5 nodes of two operations"),
        ("width:16", "width:17", "width 17 and depth 8"),
        ("depth:8", "depth:6", "width 16 and depth 6"),  # a width of CIFAR-10 and a depth of ImageNet
        ("depth:8", "depth:08", "not of the form"),
        ("|", "||", "not of the form"),
        ("normal:", "reduce:", "not of the form"),
    ],
)
def test_from_id_says_what_is_wrong(old, new, complaint):
    with pytest.raises(ValueError, match=complaint):
        ENAS.from_id(ENAS_ID.replace(old, new))


def network_of_file():
    return {
        "genotype": {
            "normal": [["skip_connect", 0], ["skip_connect", 1]] * 5,
            "normal_concat": [2, 3, 4, 5, 6],
            "reduce": [["skip_connect", 0], ["skip_connect", 1]] * 5,
            "reduce_concat": [2, 3, 4, 5, 6],
        },
        "width": 16,
        "depth": 20,
    }


def test_parse_refuses_a_network_it_does_not_understand():
    net = network_of_file()
    assert parse_cells(ENAS, net).depth == 20
    for part, complaint in [
        ({"genotype": None}, "normal and reduction cells"),
        ({"width": None}, "not of the form"),
        ({"genotype": net["genotype"] | {"normal": [["conv_9x9", 0]] * 10}}, "unknown operation 'conv_9x9'"),
        ({"genotype": net["genotype"] | {"normal": [["skip_connect", 0]] * 3}}, "5 nodes of two operations"),
        ({"genotype": net["genotype"] | {"reduce_concat": [5, 6]}}, r"concatenates \[5, 6\]"),
    ]:
        with pytest.raises(ValueError, match=complaint):
            parse_cells(ENAS, net | part)


@every_space
@given(seed=st.integers(0, 2**32 - 1))
def test_a_mutation_changes_one_gene(space, seed):
    """One operation or input, or the width or depth by any number of steps."""
    rng = np.random.default_rng(seed)
    parent = space.random_architecture(rng)
    child = space.mutate(parent, rng)
    scale = len(WIDTHS) - 1 + len(DEPTHS) - 1
    differs = np.not_equal(space.encode(parent), space.encode(child))
    same_scale = (parent.width, parent.depth) == (child.width, child.depth)
    assert differs[:-scale].sum() == same_scale
    assert differs[-scale:].any() != same_scale
    if len(space.scales[0].widths) == 1:
        assert same_scale


def test_the_distance_of_widths_and_depths_is_their_number_of_steps():
    def distance(other):
        pairs = zip(ENAS.encode(ENAS.from_id(ENAS_ID)), ENAS.encode(ENAS.from_id(other)), strict=True)
        return sum(a != b for a, b in pairs)

    assert distance(ENAS_ID.replace("width:16", "width:32")) == 2  # by way of 24
    assert distance(ENAS_ID.replace("depth:8", "depth:12")) == 2  # by way of ImageNet's 10
