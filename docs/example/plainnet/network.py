"""PlainNet's networks."""

from __future__ import annotations

from gennas.spaces.plainnet.cell import OPERATIONS, Architecture
from torch import Tensor, nn

CHANNELS = 16  # of the first stage


def operation(name: str, channels: int) -> nn.Module:
    """A convolution with batch norm and ReLU, or an average pooling."""
    size = int(name[-1])
    if name.startswith("pool"):
        return nn.AvgPool2d(size, stride=1, padding=size // 2, count_include_pad=False)
    convolution = nn.Conv2d(channels, channels, size, padding=size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU())


class Network(nn.Module):
    """Maps images (B, 3, H, W) to (B, C, H, W), (B, 2C, H/2, W/2), (B, 4C, H/4, W/4)."""

    def __init__(self, architecture: Architecture, channels: int, depth: int) -> None:
        super().__init__()
        self.channels = (channels, 2 * channels, 4 * channels)
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.stages = nn.ModuleList(
            nn.Sequential(*(operation(OPERATIONS[op], width) for _ in range(depth)))
            for op, width in zip(architecture, self.channels, strict=True)
        )
        self.reductions = nn.ModuleList(nn.Conv2d(width, 2 * width, 2, stride=2) for width in self.channels[:-1])

    def forward(self, images: Tensor) -> list[Tensor]:
        features = [self.stages[0](self.stem(images))]
        for reduction, stage in zip(self.reductions, list(self.stages)[1:], strict=True):
            features.append(stage(reduction(features[-1])))
        return features


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Network:
    """The network without a classifier; `width` and `depth` are factors."""
    return Network(architecture, max(1, round(CHANNELS * width)), max(1, round(depth)))
