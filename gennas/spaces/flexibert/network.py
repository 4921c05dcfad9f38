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
    """Plain attention of several heads within a sequence; maps (T, B, hidden) to (T, B, size).

    There is no mask, since sequences are full.
    """

    query: nn.Module

    def __init__(self, hidden: int, heads: int, size: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(hidden, size) for _ in range(3))

    def split(self, x: Tensor) -> Tensor:
        """(T, B, size) as (B, heads, T, size / heads)."""
        length, batch, size = x.shape
        return x.view(length, batch, self.heads, size // self.heads).permute(1, 2, 0, 3)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (self.split(part(x)) for part in (self.query, self.key, self.value))
        return scaled_dot_product_attention(query, key, value).permute(2, 0, 1, 3).flatten(2)


def attention(hidden: int, heads: int) -> nn.Sequential:
    """Attention and the linear layer behind it."""
    return nn.Sequential(Attention(hidden, heads, hidden), nn.Linear(hidden, hidden))


def feed_forward(hidden: int, sizes: list[int]) -> nn.Sequential:
    """Layers of these sizes, each with its GELU, and a linear one back to the hidden size."""
    layers = [part for a, b in pairwise([hidden, *sizes]) for part in (nn.Linear(a, b), nn.GELU())]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], hidden))


class Residual(nn.Module):
    """A part whose output is added to its input, and then normalised; maps (T, B, hidden) to itself."""

    def __init__(self, hidden: int, part: nn.Module) -> None:
        super().__init__()
        self.part, self.norm = part, nn.LayerNorm(hidden, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x + self.part(x))
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


def _layer(layer: Layer, hidden: int, width: float) -> nn.Sequential:
    """The module of a layer; its first feed-forward layer has four times the hidden size, whatever its name says."""
    sizes = [FIRST * hidden, *(scaled(size, width) for size in FEED_FORWARDS[layer.feed_forward])]
    return nn.Sequential(
        Residual(hidden, attention(hidden, layer.heads)), Residual(hidden, feed_forward(hidden, sizes))
    )


def build(architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> Transformer:
    """The network of an architecture, initialised as BERT is, from the global generator; without dropout.

    `width` is a factor of all sizes but the number of heads. The number of layers is the architecture's: `depth` is
    how often each of them is repeated, at least once.
    """
    inputs, hidden = scaled(EMBEDDING, width), scaled(architecture.hidden, width)
    repeats = max(1, round(depth))
    layers = [_layer(layer, hidden, width) for layer in architecture.layers for _ in range(repeats)]
    return Transformer(inputs, hidden, architecture.hidden != EMBEDDING, [*layers])
