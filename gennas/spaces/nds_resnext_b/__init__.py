"""NDS's ResNeXt-B space: 375^3 = 52,734,375 networks, wider and with more groups than ResNeXt-A's."""

from gennas.spaces.common.nds.anynet import AnyNetSpace

DECLARATION = {"family": "images"}
SPACE = AnyNetSpace(
    "ResNeXt-B",
    "res_bottleneck_block",
    depths=(1, 2, 4, 8, 16),
    widths=(64, 128, 256, 512, 1024),
    ratios=(1, 2, 4),
    groups=(1, 2, 4, 8, 16),
)
