"""NDS's PNAS space with one width and depth."""

from dataclasses import replace

from gennas.spaces.common.nds import designs
from gennas.spaces.common.nds.genotypes import FIXED_CIFAR10

DECLARATION = {"family": "images"}
SPACE = replace(designs.PNAS, name="PNAS_fix-w-d", scales=(FIXED_CIFAR10,))
