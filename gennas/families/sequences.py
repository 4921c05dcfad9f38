"""Sequences (T, B, D): recurrent networks and transformers, which map one to another, token by token."""

from __future__ import annotations

import torch
from torch import Tensor

DECLARATION = {
    "reads": "sequences (T, B, D)",
    "labelled": "texts",
    "training": "language_model",
    "task": {
        "places": ["input", "target"],
        "bases": {
            "sin1d": {"frequencies": None},
            "sin2d": {"frequencies": None},
            "dot": {"density": None},
            "gaussian_dot": {"density": None},
        },
        "per_sample": [True],  # each sequence is a draw of its own
        "genes": {
            "dimension": {"choices": [16, 32, 48, 64, 80, 96], "minimum": 1, "maximum": 1024},
            "length": {"choices": [8, 16, 32], "minimum": 2, "maximum": 512},  # tokens; the paper: 8
        },
    },
}
MEMORY_FORMAT = torch.contiguous_format


def example(shape: tuple[int, ...]) -> tuple[Tensor]:
    """What a network is shown to find what it costs: one sequence of a space's `INPUT_SHAPE`."""
    return (torch.zeros(shape),)
