"""The transformers that NAS-Bench-BERT trained, between the embedding of the words and what a task puts on them."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, arange, nn
from torch.nn.functional import scaled_dot_product_attention

from gennas.spaces.flexibert.architecture import FEED_FORWARDS, HEADS, Architecture, Layer

EMBEDDING = 128  # features of a token
POSITIONS = 512  # tokens of the longest sequence
FIRST = 4  # units of the first feed-forward layer, per hidden unit
EPSILON = 1e-12  # of BERT's layer norms
INITIAL_DEVIATION = 0.02  # of BERT's weights, which are normal and cut off at two deviations


def initialise(module: nn.Module) -> None:
    """Draw the weights of one module as BERT does; biases are zero."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.trunc_normal_(module.weight, std=INITIAL_DEVIATION, a=-2 * INITIAL_DEVIATION, b=2 * INITIAL_DEVIATION)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


class Attention(nn.Module):
    """Plain attention of several heads within a sequence (T, B, hidden); without a mask, since sequences are full."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))
        self.output = nn.Linear(hidden, hidden)

    def split(self, x: Tensor) -> Tensor:
        """(T, B, hidden) as (B, heads, T, hidden / heads)."""
        length, batch, hidden = x.shape
        return x.view(length, batch, self.heads, hidden // self.heads).permute(1, 2, 0, 3)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (self.split(part(x)) for part in (self.query, self.key, self.value))
        mixed = scaled_dot_product_attention(query, key, value)
        out: Tensor = self.output(mixed.permute(2, 0, 1, 3).flatten(2))
        return out


def feed_forward(hidden: int, sizes: list[int]) -> nn.Sequential:
    """Layers of these sizes, each with its GELU, and a linear one back to the hidden size."""
    layers = [part for a, b in pairwise([hidden, *sizes]) for part in (nn.Linear(a, b), nn.GELU())]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], hidden))


class TransformerLayer(nn.Module):
    """An operation that mixes tokens, and a feed-forward part, each added to its input and then normalised."""

    def __init__(self, mixing: nn.Module, hidden: int, sizes: list[int]) -> None:
        super().__init__()
        self.mixing, self.feed_forward = mixing, feed_forward(hidden, sizes)
        self.mixing_norm, self.feed_forward_norm = (nn.LayerNorm(hidden, EPSILON) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.mixing_norm(x + self.mixing(x))
        out: Tensor = self.feed_forward_norm(x + self.feed_forward(x))
        return out


class Transformer(nn.Module):
    """Positions, the projection to the hidden size where `projected`, layers; (T, B, inputs) to (T, B, outputs).

    `forward` raises a ValueError for more than 512 tokens.
    """

    def __init__(self, inputs: int, hidden: int, projected: bool, layers: list[nn.Module]) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, hidden
        self.positions = nn.Embedding(POSITIONS, inputs)
        self.norm = nn.LayerNorm(inputs, EPSILON)
        self.projection = nn.Linear(inputs, hidden) if projected else nn.Identity()
        self.layers = nn.ModuleList(layers)
        self.apply(initialise)

    def forward(self, sequence: Tensor) -> Tensor:
        length = len(sequence)
        if length > POSITIONS:
            raise ValueError(f"a sequence of {length} tokens; the network has {POSITIONS} positions")
        positions = self.positions(arange(length, device=sequence.device)).unsqueeze(1)
        x: Tensor = self.projection(self.norm(sequence + positions))
        for layer in self.layers:
            x = layer(x)
        return x


def scaled(size: int, width: float) -> int:
    """A size times `width`, as a multiple of the most heads: heads stay as many, and become narrower."""
    return HEADS[-1] * max(1, round(size * width / HEADS[-1]))


def _layer(layer: Layer, hidden: int, width: float) -> TransformerLayer:
    """The module of a layer; its first feed-forward layer has four times the hidden size, whatever its name says."""
    sizes = [FIRST * hidden, *(scaled(size, width) for size in FEED_FORWARDS[layer.feed_forward])]
    return TransformerLayer(Attention(hidden, layer.heads), hidden, sizes)


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Transformer:
    """The network of an architecture, initialised as BERT is, from the global generator; without dropout.

    `width` is a factor of all sizes but the number of heads. The number of layers is the architecture's: `depth` is
    how often each of them is repeated, at least once.
    """
    inputs, hidden = scaled(EMBEDDING, width), scaled(architecture.hidden, width)
    repeats = max(1, round(depth))
    layers = [_layer(layer, hidden, width) for layer in architecture.layers for _ in range(repeats)]
    return Transformer(inputs, hidden, architecture.hidden != EMBEDDING, [*layers])
