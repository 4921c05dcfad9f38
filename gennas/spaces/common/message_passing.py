"""Operations of graph networks: features of nodes (N, inputs) and edges (2, E) to features (N, outputs).

An edge goes from `edges[0]`, whose features are the message, to `edges[1]`, which receives it. An undirected graph has
each edge in both directions, and none has an edge from a node to itself: operations that want these add them.

Each operation computes, and is initialised, as torch_geometric's of the same name with its default arguments. With A
the adjacency matrix, D the degrees, N = D^-1/2 A D^-1/2 and N' the same of A + I:

    gcn     N' X W + b                      Kipf and Welling, ICLR 2017
    gat     attention over neighbours       Velickovic et al., ICLR 2018
    gin     (X + A X) W + b                 Xu et al., ICLR 2019
    cheb    X W0 - N X W1 + b               Defferrard et al., NeurIPS 2016; K = 2, the largest eigenvalue taken as 2
    sage    D^-1 A X W1 + b + X W2          Hamilton et al., NeurIPS 2017
    arma    relu(N X W1 + X W2 + b)         Bianchi et al., TPAMI 2021; one stack, one layer
    graph   A X W1 + b + X W2               Morris et al., AAAI 2019
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

GAT_HEADS = 4
GAT_SLOPE = 0.2


class Graph:
    """Edges (2, E) between nodes, and what is derived of them once for all operations of a pass."""

    def __init__(self, edges: Tensor, nodes: int) -> None:
        self.source, self.target = edges
        self.nodes = nodes

    @cached_property
    def degrees(self) -> Tensor:
        """Edges that each node receives: (N,)."""
        ones = torch.ones(len(self.target), device=self.target.device)
        return ones.new_zeros(self.nodes).index_add(0, self.target, ones)

    @cached_property
    def symmetric(self) -> Tensor:
        """The weight of each edge in N: (E,). Without a degree, a node has no edge that it could scale."""
        scale = self.degrees.clamp_min(1).rsqrt()
        return scale[self.source] * scale[self.target]

    @cached_property
    def with_loops(self) -> Graph:
        """The graph with an edge from each node to itself."""
        loops = torch.arange(self.nodes, device=self.source.device)
        return Graph(torch.stack([torch.cat([end, loops]) for end in (self.source, self.target)]), self.nodes)

    def sources(self, features: Tensor) -> Tensor:
        """What each edge comes from: (N, ...) to (E, ...). Unlike indexing, its gradient has one order on a CPU."""
        return features.index_select(0, self.source)

    def targets(self, features: Tensor) -> Tensor:
        """What each edge leads to, likewise."""
        return features.index_select(0, self.target)

    def sum(self, features: Tensor, weights: Tensor | None = None) -> Tensor:
        """What each node receives, the sum of the sources' features (N, d) times the edges' weights (E,)."""
        messages = self.sources(features)  # (E, d)
        return self.gather(messages if weights is None else messages * weights.unsqueeze(1))

    def gather(self, messages: Tensor) -> Tensor:
        """The sum of each node's messages: (E, ...) to (N, ...)."""
        return messages.new_zeros(self.nodes, *messages.shape[1:]).index_add(0, self.target, messages)

    def softmax(self, scores: Tensor) -> Tensor:
        """Scores of edges (E, ...) as shares, which are 1 together at each target."""
        index = self.target.view(-1, *[1] * (scores.ndim - 1)).expand_as(scores)
        largest = scores.new_full((self.nodes, *scores.shape[1:]), -torch.inf)
        largest = largest.scatter_reduce(0, index, scores.detach(), "amax")
        shares = (scores - largest[self.target]).exp()
        return shares / self.targets(self.gather(shares))


def matrix(inputs: int, outputs: int) -> nn.Linear:
    """A linear map without bias, by Glorot and Bengio's initialisation."""
    linear = nn.Linear(inputs, outputs, bias=False)
    nn.init.xavier_uniform_(linear.weight)
    return linear


class Gcn(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = matrix(inputs, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        looped = graph.with_loops
        return looped.sum(self.linear(x), looped.symmetric) + self.bias


class Gat(nn.Module):
    """Each head has its share of the outputs, and they are set side by side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        if outputs % GAT_HEADS:
            raise ValueError(f"{outputs} outputs are not {GAT_HEADS} heads")
        self.linear = matrix(inputs, outputs)
        self.of_source, self.of_target = (
            nn.Parameter(nn.init.xavier_uniform_(torch.empty(GAT_HEADS, outputs // GAT_HEADS))) for _ in range(2)
        )
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        looped = graph.with_loops
        z = self.linear(x).unflatten(1, (GAT_HEADS, -1))  # (N, heads, d)
        of_source, of_target = ((z * vector).sum(2) for vector in (self.of_source, self.of_target))  # (N, heads)
        scores = leaky_relu(looped.sources(of_source) + looped.targets(of_target), GAT_SLOPE)  # (E, heads)
        attended = looped.gather(looped.softmax(scores).unsqueeze(2) * looped.sources(z))
        return attended.flatten(1) + self.bias


class Gin(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        found: Tensor = self.linear(x + graph.sum(x))
        return found


class Cheb(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.own, self.received = matrix(inputs, outputs), matrix(inputs, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        found: Tensor = self.own(x) - self.received(graph.sum(x, graph.symmetric)) + self.bias
        return found


class Sage(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.received, self.own = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        mean = graph.sum(x) / graph.degrees.clamp_min(1).unsqueeze(1)
        found: Tensor = self.received(mean) + self.own(x)
        return found


class Arma(nn.Module):
    """`unused` multiplies what further layers would give; torch_geometric has it, and the benchmark counts it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.received, self.own = matrix(inputs, outputs), matrix(inputs, outputs)
        self.unused = matrix(outputs, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        found: Tensor = (graph.sum(self.received(x), graph.symmetric) + self.own(x) + self.bias).relu()
        return found


class GraphConv(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.received, self.own = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        found: Tensor = self.received(graph.sum(x)) + self.own(x)
        return found


class Fc(nn.Module):
    """No message: each node for itself."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        found: Tensor = self.linear(x)
        return found
