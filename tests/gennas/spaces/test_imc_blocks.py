"""The space of blocks for in-memory computing: its size, its edits and distances, its layers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gennas.spaces import imc_blocks
from gennas.spaces.imc_blocks import blocks

ID = "vgg-32|res-64|mvgg-16"
seeds = st.integers(0, 2**32 - 1)


def size() -> int:
    """Networks of each depth, whose blocks are chosen independently."""
    return sum((len(blocks.KINDS) * len(blocks.WIDTHS)) ** depth for depth in blocks.DEPTHS)


def distance(one: str, other: str) -> int:
    codes = [imc_blocks.encode(imc_blocks.from_id(text)) for text in (one, other)]
    return sum(a != b for a, b in zip(*codes, strict=True))


def layers(architecture_id: str, width: float = 1.0, depth: float = 1.0) -> list[tuple[int, int, int]]:
    """Inputs, outputs and kernel of each convolution."""
    network = imc_blocks.build(imc_blocks.from_id(architecture_id), width, depth)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    return [(conv.in_channels, conv.out_channels, conv.kernel_size[0]) for conv in convolutions]


def test_the_space_has_more_networks_than_the_paper_says():
    assert size() == 2_745_954_000 > 640e6


def test_edits_lead_from_one_architecture_to_all_of_a_smaller_space(monkeypatch):
    monkeypatch.setattr(blocks, "KINDS", ("vgg", "res"))
    monkeypatch.setattr(blocks, "WIDTHS", (16, 32))
    monkeypatch.setattr(blocks, "DEPTHS", range(2, 5))
    monkeypatch.setattr(blocks, "BLOCKS", [blocks.Block(kind, w) for kind in ("vgg", "res") for w in (16, 32)])
    start = (blocks.BLOCKS[0],) * 2
    found, waiting = {start}, [start]
    while waiting:
        new = {*imc_blocks.neighbours(waiting.pop())} - found
        found |= new
        waiting += new
    assert len(found) == size() == 4**2 + 4**3 + 4**4
    assert len({*map(imc_blocks.to_id, found)}) == len({*map(imc_blocks.encode, found)}) == len(found)


@given(seed=seeds)
def test_a_mutation_is_a_neighbour_and_the_way_back_is_an_edit_too(seed):
    rng = np.random.default_rng(seed)
    architecture = imc_blocks.random_architecture(rng)
    neighbours = imc_blocks.neighbours(architecture)
    mutant = imc_blocks.mutate(architecture, rng)
    assert mutant in neighbours and architecture in imc_blocks.neighbours(mutant)
    assert len({*neighbours}) == len(neighbours) and architecture not in neighbours


def test_every_depth_is_drawn_and_mutated_into():
    rng = np.random.default_rng(0)
    drawn = [imc_blocks.random_architecture(rng) for _ in range(600)]
    for architectures in (drawn, [imc_blocks.mutate(architecture, rng) for architecture in drawn]):
        counts = np.bincount([len(architecture) for architecture in architectures], minlength=9)
        assert not counts[:3].any() and counts[3:].min() > 60  # 100 each are expected


@pytest.mark.parametrize(
    ("other", "steps"),
    [
        (ID, 0),
        ("res-32|res-64|mvgg-16", 1),  # another kind
        ("vgg-32|res-96|mvgg-16", 1),  # the next width
        ("vgg-32|res-64|mvgg-128", 4),
        (f"{ID}|vgg-16", 2),  # a block more: its kind and the least width
        (f"{ID}|vgg-128", 6),
    ],
)
def test_the_distance_counts_kinds_and_steps_between_widths(other, steps):
    assert distance(ID, other) == steps


@pytest.mark.parametrize(
    "text",
    ["", "|".join(["vgg-16"] * 2), "|".join(["vgg-16"] * 9), f"{ID}|", f"{ID}\n"]
    + [ID.replace("vgg-32", block) for block in ("VGG-32", "vgg-48", "vgg-032", "vgg32", "dense-32", " vgg-32")],
)
def test_other_ids_are_value_errors(text):
    with pytest.raises(ValueError, match=r"not 3 to 8 blocks|unknown block"):
        imc_blocks.from_id(text)


def test_blocks_have_the_convolutions_of_their_kind():
    assert layers(ID) == [
        *((3, 32, 3), (32, 32, 3)),  # VGG
        *((32, 64, 3), (64, 64, 3), (32, 64, 1)),  # RES: the shortcut changes the width
        *((64, 16, 3), (16, 16, 1)),  # MVGG
    ]
    assert layers("vgg-32|res-32|mvgg-16")[2:4] == [(32, 32, 3), (32, 32, 3)]  # the shortcut is the input


def test_a_factor_of_the_depth_repeats_blocks_and_drops_none():
    assert layers(ID, depth=0.2) == layers(ID)
    assert layers(ID, width=0.5, depth=2)[:4] == [(3, 16, 3), *[(16, 16, 3)] * 3]


def test_a_residual_block_of_zeros_passes_its_input_on():
    network = imc_blocks.build(imc_blocks.from_id("vgg-16|res-16|res-16"))
    for parameter in network.stages[1].parameters():
        nn.init.zeros_(parameter)
    first, second, _ = network(torch.randn(2, 3, 16, 16))
    torch.testing.assert_close(second, nn.functional.max_pool2d(first, 2))


@pytest.mark.parametrize("depth", [3, 8])
def test_features_have_three_resolutions_at_any_depth(depth):
    network = imc_blocks.build(imc_blocks.from_id("|".join(["mvgg-32", "vgg-16", *["res-64"] * (depth - 2)])))
    shapes = [tuple(features.shape[1:]) for features in network(torch.randn(2, 3, 16, 16))]
    assert shapes == [(32, 16, 16), (16, 8, 8), (64, 4, 4)]
