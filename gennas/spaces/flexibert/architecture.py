"""Transformers of FlexiBERT's space as trained: their strings and graphs, and how to draw, change and encode them."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from gennas.spaces.common.base import Vertex

HIDDEN = (128, 256)
DEPTHS = (2, 4)
HEADS = (2, 4)
#: The feed-forward parts by name: units of the layers after the first, which always has four times the hidden size.
FEED_FORWARDS: dict[str, tuple[int, ...]] = {"f1": (), "f3-512": (512, 512), "f3-1024": (1024, 1024)}


class Layer(NamedTuple):
    """One layer of a transformer."""

    heads: int
    feed_forward: str  # a key of FEED_FORWARDS

    @property
    def name(self) -> str:
        """For example ``h4-f3-512``: four heads, a feed-forward part of three layers, two of them of 512 units."""
        return f"h{self.heads}-{self.feed_forward}"


class Architecture(NamedTuple):
    """A transformer: the size of its hidden states, and its layers from the input on."""

    hidden: int
    layers: tuple[Layer, ...]


LAYERS = tuple(Layer(heads, feed_forward) for heads in HEADS for feed_forward in FEED_FORWARDS)
_BY_NAME = {layer.name: layer for layer in LAYERS}


def to_id(architecture: Architecture) -> str:
    """For example ``128|h2-f1|h4-f3-512``."""
    return "|".join([str(architecture.hidden), *(layer.name for layer in architecture.layers)])


def from_id(architecture_id: str) -> Architecture:
    """Parse `to_id`'s string. Raises ValueError for anything it would not have written."""
    hidden, *names = architecture_id.split("|")
    if hidden not in map(str, HIDDEN) or len(names) not in DEPTHS:
        raise ValueError("not a hidden size of 128 or 256 and 2 or 4 layers, joined by |")
    if unknown := [name for name in names if name not in _BY_NAME]:
        raise ValueError(f"unknown layer {unknown[0]!r} (known: {', '.join(_BY_NAME)})")
    return Architecture(int(hidden), tuple(_BY_NAME[name] for name in names))


def _code(layer: Layer) -> tuple[int, ...]:
    """The heads, counted from 1, and the feed-forward part in unary: whether it has three layers, and 1,024 units."""
    kind = list(FEED_FORWARDS).index(layer.feed_forward)
    return HEADS.index(layer.heads) + 1, int(kind >= 1), int(kind >= 2)


def encode(architecture: Architecture) -> tuple[int, ...]:
    """The hidden size, and three integers for each of four layers; zeros where there is no layer."""
    codes = [number for layer in architecture.layers for number in _code(layer)]
    return (HIDDEN.index(architecture.hidden), *codes, *[0] * (3 * DEPTHS[-1] - len(codes)))


def _labels(layer: Layer) -> tuple[str, str]:
    """Those of the two vertices of a layer."""
    return f"attention-{layer.heads}", layer.feed_forward


LABELS = (*(f"hidden-{hidden}" for hidden in HIDDEN), *(f"attention-{heads}" for heads in HEADS), *FEED_FORWARDS)
VERTICES = 1 + 2 * DEPTHS[-1]


def graph(architecture: Architecture) -> dict[str, list[Vertex]]:
    """What makes hidden states of the input, then attention and feed-forward part of each layer, one after the other.

    The residual connections are within the vertices: each adds what it reads to what it computes.
    """
    labels = [f"hidden-{architecture.hidden}", *(label for layer in architecture.layers for label in _labels(layer))]
    return {"network": [Vertex(label, (i - 1,) if i else ()) for i, label in enumerate(labels)]}


def all_architectures() -> list[Architecture]:
    """Every architecture, those of the smaller hidden size and of fewer layers first."""
    return [
        Architecture(hidden, layers)
        for hidden in HIDDEN
        for depth in DEPTHS
        for layers in product(LAYERS, repeat=depth)
    ]


def random_architecture(rng: np.random.Generator) -> Architecture:
    """Draw one as the benchmark did, uniformly over the described space: half of all layers have one feed-forward."""
    hidden, depth = HIDDEN[rng.integers(len(HIDDEN))], DEPTHS[rng.integers(len(DEPTHS))]
    return Architecture(hidden, tuple(_random_layer(rng) for _ in range(depth)))


def _random_layer(rng: np.random.Generator) -> Layer:
    """Draw a layer: of one feed-forward layer or three, and these of 512 or 1,024 units, each with equal chances."""
    one, *three = FEED_FORWARDS
    heads, repeated, size = HEADS[rng.integers(len(HEADS))], rng.integers(2), rng.integers(len(three))
    return Layer(heads, three[size] if repeated else one)


# --- edits ----------------------------------------------------------------------------------------


def _of_another_hidden_size(architecture: Architecture) -> list[Architecture]:
    """With the other hidden size."""
    return [architecture._replace(hidden=hidden) for hidden in HIDDEN if hidden != architecture.hidden]


def _with_another_layer(architecture: Architecture) -> list[Architecture]:
    """With other heads, or another feed-forward part, in one layer."""
    return [
        architecture._replace(layers=(*architecture.layers[:i], new, *architecture.layers[i + 1 :]))
        for i, old in enumerate(architecture.layers)
        for new in LAYERS
        if (new.heads == old.heads) != (new.feed_forward == old.feed_forward)
    ]


def _of_another_depth(architecture: Architecture) -> list[Architecture]:
    """With two layers more at the end, or without the last two."""
    if len(architecture.layers) == DEPTHS[-1]:
        return [architecture._replace(layers=architecture.layers[: DEPTHS[0]])]
    added = product(LAYERS, repeat=DEPTHS[-1] - DEPTHS[0])
    return [architecture._replace(layers=(*architecture.layers, *new)) for new in added]


EDITS = (_of_another_hidden_size, _with_another_layer, _of_another_depth)


def mutate(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Draw one of the edits, then one of its outcomes: of two layers, most neighbours have four."""
    outcomes = EDITS[rng.integers(len(EDITS))](architecture)
    return outcomes[rng.integers(len(outcomes))]


def neighbours(architecture: Architecture) -> list[Architecture]:
    """Every architecture one edit away, once: of another hidden size, with a layer changed in one way, or a depth."""
    return [found for edit in EDITS for found in edit(architecture)]
