"""NDS's ENAS space (Pham et al., 2018): 5 operations, cells of 5 nodes, whose loose ends are concatenated."""

from gennas.spaces.common.nds import designs

DECLARATION = {"family": "images"}
SPACE = designs.ENAS
