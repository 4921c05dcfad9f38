"""NAS-Bench-101's cells and networks, against what its authors state."""

import hashlib
import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from conftest import FULL
from helpers import train_one_step
from hypothesis import given
from hypothesis import strategies as st

from gennas.benchmarks import gennas_nasbench101
from gennas.spaces import nasbench101 as space
from gennas.spaces.nasbench101.cell import EDGES, MAX_EDGES, canonical
from gennas.spaces.nasbench101.network import Cell, vertex_channels
from gennas.spaces.nasbench101.population import cells

INCEPTION = "conv3x3-bn-relu~0|conv1x1-bn-relu~0|maxpool3x3~0|conv3x3-bn-relu~0|conv3x3-bn-relu~4|output~1+2+3+5"
seeds = st.integers(0, 2**32 - 1)

#: MD5 of the cell, as the benchmark names it; the cell; its trainable parameters.
PUBLISHED = [
    (
        "00005c142e6f48ac74fdcf73e3439874",
        "conv3x3-bn-relu~0|maxpool3x3~1|conv3x3-bn-relu~2|conv3x3-bn-relu~0|conv1x1-bn-relu~0+3+4|output~2+5",
        8_555_530,
    ),
    (
        "00019e2cbab0bc93ca1a7816a099b2bd",
        "maxpool3x3~0|conv3x3-bn-relu~1|maxpool3x3~0|conv1x1-bn-relu~1+3|maxpool3x3~1+4|output~2+5",
        3_468_426,
    ),
    (  # three concatenated vertices: their channels differ by one, and who has more depends on the order
        "0009c0222bcc089903909219cc8b0593",
        "conv1x1-bn-relu~0|conv1x1-bn-relu~0|conv1x1-bn-relu~2|conv1x1-bn-relu~2|output~1+3+4",
        1_058_845,
    ),
    (
        "00040b38293651f17fb665401c671bbb",
        "conv3x3-bn-relu~0|conv3x3-bn-relu~1|maxpool3x3~0+2|conv3x3-bn-relu~0+3|output~1+3+4",
        3_984_576,
    ),
    (  # and the cell's input is added
        "000834cf25da3d33a8c0b0fed475d0f3",
        "conv3x3-bn-relu~0|conv3x3-bn-relu~1|conv3x3-bn-relu~2|conv3x3-bn-relu~3|conv3x3-bn-relu~4|output~0+2+3+5",
        6_342_515,
    ),
    (
        "0006528f0eaa49742ee27e7a47dab24f",
        "conv1x1-bn-relu~0|conv1x1-bn-relu~1|conv1x1-bn-relu~2|maxpool3x3~0+1|output~1+2+3+4",
        643_274,
    ),
]


def official_hash(operations, edges):
    """The benchmark's name of a cell: an MD5 invariant under isomorphism (its `graph_util.hash_module`)."""
    vertices = range(len(operations) + 2)
    into, out_of = Counter(target for _, target in edges), Counter(source for source, _ in edges)
    labels = (-1, *operations, -2)
    colours = [md5(str((out_of[v], into[v], labels[v]))) for v in vertices]
    for _ in vertices:
        colours = [
            md5(
                "".join(sorted(colours[s] for s, t in edges if t == v))
                + "|"
                + "".join(sorted(colours[t] for s, t in edges if s == v))
                + "|"
                + colours[v]
            )
            for v in vertices
        ]
    return md5(str(sorted(colours)))


def md5(text):
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


# --- the space ------------------------------------------------------------------------------


def all_graphs(vertices):
    """The edges of every canonical cell of so many vertices, whatever its operations."""
    possible = [edge for edge in EDGES if edge[1] < vertices]
    for size in range(1, MAX_EDGES + 1):
        for edges in itertools.combinations(possible, size):
            nothing_to_prune = len({s for s, _ in edges}) == len({t for _, t in edges}) == vertices - 1
            if nothing_to_prune and canonical([0] * (vertices - 2), edges).edges == edges:
                yield edges


def all_cells(vertices):
    """Every canonical cell of so many vertices."""
    for edges in all_graphs(vertices):
        for operations in itertools.product(range(3), repeat=vertices - 2):
            cell = canonical(operations, edges)
            if cell.operations == operations:
                yield cell


@pytest.mark.parametrize(
    ("vertices", "cells"), [(2, 1), (3, 6), (4, 84), (5, 2_441), *([(6, 62_010), (7, 359_082)] if FULL else [])]
)
def test_there_are_as_many_cells_as_in_the_benchmark(vertices, cells):
    """423,624 in all; and no two of them have the same hash."""
    found = list(all_cells(vertices))
    assert len(found) == len({official_hash(cell.operations, cell.edges) for cell in found}) == cells


@pytest.mark.parametrize("vertices", [2, 3, 4, 5, pytest.param(6, marks=pytest.mark.full)])
def test_the_population_is_every_cell(vertices):
    found = list(cells(vertices))
    assert len(found) == len(set(found)) and set(found) == set(all_cells(vertices))


