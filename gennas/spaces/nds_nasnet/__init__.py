"""NDS's NASNet space (Zoph et al., 2018): 13 operations, cells of 5 nodes, whose loose ends are concatenated."""

from gennas.spaces.common.nds.genotypes import CellSpace

DECLARATION = {"family": "images"}
SPACE = CellSpace(
    "NASNet",
    operations=(
        "skip_connect",
        "conv_3x1_1x3",
        "conv_7x1_1x7",
        "dil_conv_3x3",
        "avg_pool_3x3",
        "max_pool_3x3",
        "max_pool_5x5",
        "max_pool_7x7",
        "conv_1x1",
        "conv_3x3",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
    ),
    nodes=5,
    loose=True,
)
