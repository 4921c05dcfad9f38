"""How well an autoencoder gives back the graphs that it was not trained on."""

from __future__ import annotations

from torch import Tensor

from gennas.encodings.autoencoder import Decoded, to_graphs, upper
from gennas.encodings.base import Measure
from gennas.encodings.graphs import Graphs


def reconstruction(decoded: Decoded, graphs: Graphs) -> list[Measure]:
    """Shares, 1 being perfect: of vertices, by arc, and of whole graphs, where everything has to be right.

    As in arch2vec's code, arcs are measured by the probability that is given to what is there: to the arc, or to its
    absence. An entry is a place above the diagonal of the matrix, right if that is more than one half.
    """
    found, above = to_graphs(decoded, graphs.gaps), upper(graphs.arcs.shape[1])
    vertices = found.operations == graphs.operations  # (B, N)
    arcs, entries = graphs.arcs[:, *above], (found.arcs == graphs.arcs)[:, *above]  # (B, places)
    probability = decoded.arcs.sigmoid()[:, *above]
    whole = vertices.all(dim=1) & entries.all(dim=1)
    return [
        share("operation", vertices),
        share("arc present", probability[arcs]),
        share("arc absent", 1 - probability[~arcs]),
        share("entry", entries),
        share("whole cell", whole),
    ]


def share(subject: str, values: Tensor) -> Measure:
    """The mean of values."""
    return Measure("reconstruction", subject, values.numel(), float(values.double().mean()))
