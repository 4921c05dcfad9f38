"""Sequences (T, B, D): recurrent networks, which map one to another, token by token."""

from __future__ import annotations

import torch

#: As of `images`; inputs are synthetic.
DECLARATION = {"reads": "sequences (T, B, D)", "labelled": "texts", "training": "language_model"}
MEMORY_FORMAT = torch.contiguous_format
