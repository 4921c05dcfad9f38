"""NAS-Bench-201's cells and networks, against what its authors state."""

import networkx
import numpy as np
import pytest
import torch

from gennas.spaces import nasbench201
from gennas.spaces.common.nasbench201.cell import EDGES, OPERATIONS


def test_nasbench201_has_15625_cells_of_distinct_ids():
    cells = nasbench201.all_architectures()
    assert len(cells) == len({nasbench201.to_id(cell) for cell in cells}) == 15625


def test_nasbench201_parameters_are_those_the_benchmark_states():
    """Its API says 1.531546 M of the all-3x3 cell and 0.073306 M of cells without convolutions."""
    last_norm_and_classifier = 2 * 64 + 64 * 10 + 10
    for cell, stated in (((3,) * 6, 1_531_546), ((1,) * 6, 73_306), ((0,) * 6, 73_306)):
        counted = sum(p.numel() for p in nasbench201.build(cell).parameters())
        assert counted + last_norm_and_classifier == stated


def test_the_graph_of_a_cell_is_its_line_graph():
    """Two edges are joined where the first ends at the node that the second starts from; checked by networkx."""
    nodes = networkx.DiGraph([("in", 0), *EDGES, (3, "out")])
    vertices = nasbench201.graph((0, 1, 2, 3, 4, 0))["cell"]
    places = [("in", 0), *EDGES, (3, "out")]
    arcs = {(places[source], places[target]) for target, vertex in enumerate(vertices) for source in vertex.sources}
    assert arcs == set(networkx.line_graph(nodes).edges) and len(arcs) == 10
    labels = [vertex.label for vertex in vertices]
    assert labels[1:-1] == ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "none"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "not a NAS-Bench-201 string"), ("|conv_9x9~0|+|none~0|none~1|+|none~0|none~1|none~2|", "conv_9x9")],
)
def test_nasbench201_says_what_is_wrong_with_an_id(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        nasbench201.from_id(text)


# --- which cells are the same network ----------------------------------------------------------


def formula(cell):
    """What the output is the sum of, each term with what it reads written out."""
    terms = [("x",)]
    for node in (1, 2, 3):
        own = []
        for op, (source, target) in zip(cell, EDGES, strict=True):
            if target == node and OPERATIONS[op] == "skip_connect":
                own += terms[source]
            elif target == node and OPERATIONS[op] != "none" and terms[source]:
                own.append(f"{OPERATIONS[op]}{terms[source]}")
        terms.append(tuple(sorted(own)))
    return terms[3]


def test_equal_networks_have_equal_formulas():
    """There are more networks, for a formula repeats what is read twice."""
    cells = nasbench201.all_architectures()
    networks = {}
    for cell in cells:
        networks.setdefault(nasbench201.canonical(cell), set()).add(formula(cell))
    assert {len(formulas) for formulas in networks.values()} == {1}
    assert len({formula(cell) for cell in cells}) == 4930 and len(networks) == 5425


def test_canonical_is_the_first_of_its_kind():
    for cell in nasbench201.all_architectures()[::11]:
        found = nasbench201.canonical(cell)
        assert found <= cell and nasbench201.canonical(found) == found


def test_equal_networks_compute_the_same():
    """Where all weights of an operation are alike, which of its copies has them does not matter."""
    rng, images = np.random.default_rng(0), torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    cells = [nasbench201.random_architecture(rng) for _ in range(40)]
    others = [cell for cell in cells if nasbench201.canonical(cell) != cell]
    assert len(others) > 10
    for cell in others:
        outputs = []
        for one in (cell, nasbench201.canonical(cell)):
            network = nasbench201.build(one, width=0.25, depth=0.2).double()
            for parameter in network.parameters():
                if parameter.dim() > 1:
                    torch.nn.init.constant_(parameter, 0.1)
            outputs.append(network(images)[-1])
        torch.testing.assert_close(*outputs)


def test_what_cannot_be_swapped_is_another_network():
    """One convolution read twice is not two."""
    conv, skip = OPERATIONS.index("nor_conv_3x3"), OPERATIONS.index("skip_connect")
    twice_read = (conv, 0, skip, 0, skip, skip)  # node 2 copies node 1; the output reads both
    two = (conv, conv, 0, 0, skip, skip)
    assert formula(twice_read) == formula(two)
    assert nasbench201.canonical(twice_read) != nasbench201.canonical(two)
