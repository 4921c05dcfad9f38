"""arch2vec's variational graph autoencoder: a graph isomorphism network, and a dot-product decoder.

Source: Yan et al., "Does Unsupervised Architecture Representation Learning Help Neural Architecture Search?", NeurIPS
2020, and the code released with it. A layer is (Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019)

    H <- ReLU(BN(MLP((1 + epsilon) H + A H)))       with A + A^T for A, which forgets the direction of the arcs

The variant `directed` is not in the paper. It gives the MLP both (1 + epsilon) H + A H, what reads a vertex, and
(1 + epsilon) H + A^T H, what it reads, side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from gennas.encodings.graphs import ABSENT, Graphs

LAYERS, WIDTH, LATENT = 4, 128, 16
DROPOUT = 0.3  # of the latent vectors, before they are decoded
#: Of the divergence from the prior, the mean over vertices divided by their number N, in the loss. In the released
#: code it is one over the batch size, 32, so that another batch size is another model there.
KL_WEIGHT = 1 / 32


class Layer(nn.Module):
    """A layer of the network: features (B * N, inputs) to (B * N, WIDTH)."""

    def __init__(self, inputs: int, directed: bool) -> None:
        super().__init__()
        self.directed = directed
        self.epsilon = nn.Parameter(torch.zeros(()))
        self.mlp = nn.Sequential(
            nn.Linear(inputs * (1 + directed), WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)
        )
        self.norm = nn.BatchNorm1d(WIDTH)

    def forward(self, features: Tensor, arcs: Tensor) -> Tensor:
        """Of graphs with float `arcs` (B, N, N)."""
        by_vertex = features.view(*arcs.shape[:2], -1)  # (B, N, inputs)
        both = (arcs, arcs.mT) if self.directed else (arcs + arcs.mT,)
        own = (1 + self.epsilon) * by_vertex
        read = torch.cat([own + each @ by_vertex for each in both], dim=2)
        out: Tensor = self.norm(self.mlp(read.flatten(0, 1))).relu()
        return out


class Latent(NamedTuple):
    """The posterior of each vertex: a normal distribution, both (B, N, LATENT)."""

    mean: Tensor
    log_deviation: Tensor


class Decoded(NamedTuple):
    """Logits of what vertices are (B, N, labels), and of arcs between them (B, N, N), the same both ways."""

    operations: Tensor
    arcs: Tensor


class Autoencoder(nn.Module):
    """Of graphs whose vertices have `labels` different labels."""

    def __init__(self, labels: int, directed: bool) -> None:
        super().__init__()
        self.labels = labels
        self.layers = nn.ModuleList(Layer(WIDTH if i else labels, directed) for i in range(LAYERS))
        self.mean, self.log_deviation = nn.Linear(WIDTH, LATENT), nn.Linear(WIDTH, LATENT)
        self.operations = nn.Linear(LATENT, labels)

    def encode(self, graphs: Graphs) -> Latent:
        """The posterior of every vertex, also of those that are not there."""
        weight = self.mean.weight
        arcs, features = graphs.arcs.to(weight), graphs.features(self.labels).to(weight)
        features = features.flatten(0, 1)  # (B * N, labels)
        for layer in self.layers:
            features = layer(features, arcs)
        shape = (*graphs.operations.shape, LATENT)
        return Latent(self.mean(features).view(shape), self.log_deviation(features).view(shape))

    def decode(self, latent: Tensor) -> Decoded:
        """What latent vectors (B, N, LATENT) stand for."""
        latent = nn.functional.dropout(latent, DROPOUT, self.training)
        return Decoded(self.operations(latent), latent @ latent.mT)

    def loss(self, graphs: Graphs) -> Tensor:
        """Of B graphs; in evaluation mode, of the posterior's means instead of draws."""
        latent = self.encode(graphs)
        noise = torch.randn_like(latent.mean) if self.training else torch.zeros(())
        decoded = self.decode(latent.mean + noise.to(latent.mean) * latent.log_deviation.exp())
        vertices = graphs.operations.shape[1]
        return reconstruction_loss(decoded, graphs) + KL_WEIGHT / vertices * divergence(latent).mean()


def reconstruction_loss(decoded: Decoded, graphs: Graphs) -> Tensor:
    """Binary cross-entropy: of operations, the mean over B * N * labels; of arcs, the sum over all above the diagonal
    of the matrix, divided by B * N * N, as the released code has it."""
    count, vertices, labels = decoded.operations.shape
    of_operations = binary_cross_entropy_with_logits(
        decoded.operations, graphs.features(labels).to(decoded.operations.dtype)
    )
    above = upper(vertices)
    of_arcs = binary_cross_entropy_with_logits(
        decoded.arcs[:, *above], graphs.arcs[:, *above].to(decoded.arcs.dtype), reduction="sum"
    )
    return of_operations + of_arcs / (count * vertices * vertices)


def divergence(latent: Latent) -> Tensor:
    """Kullback-Leibler divergence of each vertex's posterior from a standard normal distribution: (B, N), in nats."""
    mean, s = latent
    return -(1 + 2 * s - mean**2 - (2 * s).exp()).sum(dim=2) / 2


def upper(vertices: int) -> tuple[Tensor, Tensor]:
    """The positions above the diagonal of a matrix: where arcs can be."""
    rows, columns = torch.triu_indices(vertices, vertices, 1)
    return rows, columns


def to_graphs(decoded: Decoded, gaps: bool) -> Graphs:
    """The graphs that are decoded: an arc is there if it has more than one half; a vertex has its likeliest label.

    With `gaps`, as where graphs differ in size, a vertex of which no label has more than one half is not there.
    """
    highest, label = decoded.operations.max(dim=2)  # (B, N); a logit above zero is more than one half
    operations = torch.where(highest > 0, label, ABSENT) if gaps else label
    return Graphs(operations.to(torch.int8), (decoded.arcs > 0).triu(1))
