"""arch2vec: an unsupervised encoding by a variational graph autoencoder, see `autoencoder`.

Source: Yan et al., NeurIPS 2020, and the code released with it, whose settings these are; of the paper, no more than
the first page could be had. Adam with a learning rate of 0.001, batches of 32 in one order that is drawn once,
gradients of at most norm 5; a tenth of the architectures is held out. The vector of a graph is the mean, over its
vertices, of the posterior's means, in evaluation mode. An architecture of two cells has two vectors, side by side.

Three variants. `paper` trains in training mode, with noise and dropout, as the paper describes. `code` does as the
released code: that turns to evaluation mode after the first epoch and never back, so that what is trained from then on
is an autoencoder without noise, whose normalisation stands still. `directed` is `paper` with an encoder that sees the
arcs' direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gennas.encodings import draws
from gennas.encodings.autoencoder import LATENT, Autoencoder, Decoded, to_graphs
from gennas.encodings.base import EncodingContext, Measure
from gennas.encodings.graphs import Graphs, can_enumerate, enumerate_all, read
from gennas.encodings.reconstruction import reconstruction
from gennas.errors import InputError
from gennas.files.checkpoints import Checkpoint
from gennas.seeds import derive_seed, rng

DECLARATION = {
    "options": {
        "variant": {
            "enum": ["paper", "code", "directed"],
            "description": (
                "`paper` trains in training mode, `code` in evaluation mode after the first epoch, as the released "
                "code does; `directed` is `paper` with an encoder that sees the direction of arcs."
            ),
        },
        "epochs": {"type": "integer", "minimum": 1, "description": "Passes over the graphs (paper 8 to 10)."},
        "architectures": {
            "anyOf": [{"type": "integer", "minimum": 10}, {"const": "all"}],
            "description": "How many are drawn, without replacement, a tenth of them to be held out; or all.",
        },
    },
}
BATCH, LEARNING_RATE, CLIP = 32, 1e-3, 5.0
MANY = 4096  # graphs that are encoded at once
SUPERVISED_STEPS = 300  # of the supervised encoder


class Arch2Vec:
    """An autoencoder in evaluation mode, and the architectures that it was made with: a tenth was held out."""

    def __init__(self, context: EncodingContext, model: Autoencoder, architectures: Sequence[Any] = ()) -> None:
        self.context, self.model, self.architectures = context, model.eval(), architectures

    def graphs(self) -> tuple[Graphs, Graphs]:
        """Of the architectures that are trained on, and of those held out."""
        held_out = len(self.architectures) // 10
        trained, left = self.architectures[held_out:], self.architectures[:held_out]
        return read(self.context.space, trained), read(self.context.space, left)

    @torch.no_grad()
    def means(self, graphs: Graphs) -> Tensor:
        """The posterior's means (B, N, LATENT)."""
        device = self.context.device
        return torch.cat([self.model.encode(to(batch, device)).mean.cpu() for batch in graphs.batches(MANY)])

    def encode(self, architectures: Sequence[Any]) -> np.ndarray:
        """See `Encoder`: 16 numbers per graph."""
        vectors = self.means(read(self.context.space, architectures)).mean(dim=1)
        found: np.ndarray = vectors.view(len(architectures), -1).numpy()
        return found

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Decoded:
        """What latent vectors (B, N, LATENT) stand for."""
        return Decoded(*(logits.cpu() for logits in self.model.decode(latent.to(self.context.device))))

    def measures(self) -> list[Measure]:
        """Reconstruction of what was held out; validity of what is drawn, where a space can tell."""
        trained, held_out = self.graphs()
        found = reconstruction(self.decode(self.means(held_out)), held_out)
        if hasattr(self.context.space, "from_graph"):
            generator = torch.Generator().manual_seed(derive_seed(self.context.seed, "draws"))
            latent = draws.latent(self.means(trained), generator)
            found += draws.quality(to_graphs(self.decode(latent), trained.gaps), self.context.space)
        return found


