"""NDS's ResNet space: 108^3 = 1,259,712 networks of basic blocks.

The paper gives the ends and the number of the values, about even in the logarithm; those between are read
from what is published of the trained networks.
"""

from gennas.spaces.common.nds.anynet import AnyNetSpace

DECLARATION = {"family": "images"}
SPACE = AnyNetSpace(
    "ResNet",
    "res_basic_block",
    depths=(1, 2, 3, 4, 6, 8, 12, 16, 24),
    widths=(16, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256),
)
