"""Language modelling for real: a text in three parts, the model, one epoch of training, its perplexity.

As in NAS-Bench-NLP (Klyuchnikov et al., IEEE Access 2022, and the code released with it), after
Merity et al., "Regularizing and Optimizing LSTM Language Models", ICLR 2018: contiguous streams,
truncated back-propagation through 70 tokens, gradients clipped, tied embeddings; but without their
dropout and activation penalties.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from gennas.data.texts import read_texts

logger = logging.getLogger(__name__)

Params = Mapping[str, Any]
#: Tokens of every vocabulary: the end of a line, and any word that is not in the vocabulary.
END, UNKNOWN = "<eos>", "<unk>"
VOCABULARY_LIMIT = 50_000  # words; Penn Treebank has 10,000 and WikiText-2 33,278
BPTT = 70  # tokens that gradients flow back through
CLIP = 0.25  # largest norm of the gradient
INITIAL_RANGE = 0.1  # of the embedding's weights
IGNORED = -100  # the target that fills up the last stream

# --- tokens -------------------------------------------------------------------------------------


def tokens(text: str) -> Iterator[str]:
    """The words, and `END` after every line."""
    for line in text.removesuffix("\n").split("\n"):
        yield from line.split()
        yield END


def vocabulary(text: str) -> dict[str, int]:
    """The index of each of a training text's most frequent words; 0 is `END`, 1 is `UNKNOWN`.

    A word that occurs once is unknown, so that the model learns what to expect of unknown words;
    unless the text has them marked already, as Penn Treebank and WikiText do.
    """
    counts = Counter(tokens(text))
    least = 1 if UNKNOWN in counts else 2
    frequent = (word for word, count in counts.most_common(VOCABULARY_LIMIT) if count >= least)
    return {word: index for index, word in enumerate(dict.fromkeys((END, UNKNOWN, *frequent)))}


def encode(text: str, known: Mapping[str, int]) -> Tensor:
    """The indices of a text's tokens: int64 (N,)."""
    unknown = known[UNKNOWN]
    return torch.tensor([known.get(token, unknown) for token in tokens(text)])


@dataclass(frozen=True)
class Streams:
    """A text cut into B consecutive pieces of T tokens, side by side: both (T, B).

    A target is the token that follows its input. The text's first token follows the end of a line.
    """

    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, text: Tensor, count: int) -> Streams:
        """`count` streams of a text's tokens (N,); targets beyond its end are `IGNORED`."""
        length = -(-len(text) // count)
        missing = length * count - len(text)
        inputs, targets = pad(text[:-1], (1, missing)), pad(text, (0, missing), value=IGNORED)  # index 0 is END
        return cls(*(piece.view(count, length).t().contiguous() for piece in (inputs, targets)))

    @property
    def tokens(self) -> int:
        """How many tokens are predicted: the whole text."""
        return int((self.targets != IGNORED).sum())

    def chunks(self, first: int = BPTT) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets of `first` steps, then of `BPTT` steps each."""
        length = len(self.inputs)
        for start, stop in pairwise([0, *range(first, length, BPTT), length]):
            yield self.inputs[start:stop], self.targets[start:stop]


# --- the model ----------------------------------------------------------------------------------


class LanguageModel(nn.Module):
    """Embedding, recurrent network, decoder; decoder and embedding share weights of the same shape.

    `network.step_through` maps a sequence (T, B, inputs) and a state (None at first) to a sequence
    (T, B, outputs) and the next state, nested tensors.
    """

    def __init__(self, network: Any, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, network.inputs)
        self.network = network
        self.decoder = nn.Linear(network.outputs, words)
        nn.init.uniform_(self.embedding.weight, -INITIAL_RANGE, INITIAL_RANGE)
        nn.init.uniform_(self.decoder.weight, -INITIAL_RANGE, INITIAL_RANGE)
        nn.init.zeros_(self.decoder.bias)
        if network.inputs == network.outputs:
            self.decoder.weight = self.embedding.weight

    def forward(self, indices: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logits (T, B, words) of the tokens that follow (T, B), and the next state."""
        output, state = self.network.step_through(self.embedding(indices), state)
        return self.decoder(output), state


def detach(state: Any) -> Any:
    """Nested tuples or lists of tensors without their history."""
    return state.detach() if isinstance(state, Tensor) else type(state)(map(detach, state))


def losses(model: nn.Module, streams: Streams, first: int = BPTT) -> Iterator[tuple[Tensor, int]]:
    """Each chunk's mean cross-entropy in nats and number of tokens; the state goes on to the next chunk."""
    state = None
    for inputs, targets in streams.chunks(first):
        logits, state = model(inputs, state)
        state = detach(state)
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        yield loss, int((targets != IGNORED).sum())


def descend(
    model: nn.Module, optimizer: torch.optim.Optimizer, found: Iterable[tuple[Tensor, int]], clip: float
) -> float:
    """A step for each mean loss of a number of tokens, gradients clipped; the sum of the losses of all tokens."""
    total = 0.0
    for loss, count in found:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        total += loss.item() * count
    return total


def perplexity(loss: float) -> float:
    """Of a mean cross-entropy in nats; infinite where the training failed."""
    return math.exp(loss) if loss < 700 else math.inf  # not-a-number is not less


@dataclass(frozen=True)
class LanguageModelling:
    """A `Problem` of `gennas.training.recipe`: the text in three parts, and how its next token is learnt."""

    parts: Mapping[str, Streams]
    words: int  # of the vocabulary
    content: str
    metric = "perplexity"

    def model(self, network: nn.Module) -> LanguageModel:
        """The model around a recurrent network, initialised from the global generator."""
        return LanguageModel(network, self.words)

    def train_epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> float:
        """One pass over the text, which every `seed` cuts elsewhere: mean loss in nats."""
        streams = self.parts["train"]
        found = losses(model.train(), streams, first=1 + seed % BPTT)
        return descend(model, optimizer, found, CLIP) / streams.tokens

    @torch.no_grad()
    def evaluate(self, model: nn.Module, part: str) -> tuple[float, float]:
        """Mean loss in nats, and perplexity."""
        model.eval()
        streams = self.parts[part]
        loss = sum(loss.item() * count for loss, count in losses(model, streams)) / streams.tokens
        return loss, perplexity(loss)


class Tokens(NamedTuple):
    """A text as indices."""

    parts: dict[str, Tensor]  # each (N,)
    words: int  # of the vocabulary
    content: str  # a hash of the text


def read_tokens(params: Params) -> Tokens:
    """The text that `dataset` names: the descriptions, or a folder's files, which have their own validation part."""
    texts = read_texts(params["dataset"], params["validation_share"])
    known = vocabulary(texts["train"])
    encoded = {part: encode(text, known) for part, text in texts.items()}
    logger.info("%d words; %s", len(known), "; ".join(map(summary, encoded, encoded.values())))
    return Tokens(encoded, len(known), hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest())


def load(params: Params, seed: int, device: torch.device) -> LanguageModelling:
    """The text that `dataset` names, see `read_tokens`.

    Nothing of it is drawn: `seed` is there for what other problems are loaded with."""
    parts, words, content = read_tokens(params)
    streams = {part: Streams.of(text.to(device), params["batch_size"]) for part, text in parts.items()}
    return LanguageModelling(streams, words, content)


def summary(part: str, encoded: Tensor) -> str:
    """A phrase for the log."""
    unknown = float((encoded == 1).double().mean())  # the index of UNKNOWN
    return f"{part}: {len(encoded)} tokens, {100 * unknown:.1f} % unknown"
