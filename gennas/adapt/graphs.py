"""A network of graphs, features of nodes (N, F) and edges (2, E) to features (N, K), as a space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from gennas.adapt.copies import Model, first, kind_of, run_copy, title
from gennas.adapt.space import Own
from gennas.errors import InputError
from gennas.scoring import Context

ACCEPTS = "a graph, features of nodes (N, F) and edges (2, E) between them"
#: The signals of a task need matrices of nodes by nodes.
MOST_NODES = 5000


class GraphBackbone(nn.Module):
    """A network of graphs: (N, F), (2, E) to (N, outputs)."""

    def __init__(self, network: nn.Module, outputs: int) -> None:
        super().__init__()
        self.network = network
        self.outputs = outputs

    def forward(self, features: Tensor, edges: Tensor) -> Tensor:
        """See the class."""
        output: Tensor = first(self.network(features, edges))
        return output


def examine_graphs(model: Model, features: Tensor, edges: Tensor) -> int:
    """Run a copy on a graph: the size K of what it gives, (N, K)."""
    shapes = f"features {tuple(features.shape)} and edges {tuple(edges.shape)}"
    output = run_copy(model, (features, edges), shapes, "inputs=(features, edges)")
    if not (isinstance(output, Tensor) and output.ndim == 2 and len(output) == len(features)):
        raise InputError(f"model: {title(model)} gives {kind_of(output)} of {shapes}; let it give (nodes, features)")
    return int(output.shape[1])


def read(batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor] | None:
    """Features and edges as they are; None for what is none. An InputError says what is wrong with the edges."""
    if len(batch) != 2 or not batch[0].is_floating_point() or batch[0].ndim != 2 or batch[1].ndim != 2:
        return None
    features, edges = batch[0].float(), batch[1]
    if edges.is_floating_point() or edges.shape[0] != 2 or not edges.numel():
        return None
    nodes = len(features)
    if int(edges.min()) < 0 or int(edges.max()) >= nodes:
        raise InputError(
            f"inputs: edges between nodes {int(edges.min())} to {int(edges.max())}, but {nodes} have features"
        )
    if nodes > MOST_NODES:
        raise InputError(f"inputs: {nodes} nodes are more than {MOST_NODES}; give a part of the graph")
    return features, edges.long()


def adapt(model: Model, context: Context, reads: str | None, taps: Sequence[str] | None) -> Own:
    """A network of graphs, of which the context's is an example; it has no taps."""
    if taps is not None:
        raise InputError("taps: networks of graphs have none; leave them out")
    features, edges = cast(tuple[Tensor, Tensor], context.images)
    outputs = examine_graphs(model, features, edges)
    shape = tuple(features.shape)
    return Own("graphs", shape, torch.contiguous_format, lambda network: GraphBackbone(network, outputs))
