"""NDS's DARTS space (Liu et al., 2019): 8 operations, cells of 4 nodes, all concatenated."""

from gennas.spaces.common.nds import designs

DECLARATION = {"family": "images"}
SPACE = designs.DARTS
