"""What baselines share that look at the graph of an architecture and at no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gennas.errors import InputError
from gennas.scoring import Context, Score
from gennas.spaces import Vertex


def make_of_graphs(
    context: Context, measure: Callable[[Sequence[Vertex]], float]
) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """A proxy that is the sum of what `measure` says of each graph of an architecture."""
    if not hasattr(context.space, "graph"):
        raise InputError("proxy: it reads the graphs of a search space, and your own network has none; take another")

    def score(architecture: Any) -> Score:
        return Score(float(sum(map(measure, context.space.graph(architecture).values()))))

    return lambda architectures: map(score, architectures)
