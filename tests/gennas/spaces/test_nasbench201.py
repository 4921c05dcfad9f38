"""NAS-Bench-201's cells and networks, against what its authors state."""

import pytest

from gennas.spaces import nasbench201


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
