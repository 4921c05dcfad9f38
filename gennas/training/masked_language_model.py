"""Masked language modelling for real: words of a text are hidden, and a network that sees both sides restores them.

As in Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", NAACL 2019:
15 % of the tokens are chosen; of these, 80 % are hidden, 10 % become any word, and 10 % stay as they are. Training
chooses anew in every epoch; validation and test keep their choice. The texts and their tokens are those of
`gennas.training.language_model`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy, pad

from gennas.seeds import derive_seed
from gennas.training.language_model import IGNORED, descend, perplexity, read_tokens

Params = Mapping[str, Any]
LENGTH = 128  # tokens of a sequence, as of the pre-training of NAS-Bench-BERT's networks
CHOSEN, HIDDEN, REPLACED = 0.15, 0.8, 0.1  # shares: of all tokens; of the chosen ones
CLIP = 1.0  # largest norm of the gradient
INITIAL_DEVIATION = 0.02  # of the embedding's weights


@dataclass(frozen=True)
class Masked:
    """A text whose chosen tokens are hidden, cut into sequences side by side: both (T, S).

    A target is the token that was there, or `IGNORED` where none was chosen.
    """

    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, text: Tensor, mask: int, generator: Generator) -> Masked:
        """Choose tokens of a text (N,), at least one; `mask` is the index that hides them, above those of all words.

        The last sequence is filled up with ends of lines. Drawn on the CPU, the same for every device.
        """
        chosen = torch.randperm(len(text), generator=generator)[: max(1, round(CHOSEN * len(text)))]
        kind = torch.rand(len(chosen), generator=generator).to(text.device)
        other = torch.randint(mask, (len(chosen),), generator=generator).to(text.device)
        chosen = chosen.to(text.device)
        inputs, targets = text.clone(), torch.full_like(text, IGNORED)
        targets[chosen] = text[chosen]
        replaced = torch.where(kind < HIDDEN + REPLACED, other, text[chosen])
        inputs[chosen] = torch.where(kind < HIDDEN, mask, replaced)
        return cls(_cut(inputs, 0), _cut(targets, IGNORED))  # index 0 is END

    @property
    def chosen(self) -> int:
        """How many tokens are to be restored."""
        return int((self.targets != IGNORED).sum())

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets (T, B) of at most `size` sequences each that have a target, in the order given."""
        order = torch.arange(self.inputs.shape[1]) if order is None else order
        for batch in order.to(self.inputs.device).split(size):
            inputs, targets = self.inputs[:, batch], self.targets[:, batch]
            if (targets != IGNORED).any():
                yield inputs, targets


def _cut(tokens: Tensor, filling: int) -> Tensor:
    """Consecutive sequences (T, S) of tokens (N,), the last one filled up."""
    length = min(LENGTH, len(tokens))
    return pad(tokens, (0, -len(tokens) % length), value=filling).view(-1, length).t().contiguous()


class MaskedLanguageModel(nn.Module):
    """Embedding, network, and a layer back to the embedding, whose weights decode: as in BERT and ELECTRA's generator.

    `network` maps a sequence (T, B, inputs) to (T, B, outputs).
    """

    def __init__(self, network: Any, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, network.inputs)
        self.network = network
        self.transform = nn.Sequential(
            nn.Linear(network.outputs, network.inputs), nn.GELU(), nn.LayerNorm(network.inputs)
        )
        self.decoder = nn.Linear(network.inputs, words)
        nn.init.normal_(self.embedding.weight, std=INITIAL_DEVIATION)
        nn.init.zeros_(self.decoder.bias)
        self.decoder.weight = self.embedding.weight

    def forward(self, indices: Tensor, wanted: Tensor) -> Tensor:
        """Logits (K, words) of the K places of (T, B) that are `wanted`."""
        features: Tensor = self.network(self.embedding(indices))
        logits: Tensor = self.decoder(self.transform(features[wanted]))
        return logits


def losses(model: nn.Module, batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, int]]:
    """Each batch's mean cross-entropy in nats, and how many tokens it is of."""
    for inputs, targets in batches:
        wanted = targets != IGNORED
        yield cross_entropy(model(inputs, wanted), targets[wanted]), int(wanted.sum())


@dataclass(frozen=True)
class MaskedLanguageModelling:
    """A `Problem` of `gennas.training.recipe`: a text to learn from, and two with tokens hidden."""

    text: Tensor  # (N,) tokens of the part `train`
    parts: Mapping[str, Masked]  # validation and test
    words: int  # of the vocabulary
    batch_size: int  # sequences
    content: str
    metric = "masked_perplexity"

    def model(self, network: nn.Module) -> MaskedLanguageModel:
        """The model around a network, initialised from the global generator; hidden tokens have an embedding, too."""
        return MaskedLanguageModel(network, self.words + 1)

    def train_epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> float:
        """One pass over the text, which every `seed` cuts, hides and orders in its own way: mean loss in nats."""
        generator = Generator().manual_seed(seed)
        start = int(torch.randint(len(self.text), (), generator=generator))
        masked = Masked.of(self.text.roll(-start), self.words, generator)
        order = torch.randperm(masked.inputs.shape[1], generator=generator)
        found = losses(model.train(), masked.batches(self.batch_size, order))
        return descend(model, optimizer, found, CLIP) / masked.chosen

    @torch.no_grad()
    def evaluate(self, model: nn.Module, part: str) -> tuple[float, float]:
        """Mean loss in nats, and perplexity, of the chosen tokens."""
        model.eval()
        masked = self.parts[part]
        found = losses(model, masked.batches(self.batch_size))
        loss = sum(loss.item() * count for loss, count in found) / masked.chosen
        return loss, perplexity(loss)


def load(params: Params, seed: int, device: torch.device) -> MaskedLanguageModelling:
    """The text that `dataset` names; `seed` decides which tokens of validation and test are to be restored."""
    parts, words, content = read_tokens(params)

    def masked(part: str) -> Masked:
        generator = Generator().manual_seed(derive_seed(seed, "retrain", "masks", part))
        return Masked.of(parts[part].to(device), words, generator)

    return MaskedLanguageModelling(
        text=parts["train"].to(device),
        parts={part: masked(part) for part in ("validation", "test")},
        words=words,
        batch_size=params["batch_size"],
        content=content,
    )
