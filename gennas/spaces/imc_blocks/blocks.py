"""Sequences of blocks: their strings and graphs, and how to draw, change and encode them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gennas.spaces.common.base import Vertex

KINDS = ("vgg", "mvgg", "res")
WIDTHS = (16, 32, 64, 96, 128)
#: How many blocks a network may have.
DEPTHS = range(3, 9)


class Block(NamedTuple):
    """One block of a network."""

    kind: str
    width: int  # kernels of each of its convolutions

    @property
    def name(self) -> str:
        """For example ``mvgg-16``."""
        return f"{self.kind}-{self.width}"


BLOCKS = tuple(Block(kind, width) for kind in KINDS for width in WIDTHS)
_BY_NAME = {block.name: block for block in BLOCKS}

#: The blocks, from the images on.
Architecture = tuple[Block, ...]


def to_id(architecture: Architecture) -> str:
    """For example ``vgg-32|res-64|mvgg-16``."""
    return "|".join(block.name for block in architecture)


def from_id(architecture_id: str) -> Architecture:
    """Parse `to_id`'s string. Raises ValueError for anything it would not have written."""
    names = architecture_id.split("|")
    if len(names) not in DEPTHS:
        raise ValueError(f"not {DEPTHS[0]} to {DEPTHS[-1]} blocks, joined by |")
    if unknown := [name for name in names if name not in _BY_NAME]:
        raise ValueError(f"unknown block {unknown[0]!r} (known: {', '.join(_BY_NAME)})")
    return tuple(_BY_NAME[name] for name in names)


def _code(block: Block) -> tuple[int, ...]:
    """The kind, counted from 1, and the width in unary."""
    return (KINDS.index(block.kind) + 1, *(int(block.width >= width) for width in WIDTHS))


def encode(architecture: Architecture) -> tuple[int, ...]:
    """Six integers for each of eight blocks: its kind and its width in unary; zeros where there is no block.

    So a block of another kind is at a distance of 1, and each step between two widths counts 1, too.
    """
    codes = [number for block in architecture for number in _code(block)]
    return (*codes, *[0] * (DEPTHS[-1] * (1 + len(WIDTHS)) - len(codes)))


def graph(architecture: Architecture) -> dict[str, list[Vertex]]:
    """The blocks, one after the other."""
    labels = ["images", *(block.name for block in architecture)]
    return {"network": [Vertex(label, (i - 1,) if i else ()) for i, label in enumerate(labels)]}


def random_architecture(rng: np.random.Generator) -> Architecture:
    """Draw the depth uniformly, then each block: of all networks, 14 in 15 have eight blocks."""
    depth = int(rng.integers(DEPTHS.start, DEPTHS.stop))
    return tuple(BLOCKS[i] for i in rng.integers(len(BLOCKS), size=depth))


# --- edits ----------------------------------------------------------------------------------------


def _of_another_kind(architecture: Architecture) -> list[Architecture]:
    """With another kind of one block."""
    changed = ((i, Block(kind, block.width)) for i, block in enumerate(architecture) for kind in KINDS)
    return [(*architecture[:i], new, *architecture[i + 1 :]) for i, new in changed if new != architecture[i]]


def _of_another_width(architecture: Architecture) -> list[Architecture]:
    """With another width of one block."""
    changed = ((i, Block(block.kind, width)) for i, block in enumerate(architecture) for width in WIDTHS)
    return [(*architecture[:i], new, *architecture[i + 1 :]) for i, new in changed if new != architecture[i]]


def _deeper(architecture: Architecture) -> list[Architecture]:
    """With one block more; none if that is too many."""
    places = range(len(architecture) + 1) if len(architecture) + 1 in DEPTHS else ()
    return [(*architecture[:i], new, *architecture[i:]) for i in places for new in BLOCKS]


def _shallower(architecture: Architecture) -> list[Architecture]:
    """With one block less; none if that is too few."""
    places = range(len(architecture)) if len(architecture) - 1 in DEPTHS else ()
    return [(*architecture[:i], *architecture[i + 1 :]) for i in places]


EDITS = (_of_another_kind, _of_another_width, _deeper, _shallower)


def mutate(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Draw one of the edits, then one of its outcomes: of all neighbours, most would be deeper."""
    outcomes = [found for edit in EDITS if (found := edit(architecture))]
    chosen = outcomes[int(rng.integers(len(outcomes)))]
    return chosen[int(rng.integers(len(chosen)))]


def neighbours(architecture: Architecture) -> list[Architecture]:
    """Every architecture one edit away, once: another kind or width of a block, a block more, a block less."""
    return list(dict.fromkeys(found for edit in EDITS for found in edit(architecture)))