def to(graphs: Graphs, device: torch.device) -> Graphs:
    """The graphs on a device."""
    return Graphs(graphs.operations.to(device), graphs.arcs.to(device))


def draw(context: EncodingContext) -> list[Any]:
    """The architectures to train on and to hold out, in random order."""
    space, asked = context.space, context.options["architectures"]
    chance = rng(context.seed, "architectures")
    if not can_enumerate(space):
        if asked == "all":
            raise InputError("architectures: all, but this space cannot enumerate them; write a number")
        drawn = [space.random_architecture(chance) for _ in range(asked)]
        return list({space.to_id(one): one for one in drawn}.values())
    every = enumerate_all(space)
    count = len(every) if asked == "all" else asked
    if count > len(every):
        raise InputError(f"architectures: {count}, but the space has {len(every)}; write all")
    return [every[i] for i in chance.choice(len(every), count, replace=False)]


def initial(context: EncodingContext, *purpose: str) -> Autoencoder:
    """The autoencoder as it is initialised."""
    torch.default_generator.manual_seed(derive_seed(context.seed, *purpose, "weights"))
    labels = len(context.space.LABELS)  # type: ignore[attr-defined]
    return Autoencoder(labels, context.options["variant"] == "directed").to(context.device)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of the optimiser."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()


def train(context: EncodingContext, checkpoint: Checkpoint, track: Callable[[range], Iterable[int]] = iter) -> Arch2Vec:
    """Train the autoencoder, from the checkpoint on if that has progress."""
    encoder = Arch2Vec(context, initial(context), draw(context))
    model, graphs = encoder.model, to(encoder.graphs()[0], context.device)
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    done = 0
    if progress := checkpoint.progress:
        model.load_state_dict(progress["model"])
        optimizer.load_state_dict(progress["optimizer"])
        done = progress["epochs"]
    for epoch in track(range(done, context.options["epochs"])):
        # Every epoch has a seed of its own, so that a checkpoint needs no generator's state.
        torch.default_generator.manual_seed(derive_seed(context.seed, "epoch", epoch))
        model.train(epoch == 0 or context.options["variant"] != "code")
        for batch in graphs.batches(BATCH):
            step(model, optimizer, model.loss(batch))
        checkpoint.save(epochs=epoch + 1, model=model.state_dict(), optimizer=optimizer.state_dict())
    model.eval()
    return encoder


def untrained(context: EncodingContext) -> Arch2Vec:
    """The encoder with its initial weights."""
    return Arch2Vec(context, initial(context))


def supervised(
    context: EncodingContext, architectures: Sequence[Any], values: np.ndarray, others: Sequence[Any]
) -> np.ndarray:
    """What the encoder predicts of others, trained with a linear layer to the mean square error of values (n,)."""
    encoder = Arch2Vec(context, initial(context, "supervised"))
    model, cells = encoder.model, len(context.space.graph(architectures[0]))
    head = nn.Linear(cells * LATENT, 1).to(context.device)
    both = nn.ModuleList([model, head]).train()
    optimizer = torch.optim.Adam(both.parameters(), LEARNING_RATE)
    graphs, centre, scale = read(context.space, architectures), values.mean(), values.std() or 1.0
    wanted = torch.from_numpy((values - centre) / scale).float().to(context.device)
    chance = rng(context.seed, "supervised", "batches")
    for _ in range(SUPERVISED_STEPS):
        chosen = torch.from_numpy(chance.choice(len(values), min(BATCH, len(values)), replace=False))
        rows = (chosen[:, None] * cells + torch.arange(cells)).flatten()
        latent = model.encode(to(Graphs(graphs.operations[rows], graphs.arcs[rows]), context.device)).mean
        predicted = head(latent.mean(dim=1).view(len(chosen), -1)).squeeze(1)
        step(both, optimizer, (predicted - wanted[chosen.to(context.device)]).square().mean())
    model.eval()
    with torch.no_grad():
        predicted = head(torch.from_numpy(encoder.encode(others)).to(context.device)).squeeze(1)
    found: np.ndarray = predicted.cpu().double().numpy() * scale + centre
    return found
