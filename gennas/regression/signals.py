"""The synthetic signals a regression proxy learns to reproduce.

Five bases over a grid (GenNAS, NeurIPS 2021, section 3.2 and the released code): one- and
two-dimensional sines, dots, blurred dots, and the shrunk input images. A target is the sum of
its bases, each times its amplitude. For images it has shape (B, C, S, S): batch, channels, grid
side; for sequences (T, B, D), the grid being T tokens by D dimensions, and each sample a channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from scipy.ndimage import gaussian_filter
from torch import Generator, Tensor
from torch.nn.functional import interpolate

GRID = 8  # side of the grid of images
#: Random phases per frequency (or pair of frequencies); sines and cosines take turns over them.
PHASES = 32


def draw_channels(pool: int, channels: int, generator: Generator) -> Tensor:
    """Indices (C,) of distinct pool entries, as the reference draws its channels."""
    if channels > pool:
        raise ValueError(f"{channels} target channels asked of a pool of {pool}")
    return torch.randperm(pool, generator=generator)[:channels]


def sine_or_cosine(angle: Tensor, phase_index: Tensor) -> Tensor:
    """Sine for even phase indices, cosine for odd ones; shapes broadcast from (C, 1, 1)."""
    return torch.where(phase_index.view(-1, 1, 1) % 2 == 0, angle.sin(), angle.cos())


def sin1d(
    frequencies: Sequence[float], channels: int, generator: Generator, grid: tuple[int, int] = (GRID, GRID)
) -> Tensor:
    """Waves along rows and along columns, (C, *grid): sin(2 pi f i + phase), i = 1, 2, ..."""
    f = torch.tensor(frequencies)
    phases = torch.rand(len(f), PHASES, generator=generator) * 2 * math.pi
    entry = draw_channels(len(f) * 2 * PHASES, channels, generator)  # pool: frequency, axis, phase
    which, axis, k = entry // (2 * PHASES), entry // PHASES % 2, entry % PHASES
    rows, columns = (torch.arange(1, side + 1.0) for side in grid)
    along = torch.where(axis.view(-1, 1, 1) == 0, rows.view(1, -1, 1), columns.view(1, 1, -1))  # (C, *grid)
    angle = 2 * math.pi * f[which].view(-1, 1, 1) * along + phases[which, k].view(-1, 1, 1)
    return sine_or_cosine(angle, k)


def sin2d(
    frequencies: Sequence[float], channels: int, generator: Generator, grid: tuple[int, int] = (GRID, GRID)
) -> Tensor:
    """Plane waves, (C, *grid): sin(2 pi (f1 y + f2 x) + phase) for every pair, and its vertical flip.

    The released code adds the phase to both terms; twice a uniform phase is a uniform phase. It cuts
    a grid that is no square from one that is, after the flip.
    """
    f = torch.tensor(frequencies)
    n = len(f)
    phases = torch.rand(n * n, PHASES, generator=generator) * 2 * math.pi
    entry = draw_channels(n * n * 2 * PHASES, channels, generator)  # pool: pair, flipped, phase
    pair, flipped, k = entry // (2 * PHASES), entry // PHASES % 2, entry % PHASES
    position = torch.arange(1, max(grid) + 1.0)
    y = torch.where(flipped.view(-1, 1) == 0, position, position.flip(0))[:, : grid[0]].unsqueeze(2)  # (C, rows, 1)
    x = position[: grid[1]].view(1, 1, -1)
    f1, f2 = f[pair // n].view(-1, 1, 1), f[pair % n].view(-1, 1, 1)
    angle = 2 * math.pi * (f1 * y + f2 * x) + phases[pair, k].view(-1, 1, 1)  # (C, *grid)
    return sine_or_cosine(angle, k)


def dot(density: float, channels: int, generator: Generator, grid: tuple[int, int] = (GRID, GRID)) -> Tensor:
    """+1 or -1 at this share of the grid's positions, distinct and random, 0 elsewhere: (C, *grid)."""
    positions = math.prod(grid)
    order = torch.rand(channels, positions, generator=generator).argsort(dim=1)
    signs = torch.randint(2, (channels, positions), generator=generator) * 2.0 - 1.0
    return torch.where(order < int(density * positions), signs, 0.0).view(channels, *grid)


def gaussian_dot(density: float, channels: int, generator: Generator, grid: tuple[int, int] = (GRID, GRID)) -> Tensor:
    """`dot` blurred by a Gaussian of sigma 1 and divided by its largest absolute value."""
    blurred = torch.from_numpy(gaussian_filter(dot(density, channels, generator, grid).numpy(), sigma=(0, 1, 1)))
    peak = blurred.abs().amax(dim=(1, 2), keepdim=True)
    return blurred / torch.where(peak > 0, peak, 1.0)  # a channel without dots stays zero


def resize(images: Tensor, channels: int, generator: Generator) -> Tensor:
    """The images (B, 3, H, W) shrunk to the grid, scaled to [-1, 1] over the batch: (B, C, S, S).

    The three colour channels are repeated and permuted, the same way for every sample.
    """
    small = interpolate(images, (GRID, GRID))
    small = small - small.min()
    small = 2 * small / small.max().clamp_min(1e-12) - 1
    return small[:, draw_channels(max(1000, channels), channels, generator) % images.shape[1]]


BASES: Mapping[str, Callable[..., Tensor]] = {
    "sin1d": sin1d,
    "sin2d": sin2d,
    "dot": dot,
    "gaussian_dot": gaussian_dot,
}


def draw_basis(signal: Mapping[str, Any], images: Tensor, channels: int, generator: Generator) -> Tensor:
    """One basis without its amplitude, (B, C, S, S)."""
    if signal["basis"] == "resize":
        return resize(images, channels, generator)
    basis = BASES[signal["basis"]]
    if signal["per_sample"]:
        return torch.stack([basis(argument(signal), channels, generator) for _ in images])
    return basis(argument(signal), channels, generator).expand(len(images), -1, -1, -1)


def argument(signal: Mapping[str, Any]) -> Any:
    """What its basis is drawn with: the frequencies of a wave, the density of dots."""
    return signal.get("frequencies", signal.get("density"))


def draw_target(signals: Sequence[Mapping[str, Any]], images: Tensor, channels: int, generator: Generator) -> Tensor:
    """The regression target of one stage: the sum of its signals, (B, C, S, S)."""
    target = torch.zeros(len(images), channels, GRID, GRID)
    for signal in signals:
        target += signal["amplitude"] * draw_basis(signal, images, channels, generator)
    return target


def draw_sequences(
    signals: Sequence[Mapping[str, Any]], batch: int, length: int, dimension: int, generator: Generator
) -> Tensor:
    """Sequences that are each the sum of their own draws of the signals, (T, B, D)."""
    drawn = torch.zeros(batch, length, dimension)
    for signal in signals:
        basis = BASES[signal["basis"]]
        samples = [basis(argument(signal), 1, generator, (length, dimension)) for _ in range(batch)]
        drawn += signal["amplitude"] * torch.cat(samples)
    return drawn.transpose(0, 1).contiguous()
