"""Seeds: what makes a random draw reproducible."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(base: int, *names: str | int) -> int:
    """A 63-bit seed for one purpose, independent of every other purpose's."""
    digest = hashlib.sha256("/".join(map(str, (base, *names))).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def rng(base: int, *names: str | int) -> np.random.Generator:
    """A numpy generator for one purpose."""
    return np.random.default_rng(derive_seed(base, *names))
