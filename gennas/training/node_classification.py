"""Classification of nodes for real: a graph in three parts, the model, one epoch of training, its accuracy.

Full batch and transductive, as the benchmarks of graph networks train (Kipf and Welling, ICLR 2017): all nodes and
edges are seen, the labels of a part are learnt, and an epoch is one step. So `batch_size` means nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gennas.data import graphs

Params = Mapping[str, Any]
DROPOUT = 0.5  # of the features, as in most networks of the benchmarks


class NodeClassifier(nn.Module):
    """Linear maps around a network of graphs: (N, F), (2, E) to logits (N, classes)."""

    def __init__(self, network: Any, features: int, classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(DROPOUT)
        self.before = nn.Linear(features, network.inputs)
        self.network = network
        self.after = nn.Linear(network.outputs, classes)

    def forward(self, features: Tensor, edges: Tensor) -> Tensor:
        """See the class."""
        found: Tensor = self.after(self.network(self.before(self.dropout(features)), edges).relu())
        return found


@dataclass(frozen=True)
class NodeClassification:
    """A `Problem` of `gennas.training.recipe`: the graph, the nodes of each part, and how classes are learnt."""

    features: Tensor  # (N, F)
    edges: Tensor  # (2, E)
    labels: Tensor  # (N,)
    parts: Mapping[str, Tensor]
    classes: int
    metric = "accuracy_percent"
    content = ""  # the name of the graph says what it is

    def model(self, network: nn.Module) -> NodeClassifier:
        """The model around a network of graphs, initialised from the global generator."""
        return NodeClassifier(network, self.features.shape[1], self.classes)

    def train_epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> float:
        """One step on all nodes of the part `train`, the dropout drawn from the seed; the loss in nats."""
        torch.manual_seed(seed)
        model.train()
        optimizer.zero_grad(set_to_none=True)
        loss = self._loss(model(self.features, self.edges), "train")
        loss.backward()
        optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, model: nn.Module, part: str) -> tuple[float, float]:
        """Mean cross-entropy in nats and accuracy in percent of a part's nodes; nan for a model that computes none."""
        model.eval()
        logits, nodes = model(self.features, self.edges), self.parts[part]
        right = logits.argmax(1)[nodes] == self.labels[nodes]  # of nan, the first class is the largest
        accuracy = 100 * int(right.sum()) / len(nodes) if logits[nodes].isfinite().all() else math.nan
        return self._loss(logits, part).item(), accuracy

    def _loss(self, logits: Tensor, part: str) -> Tensor:
        nodes = self.parts[part]
        return cross_entropy(logits[nodes], self.labels[nodes])


def load(params: Params, seed: int, device: torch.device) -> NodeClassification:
    """The graph that `dataset` names, and its parts, drawn from the seed."""
    graph = graphs.load(params["dataset"])
    split = graphs.split(graph, params["validation_share"], seed)
    parts = {part: torch.from_numpy(nodes).to(device) for part, nodes in split.items()}
    arrays = graph.features, graph.edges, graph.labels
    features, edges, labels = (torch.from_numpy(array).to(device) for array in arrays)
    return NodeClassification(features, edges, labels, parts, graph.classes)
