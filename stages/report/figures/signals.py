"""What networks read, and what they are asked to make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from gennas.data.images import to_tensor
from gennas.regression.graph_signals import draw_graph
from gennas.regression.graph_signals import draw_target as draw_on_graph
from gennas.regression.signals import draw_basis, draw_sequences, draw_target
from stages.report.figures.style import canvas, styled, to_svg

TILES = 6  # pictures per row
FEATURES = 32  # of nodes, that the picture of a task of graphs begins with


def mosaic(tiles: np.ndarray) -> np.ndarray:
    """Set tiles (R, N, H, W[, 3]) side by side, a row per R, with white gaps one pixel wide."""
    gaps = [(0, 0), (0, 0), (0, 1), (0, 1), *[(0, 0)] * (tiles.ndim - 4)]
    padded = np.pad(tiles.astype(float), gaps, constant_values=np.nan)
    rows, columns, height, width = padded.shape[:4]
    return padded.swapaxes(1, 2).reshape(rows * height, columns * width, *padded.shape[4:])


def show_tiles(axis: Axes, labels: Sequence[str], tiles: np.ndarray) -> None:
    """Draw labelled rows of tiles; signals (values in [-1, 1]) from blue over white to red."""
    height = tiles.shape[2] + 1
    axis.imshow(mosaic(tiles), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    axis.set_yticks([height * row + height / 2 - 1 for row in range(len(labels))], labels)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)


def tiles(signal: torch.Tensor) -> np.ndarray:
    """A sample of a signal (B, C, 8, 8): tile i is channel i of image i, (TILES, 8, 8) in [-1, 1]."""
    channel = torch.arange(TILES)
    drawn = signal[channel % len(signal), channel].numpy()
    scaled: np.ndarray = drawn / max(np.abs(drawn).max(), 1e-9)  # a stage may have no signal at all
    return scaled


def draw_signals(tasks: Mapping[str, Any], images: torch.Tensor, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Tiles of each basis, as the first task that has it uses it, and of each task's targets, with titles."""
    generator = torch.Generator().manual_seed(seed)
    bases: dict[str, Any] = {}
    for signal in (s for task in tasks.values() for stage in task["signals"].values() for s in stage):
        bases.setdefault(signal["basis"], signal)
    groups = {
        "the bases": {name: tiles(draw_basis(signal, images, TILES, generator)) for name, signal in bases.items()}
    }
    for name, task in tasks.items():
        groups[f"targets of {name}"] = {
            stage.replace("_", " "): tiles(draw_target(parts, images, TILES, generator))
            for stage, parts in task["signals"].items()
        }
    return groups


def signals(tasks: Mapping[str, Any], images: np.ndarray, seed: int) -> str:
    """What networks read, and what each task asks them to make of it."""
    (family,) = {task["family"] for task in tasks.values()}
    return DRAWN.get(family, named_signals)(tasks, images, seed)


@styled
def image_signals(tasks: Mapping[str, Any], images: np.ndarray, seed: int) -> str:
    """The first inputs (N, H, W, 3), uint8, and what networks are asked to make of them.

    Each row is scaled to its own largest magnitude.
    """
    groups = draw_signals(tasks, to_tensor(images), seed)
    heights = [1, *(len(group) for group in groups.values())]
    figure = canvas(0.54 * sum(heights) + 0.25 * len(heights))
    axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    axes[0].set_title("the inputs")
    show_tiles(axes[0], ["images"], images[None, :TILES] / 255)
    for axis, (title, group) in zip(axes[1:], groups.items(), strict=True):
        axis.set_title(title)
        show_tiles(axis, list(group), np.stack([*group.values()]))
    return to_svg(figure)


@styled
def sequence_signals(tasks: Mapping[str, Any], _: np.ndarray, seed: int) -> str:
    """One sample of each task's input and target sequence, time downwards, scaled to its largest magnitude."""
    generator = torch.Generator().manual_seed(seed)
    figure = canvas(0.9 * 2 * len(tasks))
    axes = iter(figure.subplots(2 * len(tasks), 1))
    for name, task in tasks.items():
        for end, parts in task["signals"].items():
            drawn = draw_sequences(parts, 1, task["length"], task["dimension"], generator)[:, 0].numpy()  # (T, D)
            axis = next(axes)
            axis.set_title(f"{end} of {name}")
            axis.imshow(drawn / max(np.abs(drawn).max(), 1e-9), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
            axis.set_xticks([])
            axis.set_yticks([])
            axis.grid(False)
    return to_svg(figure)


@styled
def graph_signals(tasks: Mapping[str, Any], _: np.ndarray, seed: int) -> str:
    """The graph of each task, and on its nodes a channel of its target, scaled to its largest magnitude.

    Nodes are placed by the two smoothest waves on the graph, in their order: close by are those that it joins.
    """
    generator = torch.Generator().manual_seed(seed)
    figure = canvas(3.2 * len(tasks))
    axes = figure.subplots(len(tasks), 1, squeeze=False)[:, 0]
    for axis, (name, task) in zip(axes, tasks.items(), strict=True):
        graph = draw_graph(task, generator)
        features = torch.randn(graph.nodes, FEATURES, generator=generator)
        value = draw_on_graph({**task, "dimension": 1}, graph, features, generator)[:, 0].numpy()  # (N,)
        place = graph.modes[:, 1:3].argsort(0).argsort(0).numpy()  # (N, 2)
        axis.set_title(f"target of {name}")
        axis.plot(*place[graph.edges.numpy()].transpose(2, 0, 1), color="0.8", linewidth=0.3, zorder=1)
        extent = max(np.abs(value).max(), 1e-9)
        axis.scatter(*place.T, c=value / extent, cmap="RdBu_r", vmin=-1, vmax=1, s=14, edgecolors="0.5", linewidths=0.3)
        axis.set_axis_off()
    return to_svg(figure)


@styled
def named_signals(tasks: Mapping[str, Any], _: np.ndarray, seed: int) -> str:
    """The names of each task's bases, of a family that has no picture here."""
    figure = canvas(0.4 * len(tasks) + 0.4)
    figure.set_layout_engine("none")
    for row, (name, task) in enumerate(tasks.items()):
        bases = ", ".join(signal["basis"] for signals in task["signals"].values() for signal in signals)
        figure.text(0.02, 1 - (row + 1) / (len(tasks) + 1), f"{name}: {bases}", va="center")
    return to_svg(figure)


#: The figure of each family that has one.
DRAWN = {"graphs": graph_signals, "images": image_signals, "sequences": sequence_signals}
