"""Graphs: features of nodes (N, F) and edges (2, E), which networks map to features of the same nodes."""

from __future__ import annotations

import torch
from torch import Tensor

DECLARATION = {
    "reads": "features of nodes (N, F) and edges (2, E)",
    "labelled": "graphs",
    "training": "node_classification",
    "task": {
        "places": ["target"],
        "bases": {
            "lowpass": {"power": {"choices": [1, 2, 3, 4, 6, 8], "minimum": 1, "maximum": 64}},
            "highpass": {"power": {"choices": [1, 2, 3, 4, 6, 8], "minimum": 1, "maximum": 64}},
            "band": {"eighth": {"choices": [1, 2, 3, 4, 5, 6, 7, 8], "minimum": 1, "maximum": 8}},
            "dots": {"density": None, "steps": {"choices": [0, 1, 2, 4, 8], "minimum": 0, "maximum": 64}},
            "walk": {"steps": {"choices": [2, 3, 4, 6, 8], "minimum": 2, "maximum": 64}},
        },
        "genes": {
            "dimension": {"choices": [8, 16, 32, 64], "minimum": 1, "maximum": 1024},
            "nodes": {"choices": [200, 300, 500, 800], "minimum": 10, "maximum": 5000},
            "degree": {"choices": [2, 4, 8, 16], "minimum": 1, "maximum": 256},
            "blocks": {"choices": [1, 2, 4, 7, 16], "minimum": 1, "maximum": 256},
            "homophily": {"choices": [0.0, 0.2, 0.4, 0.6, 0.8, 0.95], "minimum": 0, "maximum": 1},
            "tail": {"choices": [0.0, 0.5, 1.0, 1.5], "minimum": 0, "maximum": 3},
            "seen": {"choices": [0.1, 0.3, 0.5, 1.0], "minimum": 0.01, "maximum": 1},
        },
    },
}
MEMORY_FORMAT = torch.contiguous_format
#: Of `example`.
NEIGHBOURS = 7


def example(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """What a network is shown to find what it costs: features (N, F), and a ring whose nodes have 14 edges each.

    That is the mean degree of arXiv.
    """
    nodes = torch.arange(shape[0])
    ahead = torch.cat([(nodes + step) % len(nodes) for step in range(1, NEIGHBOURS + 1)])
    ring = torch.stack([nodes.repeat(NEIGHBOURS), ahead])
    return torch.zeros(shape), torch.cat([ring, ring.flip(0)], dim=1)
