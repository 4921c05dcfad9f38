"""NDS's DARTS space with one width and depth per data set."""

from dataclasses import replace

from gennas.spaces.common.nds import designs
from gennas.spaces.common.nds.genotypes import FIXED_CIFAR10, Scales

DECLARATION = {"family": "images"}
SPACE = replace(designs.DARTS, name="DARTS_fix-w-d", scales=(FIXED_CIFAR10, Scales(widths=(32,), depths=(22,))))
