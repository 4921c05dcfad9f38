"""The regression proxy: train an architecture for seconds on synthetic signals, score it by the loss.

Source: Li et al., "Generic Neural Architecture Search via Regression", NeurIPS 2021, section 3. What is
particular to images and to sequences is in `gennas.regression.images` and `gennas.regression.sequences`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from gennas.regression import images, packed, sequences
from gennas.regression.genes import check_family
from gennas.regression.training import MEMORY_FORMAT, Task, train
from gennas.scoring import Context, Score
from gennas.seeds import derive_seed

#: What is particular to the inputs of a space.
DOMAINS = {"images": images, "sequences": sequences}


def draw_task(context: Context) -> Task:
    """Draw inputs, targets and noise from the context's seed, on its device.

    Raises InputError for a task of images given to a space of sequences, or the other way round.
    """
    if context.task is None:
        raise ValueError("the regression proxy needs a task")
    check_family(context.task, context.space.FAMILY)
    generator = Generator().manual_seed(derive_seed(context.seed, "task"))
    domain = DOMAINS[context.space.FAMILY]
    inputs, targets = domain.draw(context.task, context, generator)
    noise = draw_noise(context.task["noise"], (context.protocol["iterations"] + 1, *inputs.shape), generator)

    def move(tensor: Tensor) -> Tensor:
        if tensor.ndim == 4 and context.device.type == "cpu":
            return tensor.to(memory_format=MEMORY_FORMAT)
        return tensor.to(context.device)

    return Task(move(inputs), tuple(map(move, targets)), domain.LOSS_WEIGHTS, tuple(map(move, noise)))


def draw_noise(noise: Mapping[str, Any], shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Uniform within the level to both sides of zero, or normal with the level as its deviation."""
    level: float = noise["level"]
    if noise["kind"] == "uniform":
        return (torch.rand(shape, generator=generator) * 2 - 1) * level
    return torch.randn(shape, generator=generator) * level


def build(context: Context, architecture: Any) -> nn.Module:
    """The network that learns the task, on the CPU; every architecture starts from the same seed.

    The seed is that of the CPU's generator only: another thread may be recording a CUDA graph, which forbids to
    touch the GPU's.
    """
    torch.default_generator.manual_seed(derive_seed(context.seed, "weights"))
    domain = DOMAINS[context.space.FAMILY]
    network: nn.Module = domain.network(context.task, context, architecture)
    return network


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """Draw inputs, targets and noise once; then train one network after the other, on a GPU many at once."""
    task = draw_task(context)
    if context.device.type == "cuda":
        return packed.make(context, task, build)

    def score(architectures: Sequence[Any]) -> Iterator[Score]:
        for architecture in architectures:
            network = build(context, architecture)
            network.to(memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]  # missing in torch's stubs
            yield train(network, task, context.protocol, context.limits)

    return score
