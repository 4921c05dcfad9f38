"""Spaces whose architectures grow: what each level reaches."""

import numpy as np
import pytest

from gennas import spaces
from gennas.spaces import nasbench101, nasbench201

GROWING = [name for name in spaces.NAMES if spaces.has_growth(spaces.load(name))]


def levels(space, last):
    """The architectures of each level."""
    found = [[space.ROOT]]
    for level in range(last):
        grown = (child for prefix in found[-1] for child in space.expansions(prefix, level))
        found.append(list(dict.fromkeys(grown)))
    return found


def test_nasbench201_grows_node_by_node_to_all_of_its_cells():
    found = levels(nasbench201, 3)
    assert [len(level) for level in found] == [1, 5, 125, 15_625]
    assert {*found[3]} == {*nasbench201.all_architectures()}


@pytest.mark.parametrize("last", [3, pytest.param(4, marks=pytest.mark.full)])
def test_nasbench101_grows_vertex_by_vertex_to_all_of_its_cells(last):
    """The benchmark's own counts of cells of two to six vertices."""
    found = levels(nasbench101, last)
    assert [len(level) for level in found] == [1, 6, 84, 2441, 62_010][: last + 1]
    assert all(len(cell.operations) == level for level, cells in enumerate(found) for cell in cells)


@pytest.mark.parametrize("name", GROWING)
def test_partial_architectures_are_members_and_no_expansion_is_listed_twice(name):
    space, rng = spaces.load(name), np.random.default_rng(0)
    for _ in range(20):
        prefix = space.ROOT
        for level in range(space.LEVELS):
            grown = space.expansions(prefix, level)
            assert len({*grown}) == len(grown)
            if not grown:  # as of a cell of NAS-Bench-101 with nine edges
                break
            prefix = grown[rng.integers(len(grown))]
            assert space.from_id(space.to_id(prefix)) == prefix