@pytest.mark.full
def test_the_population_is_as_large_as_the_benchmark():
    assert len(space.population()) == len(set(space.population())) == 423_624


@pytest.mark.parametrize(("name", "cell", "_"), PUBLISHED)
def test_cells_have_the_names_that_the_benchmark_gives_them(name, cell, _):
    architecture = space.from_id(cell)
    assert official_hash(architecture.operations, architecture.edges) == name


def renumbered(architecture, rng):
    """An isomorphic cell: the inner vertices in another topological order."""
    order, left = [], set(range(1, architecture.output))
    while left:
        ready = [v for v in left if not left & set(architecture.sources(v))]
        order.append(ready[rng.integers(len(ready))])
        left.remove(order[-1])
    place = {vertex: i for i, vertex in enumerate((0, *order, architecture.output))}
    return [architecture.operations[v - 1] for v in order], [(place[s], place[t]) for s, t in architecture.edges]


@given(seed=seeds)
def test_isomorphic_cells_are_one_architecture(seed):
    rng = np.random.default_rng(seed)
    architecture = space.random_architecture(rng)
    assert canonical(*renumbered(architecture, rng)) == architecture


@given(seed=seeds)
def test_two_cells_are_equal_exactly_when_their_hashes_are(seed):
    rng = np.random.default_rng(seed)
    pair = [space.random_architecture(rng) for _ in range(2)]
    hashes = {official_hash(cell.operations, cell.edges) for cell in pair}
    assert len(hashes) == len(set(pair)) == len({space.to_id(cell) for cell in pair})


@pytest.mark.parametrize(
    ("operations", "edges", "pruned"),
    [
        ([0], [(0, 2)], "output~0"),  # a vertex without edges
        ([0, 1], [(0, 1), (0, 2), (2, 3)], "conv1x1-bn-relu~0|output~1"),  # a dead end
        ([0, 1], [(0, 2), (1, 2), (2, 3)], "conv1x1-bn-relu~0|output~1"),  # a source without input
        ([2, 2, 1, 0, 0], [(0, 1), (1, 6), (2, 3), (3, 4)], "maxpool3x3~0|output~1"),  # apart from the rest
    ],
)
def test_vertices_off_every_path_are_removed(operations, edges, pruned):
    assert space.to_id(canonical(operations, edges)) == pruned


@pytest.mark.parametrize(
    ("operations", "edges", "complaint"),
    [
        ([0, 0], [(0, 1), (2, 3)], "input is not connected to its output"),
        ([0] * 5, [], "input is not connected to its output"),
        ([0] * 5, [*EDGES[:15], (5, 6)], "more than 7 vertices or 9 edges"),
        ([0] * 6, [(v, v + 1) for v in range(7)], "more than 7 vertices or 9 edges"),
    ],
)
def test_cells_outside_the_space_are_refused(operations, edges, complaint):
    with pytest.raises(ValueError, match=complaint):
        canonical(operations, edges)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "of the form"),
        ("output~0|output~1", "unknown operation 'output'"),
        ("conv9x9~0|output~1", "unknown operation 'conv9x9'"),
        ("conv3x3-bn-relu~0", "without output at its end"),
        ("maxpool3x3~1|output~0", "an edge that does not lead forward"),
        ("maxpool3x3~0|output~0", "not canonical; this cell is written output~0"),
        ("maxpool3x3~0+0|output~1", "not canonical"),
        ("maxpool3x3~0|output~1\n", "of the form"),
        ("maxpool3x3~0|" * 6 + "output~1", "of the form"),
        ("maxpool3x3~0|" * 100_000, "of the form"),
        ("output~" + "+".join("0" * 100_000), "not canonical"),
    ],
)
def test_an_id_that_would_not_be_written_is_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        space.from_id(text)


@given(seed=seeds)
def test_encodings_hold_all_edges_and_operations(seed):
    rng = np.random.default_rng(seed)
    cell = space.random_architecture(rng)
    assert len(space.encode(cell)) == 21 + 5
    assert sum(space.encode(cell)[:21]) == len(cell.edges)
    assert np.count_nonzero(space.encode(cell)[21:]) == len(cell.operations)


def test_encodings_of_neighbours_differ_in_few_places():
    cells = ("output~0", "conv3x3-bn-relu~0|output~1", "conv1x1-bn-relu~0|output~1", "conv3x3-bn-relu~0|output~0+1")
    empty, three, one, residual = (np.array(space.encode(space.from_id(cell))) for cell in cells)
    assert (three != one).sum() == (three != residual).sum() == 1
    assert (empty != residual).sum() == 3  # a vertex and its two edges


def test_mutation_reaches_larger_and_smaller_cells():
    rng = np.random.default_rng(0)
    cell = space.from_id("conv3x3-bn-relu~0|maxpool3x3~1|output~2")
    sizes = {len(space.mutate(cell, rng).operations) for _ in range(200)}
    assert sizes >= {0, 1, 2, 3}


