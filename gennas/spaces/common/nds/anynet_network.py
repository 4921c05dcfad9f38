"""The networks of NDS's residual spaces, without classifier.

The files list four stages, but the parameters and operations that they state are those of a first stage that is the
stem: on CIFAR-10 a 3x3 convolution; on ImageNet three of stride 2, of 32, 64 and 64 channels.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import relu

from gennas.spaces.common.nds.anynet import Stage

#: GenNAS builds the first of the four stages as one dense block, after a stem of its own, and so does this.
STEM_WIDTH = 12
STRIDES = (1, 1, 2, 2)
TAPPED_STAGES = 3  # the last ones


def scaled(number: int, factor: float) -> int:
    """A width or depth times its factor, at least 1."""
    return max(1, round(number * factor))


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution without bias, batch normalisation; weights drawn by fan-out (He), as in pycls."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


def basic(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """The residual branch of a ResNet."""
    return nn.Sequential(
        convolution(inputs, outputs, 3, stride), nn.ReLU(inplace=True), convolution(outputs, outputs, 3)
    )


def bottleneck(inputs: int, inner: int, outputs: int, stride: int, groups: int) -> nn.Sequential:
    """The residual branch of a ResNeXt."""
    return nn.Sequential(
        convolution(inputs, inner, 1),
        nn.ReLU(inplace=True),
        convolution(inner, inner, 3, stride, groups),
        nn.ReLU(inplace=True),
        convolution(inner, outputs, 1),
    )


class Block(nn.Module):
    """A residual block that begins with the ReLU that pycls ends the previous one with.

    So a stage's output is what GenNAS taps: the sum before its ReLU.
    """

    def __init__(self, branch: nn.Sequential, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branch = branch
        unchanged = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if unchanged else convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(x)
        out: Tensor = self.shortcut(x) + self.branch(x)
        return out


class Network(nn.Module):
    """A stem and stages of the given depths and widths, all of them times a factor; no classifier.

    `forward` maps images (B, 3, H, W) to the features at the end of the last three stages:
    (B, w2, H, W), (B, w3, H/2, W/2), (B, w4, H/4, W/4).
    """

    def __init__(self, stages: Sequence[Stage], bottlenecks: bool, width: float, depth: float) -> None:
        super().__init__()
        inputs = scaled(STEM_WIDTH, width)
        self.stem = convolution(3, inputs, 3)
        self.stages = nn.ModuleList()
        for stage, first_stride in zip(stages, STRIDES, strict=True):
            outputs = scaled(stage.width, width)
            # Scaled by groups, so that they still divide it.
            inner = stage.groups * scaled(stage.width // stage.ratio // stage.groups, width)
            blocks = nn.Sequential()
            for stride in [first_stride, *[1] * (scaled(stage.depth, depth) - 1)]:
                if bottlenecks:
                    branch = bottleneck(inputs, inner, outputs, stride, stage.groups)
                else:
                    branch = basic(inputs, outputs, stride)
                blocks.append(Block(branch, inputs, outputs, stride))
                inputs = outputs
            self.stages.append(blocks)
        self.channels = tuple(scaled(stage.width, width) for stage in stages[-TAPPED_STAGES:])

    def forward(self, images: Tensor) -> list[Tensor]:
        features = [self.stem(images)]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features[-TAPPED_STAGES:]
