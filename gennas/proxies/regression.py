"""The regression proxy: train an architecture for seconds on synthetic signals, score it by the loss.

Source: Li et al., "Generic Neural Architecture Search via Regression", NeurIPS 2021, section 3. What is
particular to a family is in the module of its name in `gennas.regression`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Generator, Tensor, nn

from gennas import catalogue
from gennas.regression import packed
from gennas.regression.genes import check_family
from gennas.regression.training import Drawn, Task, train
from gennas.scoring import Context, Score
from gennas.seeds import derive_seed

DECLARATION = {
    "families": ["graphs", "images", "sequences"],
    "trains": True,
    "per_family": ["families", "regression"],
    "taps": "stages",
    "options": {
        "task": {"$ref": "#/$defs/task"},
    },
}


def domain(context: Context) -> Any:
    """What is particular to what the networks of the space read: `gennas.regression.<family>`."""
    return import_module(f"gennas.regression.{context.space.FAMILY}")


def memory_format(context: Context) -> torch.memory_format:
    """In which the family computes fastest on a CPU; a GPU gets the plain one."""
    if context.device.type != "cpu":
        return torch.contiguous_format
    family = catalogue.load_module("families", context.space.FAMILY)
    found: torch.memory_format = getattr(context.space, "MEMORY_FORMAT", family.MEMORY_FORMAT)
    return found


def draw_task(context: Context) -> Task:
    """Draw inputs, targets and noise from the context's seed, on its device.

    Raises InputError for a task of another family than the space's.
    """
    task = context.options["task"]
    check_family(task, context.space.FAMILY)
    generator = Generator().manual_seed(derive_seed(context.seed, "task"))
    drawn: Drawn = domain(context).draw(task, context, generator)
    noise = draw_noise(task["noise"], (context.protocol.iterations + 1, *drawn.inputs.shape), generator)

    def move(tensor: Tensor) -> Tensor:
        return tensor.to(context.device, memory_format=memory_format(context))

    weights = domain(context).LOSS_WEIGHTS
    return Task(drawn.moved(move), weights[-len(drawn.targets) :], tuple(map(move, noise)))


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
    network: nn.Module = domain(context).network(context.options["task"], context, architecture)
    return network


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """Draw inputs, targets and noise once; then train one network after the other, on a GPU many at once."""
    task = draw_task(context)
    if context.device.type == "cuda":
        return packed.make(context, task, build)

    def score(architectures: Sequence[Any]) -> Iterator[Score]:
        for architecture in architectures:
            network = build(context, architecture)
            network.to(memory_format=memory_format(context))  # type: ignore[call-overload]  # missing in torch's stubs
            yield train(network, task, context.protocol, context.limits)

    return score
