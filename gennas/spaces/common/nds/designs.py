"""The designs of cells that NDS trained both at many widths and depths and at one."""

from gennas.spaces.common.nds.genotypes import CellSpace

#: Liu et al., 2019: 8 operations, cells of 4 nodes, all concatenated.
DARTS = CellSpace(
    "DARTS",
    operations=(
        "none",
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_3x3",
        "dil_conv_5x5",
    ),
    nodes=4,
    loose=False,
)
#: Pham et al., 2018: 5 operations, cells of 5 nodes, whose loose ends are concatenated.
ENAS = CellSpace(
    "ENAS",
    operations=("skip_connect", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3"),
    nodes=5,
    loose=True,
)
#: Liu et al., 2018: 8 operations, cells of 5 nodes, all concatenated.
PNAS = CellSpace(
    "PNAS",
    operations=(
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "conv_7x1_1x7",
        "skip_connect",
        "avg_pool_3x3",
        "max_pool_3x3",
        "dil_conv_3x3",
    ),
    nodes=5,
    loose=False,
)
