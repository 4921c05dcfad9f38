"""NAS-Bench-201's cells at full resolution: shapes, closed forms, and which cells are one network."""

import numpy as np
import pytest
import torch
from torch import nn

from gennas import costs
from gennas.spaces import nasbench201, nasbench201_dense
from gennas.spaces.common.nasbench201.cell import EDGES, OPERATIONS
from gennas.spaces.common.nasbench201.network import Cell
from gennas.spaces.common.packing import pack

NONE, SKIP, SMALL, CONV, POOL = range(5)
CELLS = nasbench201_dense.all_architectures()


def small(cell):
    return nasbench201_dense.build(cell, width=0.25, depth=0.2)


def test_no_stage_has_fewer_pixels_and_each_has_twice_the_channels():
    features = small((POOL, SKIP, CONV, NONE, SMALL, SKIP))(torch.randn(2, 3, 7, 5))
    assert [tuple(x.shape) for x in features] == [(2, 4, 7, 5), (2, 8, 7, 5), (2, 16, 7, 5)]


@pytest.mark.parametrize(
    ("op", "read", "inner"),
    [
        (NONE, lambda c: 0, lambda c: 0),
        (SKIP, lambda c: c * 2 * c + 4 * c, lambda c: 0),
        (SMALL, lambda c: c * 2 * c + 4 * c, lambda c: c * c + 2 * c),
        (CONV, lambda c: 9 * c * 2 * c + 4 * c, lambda c: 9 * c * c + 2 * c),
        (POOL, lambda c: c * 2 * c + 4 * c, lambda c: 0),
    ],
)
def test_seventeen_cells_of_which_two_double_the_channels(op, read, inner):
    """`read`: weights of an edge from the input of those two, by its channels; `inner`: of any other edge."""
    network = nasbench201_dense.build((op,) * 6)
    stem = 27 * 16 + 2 * 16
    same = sum(5 * 6 * inner(channels) for channels in (16, 32, 64))
    doubling = sum(3 * read(channels) + 3 * inner(2 * channels) for channels in (16, 32))
    assert sum(parameter.numel() for parameter in network.parameters()) == stem + same + doubling
    assert sum(isinstance(module, Cell) for module in network.modules()) == 17


def test_packed_networks_compute_what_each_does_alone():
    cells = [(CONV,) * 6, (SKIP, NONE, POOL, SMALL, NONE, CONV), (NONE, NONE, SKIP, NONE, POOL, SMALL), (NONE,) * 6]
    networks, images = [*map(small, cells)], torch.randn(2, 3, 7, 5)
    together = pack(networks)(images.repeat(1, len(cells), 1, 1))
    for number, network in enumerate(networks):
        own = [features.chunk(len(cells), 1)[number] for features in together]
        torch.testing.assert_close(own, network(images), rtol=1e-4, atol=1e-4)


# --- which cells are the same network ----------------------------------------------------------


def formula(cell):
    """What the output of a cell that doubles the channels is the sum of, each term with what it reads written out."""
    terms = [("x",)]
    for node in (1, 2, 3):
        own = []
        for op, (source, target) in zip(cell, EDGES, strict=True):
            if target == node and op == SKIP and source:
                own += terms[source]
            elif target == node and op != NONE and terms[source]:
                own.append(f"{OPERATIONS[op]}{terms[source]}")
        terms.append(tuple(sorted(own)))
    return terms[3]


def test_cells_that_are_one_network_have_one_formula_and_are_one_in_nasbench201():
    networks = {}
    for cell in CELLS:
        found = nasbench201_dense.canonical(cell)
        networks.setdefault(found, set()).add((formula(cell), nasbench201.canonical(cell)))
        assert found <= cell and nasbench201_dense.canonical(found) == found
    assert {len(known) for known in networks.values()} == {1} and len(networks) == 6815


def test_cells_that_are_one_network_compute_the_same():
    """Where all weights of an operation are alike, which of its copies has them does not matter."""
    rng, images = np.random.default_rng(0), torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    others = [cell for cell in CELLS if nasbench201_dense.canonical(cell) != cell]
    for index in rng.choice(len(others), 10, replace=False):
        outputs = []
        for cell in (others[index], nasbench201_dense.canonical(others[index])):
            network = small(cell).double()
            for parameter in network.parameters():
                if parameter.dim() > 1:
                    nn.init.constant_(parameter, 0.1)
            outputs.append(network(images)[-1])
        torch.testing.assert_close(*outputs)


def test_a_skip_from_the_input_has_weights():
    """In NAS-Bench-201 it makes the node that it leads to a copy of the input."""
    longer, shorter = (SKIP, NONE, NONE, NONE, CONV, NONE), (NONE, NONE, NONE, CONV, NONE, NONE)
    assert nasbench201.canonical(longer) == nasbench201.canonical(shorter)
    assert nasbench201_dense.canonical(longer) != nasbench201_dense.canonical(shorter)


def cost(cell):
    network, image, known = small(cell).eval(), torch.zeros(1, 3, 6, 5), {}
    for kind in ("parameters", "flops", "memory_traffic"):
        known |= costs.of_network(network, [image], kind, {})
    return known


def test_cells_with_the_same_layers_cost_the_same():
    """An operation may move among the edges from the input, or among the others."""
    rng = np.random.default_rng(2)
    for _ in range(3):
        cell = rng.integers(5, size=6)
        other = cell.copy()
        for edges in ([0, 1, 3], [2, 4, 5]):
            other[edges] = rng.permutation(cell[edges])
        one, another = tuple(cell.tolist()), tuple(other.tolist())
        assert nasbench201_dense.layers(one) == nasbench201_dense.layers(another)
        assert cost(one) == cost(another)


def test_a_skip_costs_more_where_it_reads_the_input():
    reading, inner = (SKIP, NONE, NONE, NONE, NONE, NONE), (NONE, NONE, SKIP, NONE, NONE, NONE)
    assert nasbench201.layers(reading) == nasbench201.layers(inner)
    assert nasbench201_dense.layers(reading) != nasbench201_dense.layers(inner)
    more, less = cost(reading), cost(inner)
    assert all(more[name] > less[name] for name in more)
