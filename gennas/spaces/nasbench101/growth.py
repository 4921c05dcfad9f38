"""Cells of NAS-Bench-101 grown vertex by vertex, from the one without operations to all of seven vertices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress

from gennas.spaces.nasbench101.cell import MAX_INNER, OPERATIONS, Architecture, canonical

#: Inner vertices that are added one after another.
LEVELS = MAX_INNER
#: The output is the input.
ROOT = canonical([], [(0, 1)])


def expansions(prefix: Architecture, level: int) -> list[Architecture]:
    """The cells of one vertex more than `prefix`, which has `level` inner ones: each cell once.

    The new vertex is just before the output, its only target. It reads some of the vertices, and takes the place of
    some of these at the output. Every cell arises so: without its last inner vertex, those that it alone read are read
    by the output.
    """
    found: dict[Architecture, None] = {}
    for sources, replaced in _places(prefix):
        edges = [(s, t + (t == prefix.output)) for s, t in prefix.edges if t != prefix.output or s not in replaced]
        edges += [(source, prefix.output) for source in sources] + [(prefix.output, prefix.output + 1)]
        for operation in range(len(OPERATIONS)):
            with suppress(ValueError):  # of more than nine edges
                found[canonical([*prefix.operations, operation], edges)] = None
    return list(found)


def _places(prefix: Architecture) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """What a new vertex may read, and which of these the output then reads no more."""
    for sources in _subsets(range(prefix.output)):
        for replaced in _subsets([source for source in sources if source in prefix.sources(prefix.output)]):
            if sources:
                yield sources, replaced


def _subsets(members: range | tuple[int, ...] | list[int]) -> Iterator[tuple[int, ...]]:
    for size in range(len(members) + 1):
        yield from itertools.combinations(members, size)
