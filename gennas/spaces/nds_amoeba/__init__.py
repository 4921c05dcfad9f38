"""NDS's AmoebaNet space (Real et al., 2019): 8 operations, cells of 5 nodes, whose loose ends are concatenated."""

from gennas.spaces.common.nds.genotypes import CellSpace

DECLARATION = {"family": "images"}
SPACE = CellSpace(
    "Amoeba",
    operations=(
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "avg_pool_3x3",
        "max_pool_3x3",
        "dil_sep_conv_3x3",
        "conv_7x1_1x7",
    ),
    nodes=5,
    loose=True,
)