# --- the network ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "parameters"), [*((cell, stated) for _, cell, stated in PUBLISHED), (INCEPTION, 2_694_282)]
)
def test_parameters_are_those_the_benchmark_states(cell, parameters):
    """It counts the classifier too, and scale and shift of the normalisations, not their statistics."""
    with torch.device("meta"):
        network = space.build(space.from_id(cell))
    assert count(network) + 512 * 10 + 10 == parameters


def counted(architecture, channels=128, cells=3):
    """Parameters by a formula of weights per edge and vertex, without the classifier."""
    total = 3 * 3 * 3 * channels + 2 * channels
    inputs = channels
    for width in (channels, 2 * channels, 4 * channels):
        for _ in range(cells):
            widths = vertex_channels(architecture, inputs, width)
            total += sum(inputs * widths[t] + 2 * widths[t] for s, t in architecture.edges if s == 0)
            total += sum(
                (9, 1, 0)[op] * w * w + (op < 2) * 2 * w
                for op, w in zip(architecture.operations, widths[1:-1], strict=True)
            )
            inputs = width
    return total


@pytest.mark.parametrize(
    ("cell", "outputs", "channels"),
    [
        ("output~0", 5, [8, 5]),
        ("conv3x3-bn-relu~0|conv3x3-bn-relu~1|output~2", 16, [8, 16, 16, 16]),
        ("conv3x3-bn-relu~0|maxpool3x3~0|output~1+2", 15, [8, 8, 7, 15]),
        ("maxpool3x3~0|maxpool3x3~0|maxpool3x3~0|output~1+2+3", 8, [8, 3, 3, 2, 8]),
        ("maxpool3x3~0|maxpool3x3~1|maxpool3x3~1|output~2+3", 9, [8, 5, 5, 4, 9]),
        ("maxpool3x3~0|maxpool3x3~1|maxpool3x3~0+2|output~1+3", 15, [8, 8, 7, 7, 15]),
    ],
)
def test_channels_are_shared_as_in_the_benchmark(cell, outputs, channels):
    """The cases of the official code's own tests; the cell's input counts neither as source nor as target."""
    assert vertex_channels(space.from_id(cell), 8, outputs) == channels


def test_a_cell_adds_truncates_and_concatenates():
    architecture = space.from_id("conv3x3-bn-relu~0|conv1x1-bn-relu~0+1|maxpool3x3~1|output~0+1+2+3")
    cell = Cell(architecture, 4, 16).eval()
    assert cell.channels == [4, 6, 5, 5, 16]
    x, project = torch.randn(2, 4, 6, 6), cell.projections
    first = cell.operations[0](project["1"](x))
    second = cell.operations[1](first[:, :5] + project["2"](x))
    third = cell.operations[2](first[:, :5])
    torch.testing.assert_close(cell(x), torch.cat([first, second, third], dim=1) + project["4"](x))


def test_the_skeleton_is_the_benchmarks():
    network = space.build(space.from_id("output~0"))
    assert network.channels == (128, 256, 512) and [len(stack) for stack in network.stacks] == [3, 3, 3]
    images = torch.randn(1, 3, 8, 8)
    assert [f.shape for f in network(images)] == [(1, 128, 8, 8), (1, 256, 4, 4), (1, 512, 2, 2)]


def test_convolutions_start_by_fan_out():
    torch.manual_seed(0)
    stem = space.build(space.from_id(INCEPTION)).stem[0].weight
    assert stem.std().item() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.05)


def test_the_narrowest_network_has_a_channel_for_each_concatenated_vertex():
    architecture = space.from_id("|".join(["maxpool3x3~0"] * 4 + ["output~1+2+3+4"]))
    network = space.build(architecture, width=0.001, depth=0.001)
    assert network.channels == (5, 10, 20)
    assert [f.shape[1] for f in network(torch.randn(1, 3, 8, 8))] == [5, 10, 20]


def test_memory_format_changes_nothing():
    network = space.build(space.from_id(PUBLISHED[2][1]), width=0.1, depth=0.34).eval()
    images = torch.randn(2, 3, 8, 8)
    expected = network(images)
    network.to(memory_format=torch.channels_last)
    for feature, other in zip(expected, network(images.to(memory_format=torch.channels_last)), strict=True):
        torch.testing.assert_close(feature, other)


def test_the_papers_networks_train_a_step(mirror):
    """Every parameter gets a gradient; with 13 channels, divided unevenly."""
    files = gennas_nasbench101.FILES["nasbench101"]
    trained = gennas_nasbench101.read("nasbench101", [mirror / file.path for file in files])
    chosen = trained if FULL else [trained[i] for i in np.random.default_rng(0).choice(len(trained), 25, replace=False)]
    for network in chosen:
        torch.manual_seed(0)
        built = space.build(network.architecture, width=0.1, depth=0.34)
        assert count(built) == counted(network.architecture, channels=13, cells=1)
        gradients = train_one_step(built, torch.randn(4, 3, 8, 8)).values()
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
