"""The regression proxy on a GPU: many architectures at once, their training recorded as a CUDA graph.

One small network leaves a GPU idle: the time goes into launching kernels. So networks are packed into one
(`gennas.spaces.common.packing`), where their space allows it, and one iteration of the training, whatever it consists
of, is recorded once and replayed. The next pack is built on the CPU meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from gennas.errors import is_out_of_memory
from gennas.regression.training import Task, make_optimizer, read_out
from gennas.scoring import Context, Protocol, Score
from gennas.spaces.common.packing import pack

#: Networks per pack; halved where they do not fit into the GPU's memory.
PACK = 128
#: Iterations before one is recorded, so that every library has set itself up; they count like the others.
WARM_UP = 3


def pack_size(space: Any) -> int:
    """How many networks of a space train as one."""
    return PACK if getattr(space, "PACKABLE", False) else 1


def make(
    context: Context, task: Task, build: Callable[[Context, Any], nn.Module]
) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """As a proxy's `make`, for a task on the device that trains; `build` makes a network on the CPU."""
    size = pack_size(context.space)

    def train(networks: Sequence[nn.Module]) -> list[Score]:
        try:
            curves, evaluated = train_pack(networks, task, context.protocol)
        except RuntimeError as error:
            if len(networks) == 1 or not is_out_of_memory(error):
                raise
        else:
            return [
                read_out(tuple(curve), final, context.protocol, context.limits)
                for curve, final in zip(curves, evaluated, strict=True)
            ]
        torch.cuda.empty_cache()
        middle = len(networks) // 2
        return train(networks[:middle]) + train(networks[middle:])

    def build_pack(architectures: Sequence[Any]) -> list[nn.Module]:
        return [build(context, architecture) for architecture in architectures]

    def score(architectures: Sequence[Any]) -> Iterator[Score]:
        if not architectures:
            return
        packs = [architectures[first : first + size] for first in range(0, len(architectures), size)]
        with ThreadPoolExecutor(1) as builder:
            building = builder.submit(build_pack, packs[0])
            for following in [*packs[1:], []]:
                networks = building.result()
                building = builder.submit(build_pack, following)
                yield from train(networks)

    return score


def losses_of_each(network: nn.Module, count: int, task: Task, noise: Tensor, evaluation: bool = False) -> Tensor:
    """The loss of each of the `count` networks in a pack: (count,)."""
    inputs = task.drawn.inputs + noise
    channels = 2 if inputs.ndim == 3 else 1  # the dimension of: last of sequences (T, B, D) and of nodes (N, F)
    repeated = inputs.repeat(*(count if dim == channels else 1 for dim in range(inputs.ndim)))
    pairs = task.compared(network(repeated, *task.drawn.further), evaluation)
    losses = torch.zeros(count, device=inputs.device)
    for weight, (prediction, target) in zip(task.weights, pairs, strict=True):
        # (B, P * K, 8, 8) - (B, K, 8, 8), as (B, P, K, 8, 8) - (B, 1, K, 8, 8)
        error = prediction.unflatten(channels, (count, -1)) - target.unsqueeze(channels)
        losses = losses + weight * error.square().mean([dim for dim in range(error.ndim) if dim != channels])
    return losses


def train_pack(
    networks: Sequence[nn.Module], task: Task, protocol: Protocol
) -> tuple[list[list[float]], list[float | None]]:
    """The training losses of each network, and its loss in evaluation mode where the protocol asks for it.

    Every network computes what it would alone, up to rounding: no operation mixes channels of two, and the sum of
    their losses has in each one's weights the gradient of its own.
    """
    count, device, iterations = len(networks), task.drawn.inputs.device, protocol.iterations
    network = (pack(networks) if count > 1 else networks[0]).to(device).train()
    optimizer = make_optimizer(network, protocol)
    noise = torch.stack(task.noise)
    # A recorded iteration cannot be given its number: it keeps count on the device.
    number = torch.zeros(1, dtype=torch.long, device=device)
    curves = torch.zeros(iterations, count, device=device)

    def iterate() -> None:
        optimizer.zero_grad(set_to_none=True)
        losses = losses_of_each(network, count, task, noise.index_select(0, number)[0])
        losses.sum().backward()
        optimizer.step()
        curves.index_copy_(0, number, losses.detach()[None])
        number.add_(1)

    repeat(iterate, iterations, device)
    if int(number) != iterations:
        raise AssertionError(f"{int(number)} of {iterations} iterations were computed: the recording is not whole")
    evaluated: list[float | None] = [None] * count
    if protocol.readout == "evaluation":
        network.eval()
        with torch.no_grad():
            evaluated = losses_of_each(network, count, task, noise[-1], evaluation=True).tolist()
    return curves.T.tolist(), evaluated


def repeat(iterate: Callable[[], None], times: int, device: torch.device) -> None:
    """Call a function that reads and writes tensors on the device; on a GPU, record one call and replay it."""
    if device.type != "cuda" or times <= WARM_UP:
        for _ in range(times):
            iterate()
        return
    side = recording_stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            iterate()
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Recording does not compute. Other threads may work meanwhile: they build networks.
    with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
        iterate()
    for _ in range(times - WARM_UP):
        graph.replay()


@cache
def recording_stream(device: torch.device) -> torch.cuda.Stream:
    """The one stream of a device that is recorded; each further one would keep memory of its own."""
    return torch.cuda.Stream(device)
