"""NDS's PNAS space (Liu et al., 2018): 8 operations, cells of 5 nodes, all concatenated."""

from gennas.spaces.common.nds import designs

DECLARATION = {"family": "images"}
SPACE = designs.PNAS
