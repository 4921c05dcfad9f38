"""NDS's ENAS space with one width and depth."""

from dataclasses import replace

from gennas.spaces.common.nds import designs
from gennas.spaces.common.nds.genotypes import FIXED_CIFAR10

DECLARATION = {"family": "images"}
SPACE = replace(designs.ENAS, name="ENAS_fix-w-d", scales=(FIXED_CIFAR10,))
