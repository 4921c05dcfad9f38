"""Baseline: how many operations stand one after the other, negated: shallow is better.

In NAS-Bench-Graph deep cells do worse on most of its graphs: features of neighbours are averaged until nodes are alike
(Li et al., "Deeper Insights into Graph Convolutional Networks", AAAI 2018). What does not beat this baseline says
little else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gennas.proxies.common.shapes import make_of_graphs
from gennas.scoring import Context, Score
from gennas.spaces import Vertex

DECLARATION = {"families": ["graphs"], "protocol": False}


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    return make_of_graphs(context, lambda vertices: -depth(vertices))


def depth(vertices: Sequence[Vertex]) -> int:
    """Edges of the longest path through a graph, whose vertices come after those that they read. Skips count."""
    longest: list[int] = []
    for vertex in vertices:
        longest.append(max((longest[source] + 1 for source in vertex.sources), default=0))
    return max(longest)
