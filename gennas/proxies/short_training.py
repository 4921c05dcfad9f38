"""Short training: what a network learns of real labels in a few iterations. The only proxy here that needs labels.

Source: reduced-training proxies, as in Zhou et al., "EcoNAS: Finding Proxies for Economical Neural Architecture
Search", CVPR 2020. Cross-entropy on batches of `dataset`, by the protocol's optimiser; the score is the negated loss
of its readout: of the last training batches, or in evaluation mode on images that were held out. More is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from gennas.data.images import labelled, to_tensor
from gennas.families.images import MEMORY_FORMAT, head
from gennas.regression.training import train
from gennas.scoring import Context, Score
from gennas.seeds import derive_seed

DECLARATION = {
    "families": ["images"],
    "trains": True,
    "labels": True,
    "options": {"dataset": {"description": "The labelled images that are learnt.", "$ref": "#/$defs/labelled_images"}},
}

HELD_OUT = 500  # images, for the readout in evaluation mode


@dataclass(frozen=True)
class Lesson:
    """Labelled images, in the order in which they are learnt: of which step is what `train` asks."""

    images: Tensor  # (N, 3, H, W), standardised
    labels: Tensor  # (N,)
    batches: list[Tensor]  # positions of each step's images; the last are those that are held out

    def losses(self, network: nn.Module, step: int) -> Tensor:
        """The cross-entropy of a step, in nats: (1,)."""
        positions = self.batches[step]
        return cross_entropy(network(self.images[positions]), self.labels[positions]).unsqueeze(0)


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """See the module."""
    lesson, classes = draw_lesson(context)
    protocol = context.protocol
    memory_format = getattr(context.space, "MEMORY_FORMAT", MEMORY_FORMAT)

    def score(architecture: Any) -> Score:
        torch.default_generator.manual_seed(derive_seed(context.seed, "weights"))
        network = head(context.space.build(architecture, protocol.width, protocol.depth), classes)
        network.to(context.device, memory_format=memory_format)
        return train(network, lesson, protocol, context.limits)

    return lambda architectures: map(score, architectures)


def draw_lesson(context: Context) -> tuple[Lesson, int]:
    """The labelled images, as many of them as are needed, in an order drawn from the context's seed; their classes."""
    data = labelled(context.options["dataset"])
    rng = np.random.default_rng(derive_seed(context.seed, "lesson"))
    order = rng.permutation(len(data.train_images))
    held_out, rest = np.split(order, [min(HELD_OUT, len(order) // 2)])
    iterations, size = context.protocol.iterations, context.protocol.batch_size
    epochs = -(-iterations * size // len(rest))
    learnt = np.concatenate([rng.permutation(rest) for _ in range(epochs)])[: iterations * size]
    used, positions = np.unique(np.concatenate([learnt, held_out]), return_inverse=True)
    images = to_tensor(data.train_images[used])
    images = interpolate(images, size=context.protocol.size, mode="area")
    batches = [*np.split(positions[: len(learnt)], iterations), positions[len(learnt) :]]
    tensors = [torch.from_numpy(batch).to(context.device) for batch in batches]
    labels = torch.from_numpy(data.train_labels[used]).to(context.device)
    return Lesson(images.to(context.device, memory_format=MEMORY_FORMAT), labels, tensors), data.classes
