"""Sequences (T, B, D): recurrent networks, which map one to another, token by token."""

from __future__ import annotations

import torch

#: `training`: the module of `gennas.training` that trains such networks for real.
DECLARATION = {"reads": "sequences (T, B, D)", "training": "language_model"}
MEMORY_FORMAT = torch.contiguous_format
