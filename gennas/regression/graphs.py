"""The regression proxy on graphs: one graph, a signal on its nodes in, another one out.

GenNAS has no networks of graphs; this is its idea carried over, and the graph is drawn, too. A network is trained on a
share of the nodes, `seen`. The readout `training` is the loss there; `evaluation` is that of the other nodes, as in the
benchmarks, where classes of nodes are learnt from few.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from gennas.regression.graph_signals import DrawnGraph, draw_graph, draw_target
from gennas.regression.training import Drawn
from gennas.scoring import Context

DEFAULT_TASK = "graphs"
LOSS_WEIGHTS = (1.0,)


class RegressionNetwork(nn.Module):
    """A backbone and a linear map of its features: (N, F), (2, E) to one prediction (N, K)."""

    def __init__(self, backbone: nn.Module, dimension: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(cast(int, backbone.outputs), dimension)

    def forward(self, features: Tensor, edges: Tensor) -> list[Tensor]:
        return [self.head(self.backbone(features, edges))]


def draw(task: Mapping[str, Any], context: Context, generator: Generator) -> Drawn:
    """A graph, normally distributed features (N, F), and their target (N, K); the nodes that are learnt, and others.

    The graph and the features of one's own, where the context has them, are taken as they are.
    """
    if isinstance(context.images, tuple):
        features, edges = context.images
        graph = DrawnGraph(edges, len(features))
    else:
        graph = draw_graph(task, generator)
        features = torch.randn(graph.nodes, context.space.INPUT_SHAPE[1], generator=generator)
    target = draw_target(task, graph, features, generator)
    order = torch.randperm(graph.nodes, generator=generator)
    learnt = max(1, round(task["seen"] * graph.nodes))
    seen, rest = order[:learnt], order[learnt:]
    return Drawn(features, (target,), (graph.edges,), (seen, rest if len(rest) else seen))


def network(task: Mapping[str, Any], context: Context, architecture: Any) -> RegressionNetwork:
    """The network that learns the task."""
    backbone = context.space.build(architecture, context.protocol.width, context.protocol.depth)
    return RegressionNetwork(backbone, task["dimension"])
