"""Baseline: how many operations the output reads side by side: wide is better.

In NAS-Bench-Graph, the nodes of a cell that no other node reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gennas.proxies.common.shapes import make_of_graphs
from gennas.scoring import Context, Score

DECLARATION = {"families": ["graphs"], "protocol": False}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_of_graphs(context, lambda vertices: len(vertices[-1].sources))
