"""The networks of sequences of blocks, without classifier."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from gennas.spaces.imc_blocks.blocks import Architecture


def convolution(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Convolution without bias, batch normalisation."""
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs)]


def plain(inputs: int, outputs: int, second: int) -> nn.Sequential:
    """A 3x3 convolution, and another one of the size `second`, each with its ReLU."""
    first = convolution(inputs, outputs, 3)
    return nn.Sequential(*first, nn.ReLU(), *convolution(outputs, outputs, second), nn.ReLU())


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where the width changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(*convolution(inputs, outputs, 3), nn.ReLU(), *convolution(outputs, outputs, 3))
        self.shortcut = nn.Sequential(*convolution(inputs, outputs, 1)) if inputs != outputs else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.shortcut(x) + self.branch(x))
        return out


def block(kind: str, inputs: int, outputs: int) -> nn.Module:
    """The module of a block."""
    match kind:
        case "vgg":
            return plain(inputs, outputs, second=3)
        case "mvgg":
            return plain(inputs, outputs, second=1)
        case "res":
            return Residual(inputs, outputs)
    raise ValueError(f"there is no block {kind!r}")


class Network(nn.Module):
    """Blocks one after the other, with max-pooling after the first and the second.

    So there are three resolutions from the least depth on, as in the other spaces. `forward` maps images (B, 3, H, W)
    to the features after the first, the second and the last block: (B, w1, H, W), (B, w2, H/2, W/2), (B, wd, H/4, W/4).
    """

    def __init__(self, architecture: Architecture, width: float, repeats: int) -> None:
        super().__init__()
        widths = [max(1, round(block.width * width)) for block in architecture]
        blocks = [
            nn.Sequential(block(kind, inputs, outputs), *(block(kind, outputs, outputs) for _ in range(repeats - 1)))
            for (kind, _), (inputs, outputs) in zip(architecture, pairwise([3, *widths]), strict=True)
        ]
        self.stages = nn.ModuleList([*blocks[:2], nn.Sequential(*blocks[2:])])
        self.pool = nn.MaxPool2d(2)
        self.channels = (widths[0], widths[1], widths[-1])

    def forward(self, images: Tensor) -> list[Tensor]:
        features = [self.stages[0](images)]
        for stage in list(self.stages)[1:]:
            features.append(stage(self.pool(features[-1])))
        return features


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Network:
    """The network of an architecture, with PyTorch's default initialisation from the global generator.

    The number of blocks is the architecture's: `depth` is how often each of them is repeated, at least once.
    """
    return Network(architecture, width, max(1, round(depth)))
