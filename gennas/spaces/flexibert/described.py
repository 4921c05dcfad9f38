"""Layers with the operations that NAS-Bench-BERT describes, which its training code never used.

They are there to be built, and to check the published numbers of parameters. The benchmark's scores are not those of
these networks, so no architecture of the space has them.

Source: the PyTorch model released with Serianni and Kalita, ACL 2023. Its span-based dynamic convolution is that of
Jiang et al., "ConvBERT: Improving BERT with Span-based Dynamic Convolution", NeurIPS 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from gennas.spaces.flexibert.network import (
    EMBEDDING,
    INITIAL_DEVIATION,
    Attention,
    Residual,
    Transformer,
    attention,
    feed_forward,
)

#: Attention, that with weights on the query, Fourier and cosine transforms, convolutions with kernels of size 5 and 9.
OPERATIONS = ("SDP", "WMA", "DFT", "DCT", "DSC-5", "DSC-9")


class DescribedLayer(NamedTuple):
    """A layer as the benchmark's file states it."""

    operation: str  # of OPERATIONS
    heads: int
    size: int  # units of each feed-forward layer
    feed_forwards: int  # how many of them


def weighted_attention(hidden: int, heads: int) -> nn.Sequential:
    """Attention whose queries pass one more matrix, and the linear layer behind it."""
    weighted = Attention(hidden, heads, hidden)
    weighted.query = nn.Sequential(weighted.query, nn.Linear(hidden, hidden, bias=False))
    return nn.Sequential(weighted, nn.Linear(hidden, hidden))


def fourier(x: Tensor) -> Tensor:
    """The real part of the 2-D discrete Fourier transform over the last two dimensions."""
    found: Tensor = torch.fft.fft2(x).real
    return found


def _cosines(size: int, like: Tensor) -> Tensor:
    """The matrix (size, size) of a one-dimensional DCT-II, without normalisation."""
    places = torch.arange(size, dtype=like.dtype, device=like.device)
    return 2 * torch.cos(math.pi * (2 * places + 1) * places[:, None] / (2 * size))


def cosine(x: Tensor) -> Tensor:
    """The 2-D DCT-II over the last two dimensions, without normalisation."""
    return _cosines(x.shape[-2], x) @ x @ _cosines(x.shape[-1], x).t()


class LinearTransform(nn.Module):
    """A linear layer, and a fixed transform of each head over tokens and features; maps (T, B, hidden) to itself."""

    def __init__(self, hidden: int, heads: int, operation: str) -> None:
        super().__init__()
        self.heads, self.transform = heads, {"DFT": fourier, "DCT": cosine}[operation]
        self.linear = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        length, batch, hidden = x.shape
        split = self.linear(x).view(length, batch, self.heads, hidden // self.heads).permute(1, 2, 0, 3)
        out: Tensor = self.transform(split)
        return out.permute(2, 0, 1, 3).flatten(2)


class DynamicConvolution(nn.Module):
    """Half of the heads attend, the others convolve with kernels made of their query and their surroundings."""

    def __init__(self, hidden: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.kernel, self.convolving = kernel, heads // 2
        half = hidden // heads * self.convolving
        self.attention = Attention(hidden, self.convolving, half)
        self.depthwise = nn.Conv1d(hidden, hidden, kernel, padding=kernel // 2, groups=hidden, bias=False)
        self.pointwise = nn.Conv1d(hidden, half, 1)
        self.kernels = nn.Linear(half, self.convolving * kernel)
        self.values = nn.Linear(hidden, half)
        self.output = nn.Linear(hidden, hidden)
        for convolution in (self.depthwise, self.pointwise):
            nn.init.normal_(convolution.weight, std=INITIAL_DEVIATION)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.output(torch.cat([self.attention(x), self.convolve(x)], dim=2))
        return out

    def convolve(self, x: Tensor) -> Tensor:
        """The convolved half, (T, B, hidden / 2): each token's neighbours, weighted by a softmax over the kernel."""
        length, batch, _ = x.shape
        around = self.pointwise(self.depthwise(x.permute(1, 2, 0))).permute(2, 0, 1)
        weights = self.kernels(around * self.attention.query(x)).view(length, batch, self.convolving, 1, self.kernel)
        values = pad(self.values(x), (0, 0, 0, 0, self.kernel // 2, self.kernel // 2)).unfold(0, self.kernel, 1)
        split = values.view(length, batch, self.convolving, -1, self.kernel)
        out: Tensor = (split * weights.softmax(dim=4)).sum(dim=4)
        return out.flatten(2)


_MIXING: dict[str, Callable[[int, int], nn.Module]] = {
    "SDP": attention,
    "WMA": weighted_attention,
    **{f"DSC-{kernel}": partial(DynamicConvolution, kernel=kernel) for kernel in (5, 9)},
}


def _layer(layer: DescribedLayer, hidden: int) -> nn.Module:
    """The module of a layer; a transform is neither added to its input nor normalised."""
    mixing = (
        Residual(hidden, _MIXING[layer.operation](hidden, layer.heads))
        if layer.operation in _MIXING
        else LinearTransform(hidden, layer.heads, layer.operation)
    )
    return nn.Sequential(mixing, Residual(hidden, feed_forward(hidden, [layer.size] * layer.feed_forwards)))


def build(hidden: int, layers: Sequence[DescribedLayer]) -> Transformer:
    """The network of a description, initialised from torch's global generator; without dropout."""
    return Transformer(EMBEDDING, hidden, hidden != EMBEDDING, [_layer(layer, hidden) for layer in layers])
