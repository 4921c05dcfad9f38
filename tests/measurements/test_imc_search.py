"""What the search of the in-memory-computing space counts on."""

import pytest

from gennas import costs, spaces
from gennas.seeds import rng
from measurements import imc_search


@pytest.mark.parametrize("depth", [3, 5, 8])
def test_the_costs_of_a_network_are_the_sums_of_its_blocks(depth):
    space, generator = spaces.load(imc_search.SPACE), rng(depth, "blocks")
    drawn = (space.random_architecture(generator) for _ in range(1000))
    network = next(one for one in drawn if len(one) == depth)
    expected = costs.measure(space, network, imc_search.COSTS)
    assert imc_search.cost(space.to_id(network)) == pytest.approx(expected)


def test_random_networks_of_equal_cost_are_others_that_cost_as_much():
    given = "vgg-32|res-64|mvgg-16|vgg-96"
    energy = imc_search.cost(given)[0]
    found = imc_search.equal_cost(given, "imc_energy")
    assert len(found) == imc_search.RANDOM and given not in found
    assert [imc_search.cost(one)[0] for one in found] == pytest.approx([energy] * 2, rel=imc_search.CLOSE["imc_energy"])
