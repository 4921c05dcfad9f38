"""Sequences (T, B, D): recurrent networks, which map one to another, token by token."""

from __future__ import annotations

import torch

DECLARATION = {"reads": "sequences (T, B, D)"}
MEMORY_FORMAT = torch.contiguous_format
