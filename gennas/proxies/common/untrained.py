"""What proxies of untrained networks (zero-cost proxies) share: a classifier and one batch of images.

Their papers take the batch from the training set, with its labels. The pipeline has images without labels: those here
are drawn at random, uniformly from ten classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gennas.families.images import Classifier, head, inputs
from gennas.scoring import Context, Score
from gennas.seeds import derive_seed

CLASSES = 10


@dataclass(frozen=True)
class Batch:
    """What a network is shown: the same for all architectures of a repetition."""

    images: Tensor  # (B, 3, H, W), standardised
    noise: Tensor  # of the images' shape, standard normal
    labels: Tensor  # (B,), random classes


def draw_batch(context: Context) -> Batch:
    """Draw a batch from the context's seed, on its device."""
    images = inputs(context)
    generator = Generator().manual_seed(derive_seed(context.seed, "batch"))
    classes = getattr(context.space, "CLASSES", None) or CLASSES  # those of networks that are their own classifiers
    return Batch(*(tensor.to(context.device) for tensor in (images, *draw_noise(images.shape, generator, classes))))


def draw_noise(shape: Sequence[int], generator: Generator, classes: int = CLASSES) -> tuple[Tensor, Tensor]:
    """Standard normal images of a shape (B, 3, H, W), and labels (B,) at random."""
    return torch.randn(*shape, generator=generator), torch.randint(classes, (shape[0],), generator=generator)


def make_untrained(
    context: Context, measure: Callable[[Classifier, Batch], float]
) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """A proxy that measures a number on each network as it is initialised, in training mode. Higher is better.

    Every network starts from the same seed; `measure` may draw from torch's global generator, too. Where the
    number is not finite, the score is undefined and ranks last.
    """
    batch = draw_batch(context)

    def score(architecture: Any) -> Score:
        torch.default_generator.manual_seed(derive_seed(context.seed, "weights"))
        network = head(context.space.build(architecture, context.protocol.width, context.protocol.depth), CLASSES)
        try:
            value = float(measure(network.to(context.device).train(), batch))
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # of a decomposition of numbers that are not finite
            value = math.nan
        return Score(value) if math.isfinite(value) else Score(-math.inf, "undefined")

    return lambda architectures: map(score, architectures)


class ReluOutputs(TorchDispatchMode):
    """Collects the output of every ReLU within the block, module or function, in order of execution."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[Tensor] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = function(*args, **(kwargs or {}))
        if function in (torch.ops.aten.relu.default, torch.ops.aten.relu_.default):
            self.outputs.append(output.detach().clone())  # one in place may be overwritten
        return output
