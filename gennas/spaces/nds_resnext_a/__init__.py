"""NDS's ResNeXt-A space: 225^3 = 11,390,625 networks of grouped bottleneck blocks."""

from gennas.spaces.common.nds.anynet import AnyNetSpace

DECLARATION = {"family": "images"}
SPACE = AnyNetSpace(
    "ResNeXt-A",
    "res_bottleneck_block",
    depths=(1, 2, 4, 8, 16),
    widths=(16, 32, 64, 128, 256),
    ratios=(1, 2, 4),
    groups=(1, 2, 4),
)
