"""Graphs as they are drawn, and the signals on their nodes that a regression proxy learns.

The graph is a block model whose nodes have degrees of their own. Bases are what sines and dots are on a grid: features
of the input filtered by the graph (`lowpass`, `highpass`), eigenvectors of its Laplacian (`band`), spots that diffuse
(`dots`), and how likely a walk is to be back where it began (`walk`).

Source of the block model: Karrer and Newman, "Stochastic blockmodels and community structure in networks", 2011.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Generator, Tensor

BANDS = 8


class DrawnGraph:
    """A graph as it is drawn, and the matrices that bases are made of, each (N, N)."""

    def __init__(self, edges: Tensor, nodes: int) -> None:
        self.edges = edges  # (2, E), each in both directions
        self.nodes = nodes

    @cached_property
    def adjacency(self) -> Tensor:
        """1 for each edge."""
        matrix = torch.zeros(self.nodes, self.nodes)
        matrix[self.edges[1], self.edges[0]] = 1.0
        return matrix

    @cached_property
    def symmetric(self) -> Tensor:
        """D^-1/2 A D^-1/2; the normalised Laplacian is 1 less this."""
        scale = self.adjacency.sum(1).clamp_min(1).rsqrt()
        return scale[:, None] * self.adjacency * scale

    @cached_property
    def walk(self) -> Tensor:
        """D^-1 A: the chances of a step of a random walk."""
        return self.adjacency / self.adjacency.sum(1, keepdim=True).clamp_min(1)

    @cached_property
    def modes(self) -> Tensor:
        """Eigenvectors of the Laplacian (N, N), one a column, from smooth to rough."""
        found: Tensor = torch.linalg.eigh(-self.symmetric.double())[1].float()
        return found


def draw_graph(task: Mapping[str, Any], generator: Generator) -> DrawnGraph:
    """A block model: an edge joins two nodes of one block with probability `homophily`, else any two.

    The nodes' propensities to have edges are log-normal, `tail` being the deviation of the logarithm. No node is alone.
    """
    nodes, blocks = task["nodes"], task["blocks"]
    members = torch.randint(blocks, (nodes,), generator=generator)
    propensity = (task["tail"] * torch.randn(nodes, generator=generator)).exp()
    further = max(0, round(nodes * task["degree"] / 2) - nodes)
    more = torch.multinomial(propensity, further, replacement=True, generator=generator) if further else members[:0]
    source = torch.cat([torch.arange(nodes), more])
    within = torch.rand(len(source), generator=generator) < task["homophily"]
    others = source[:, None] != torch.arange(nodes)  # (edges, N)
    near = others & (members[source][:, None] == members)
    near = torch.where(near.any(1, keepdim=True), near, others)  # the only node of its block reaches any other
    likely = propensity * torch.where(within[:, None], near, others)
    target = torch.multinomial(likely, 1, generator=generator)[:, 0]
    both = torch.stack([torch.cat([source, target]), torch.cat([target, source])])
    return DrawnGraph(torch.unique(both, dim=1), nodes)


# --- bases: (N, K) each, of mean 0 and deviation 1 -------------------------------------------


def _filtered(
    signal: Mapping[str, Any], sign: int, graph: DrawnGraph, features: Tensor, channels: int, generator: Generator
) -> Tensor:
    """Combinations of the features, smoothed `power` times by (1 + N) / 2, or roughened by (1 - N) / 2."""
    mixed = features @ torch.randn(features.shape[1], channels, generator=generator)
    for _ in range(signal["power"]):
        mixed = (mixed + sign * graph.symmetric @ mixed) / 2
    return mixed


def lowpass(signal: Mapping[str, Any], graph: DrawnGraph, features: Tensor, channels: int, g: Generator) -> Tensor:
    """What the features have in common with those around."""
    return _filtered(signal, 1, graph, features, channels, g)


def highpass(signal: Mapping[str, Any], graph: DrawnGraph, features: Tensor, channels: int, g: Generator) -> Tensor:
    """How the features differ from those around."""
    return _filtered(signal, -1, graph, features, channels, g)


def band(signal: Mapping[str, Any], graph: DrawnGraph, features: Tensor, channels: int, g: Generator) -> Tensor:
    """Combinations of an eighth of the Laplacian's eigenvectors, the first being the smoothest."""
    which: Tensor = torch.tensor_split(graph.modes, BANDS, dim=1)[signal["eighth"] - 1]
    return which @ torch.randn(which.shape[1], channels, generator=g)


def dots(signal: Mapping[str, Any], graph: DrawnGraph, features: Tensor, channels: int, g: Generator) -> Tensor:
    """+1 or -1 at a share of the nodes, 0 elsewhere, after some steps of diffusion."""
    order = torch.rand(graph.nodes, channels, generator=g).argsort(dim=0)
    signs = torch.randint(2, (graph.nodes, channels), generator=g) * 2.0 - 1.0
    spots = torch.where(order < max(1, int(signal["density"] * graph.nodes)), signs, 0.0)
    for _ in range(signal["steps"]):
        spots = (spots + graph.walk @ spots) / 2
    return spots


def walk(signal: Mapping[str, Any], graph: DrawnGraph, features: Tensor, channels: int, g: Generator) -> Tensor:
    """Combinations of the chances to be back after 1, 2, ... steps of a random walk."""
    power, returns = graph.walk, []
    for _ in range(1, signal["steps"]):
        power = power @ graph.walk
        returns.append(power.diagonal())
    return standardised(torch.stack(returns, dim=1)) @ torch.randn(len(returns), channels, generator=g)


BASES: Mapping[str, Callable[[Mapping[str, Any], DrawnGraph, Tensor, int, Generator], Tensor]] = {
    "lowpass": lowpass,
    "highpass": highpass,
    "band": band,
    "dots": dots,
    "walk": walk,
}


def standardised(channels: Tensor) -> Tensor:
    """Each channel of (N, K) less its mean, over its deviation; constant ones are 0."""
    centred = channels - channels.mean(0)
    return centred / channels.std(0).clamp_min(1e-6)


def draw_target(task: Mapping[str, Any], graph: DrawnGraph, features: Tensor, generator: Generator) -> Tensor:
    """The sum of the signals, (N, K)."""
    target = torch.zeros(graph.nodes, task["dimension"])
    for signal in task["signals"]["target"]:
        basis = BASES[signal["basis"]](signal, graph, features, task["dimension"], generator)
        target += signal["amplitude"] * standardised(basis)
    return target
