"""A proxy's score of one's own network: what it is given, and what it leaves as it was."""

from __future__ import annotations

import logging
import math
import random
import statistics
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, cast

import numpy as np
import torch

from gennas import catalogue, proxies
from gennas.adapt.copies import Model, reason, title
from gennas.adapt.space import Own
from gennas.errors import InputError
from gennas.regression.genes import check_task, load_task
from gennas.scoring import PROTOCOLS, Context, Protocol, Score
from gennas.seeds import derive_seed, rng
from gennas.spaces import Space

logger = logging.getLogger(__name__)

Images = np.ndarray | torch.Tensor
#: What is given for a network to read: a graph is features and edges.
Inputs = Images | tuple[Images, ...]
NOISE = 64  # images of which a repetition draws its batch, unless the protocol wants more


@dataclass(frozen=True)
class ModelScore(Score):
    """What a proxy says of one network, the mean of its repetitions. Higher is better; -inf if one of them failed."""

    losses: tuple[float, ...] = field(default=(), repr=False)  # of the first repetition
    taps: tuple[str, ...] = ()  # modules whose features the proxy read; none if it reads none by name
    repetitions: tuple[Score, ...] = field(default=(), repr=False)


# --- what a proxy is given ----------------------------------------------------------------------


def find_protocol(protocol: str | Protocol | None, trains: bool) -> Protocol:
    """A protocol by its name; by default, the one for proxies that train or for those that do not."""
    if isinstance(protocol, Protocol):
        return protocol
    name = protocol or ("reduced" if trains else "untrained")
    if name not in PROTOCOLS:
        raise InputError(f"protocol: {name!r} is unknown; choose one of {', '.join(PROTOCOLS)}, or make a Protocol")
    return PROTOCOLS[name]


def find_device(device: str | torch.device) -> torch.device:
    """A device that this machine has."""
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"device: {device!r} is none; choose cpu, or cuda") from error
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if found.type not in ("cpu", "cuda") or (found.type == "cuda" and (found.index or 0) >= count):
        usable = ", ".join(["cpu", *(f"cuda:{i}" for i in range(count))])
        raise InputError(f"device: {str(found)!r} is not on this machine or not supported; choose one of {usable}")
    return found


def read_inputs(inputs: Inputs | None, protocol: Protocol, seed: int) -> tuple[str, Any]:
    """The family of the inputs, and these as its proxies take them, such as images as bytes (N, H, W, 3)."""
    if inputs is None:
        if protocol.resolution is None:
            raise InputError("protocol: it has no resolution, that of the default images; give one, or inputs=")
        shape = max(NOISE, protocol.batch_size), *protocol.size, 3
        return "images", rng(seed, "inputs").integers(256, size=shape, dtype=np.uint8)
    batch = as_tensors(inputs)
    modules = {family: import_module(f"gennas.adapt.{family}") for family in catalogue.names("families")}
    for family, module in modules.items():
        if (found := module.read(batch)) is not None:
            return family, found
    accepted = "; or ".join(module.ACCEPTS for module in modules.values())
    raise InputError(f"inputs: {described(batch)}; give {accepted}")


def as_tensors(inputs: Inputs) -> tuple[torch.Tensor, ...]:
    """What a network reads, on the CPU: one tensor, or several."""
    several = inputs if isinstance(inputs, tuple) else (inputs,)
    return tuple(torch.as_tensor(one).detach().cpu() for one in several)


def described(batch: tuple[torch.Tensor, ...]) -> str:
    """How an error message calls what a network reads."""
    return " and ".join(f"{tensor.dtype} of shape {tuple(tensor.shape)}" for tensor in batch)


def find_task(task: Any, family: str) -> Mapping[str, Any]:
    """A regression task: given, by its name or file, or the default one of the family."""
    if isinstance(task, Mapping):
        check_task(task, "task")
        return task
    return load_task(import_module(f"gennas.regression.{family}").DEFAULT_TASK if task is None else task)


def find_options(proxy: str, family: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the proxy's DECLARATION names; an InputError for an option that it has not, or one that is missing."""
    declared = catalogue.declaration("proxies", proxy)
    names = declared.get("options", {})
    if unknown := [name for name in given if name not in names]:
        known = f"it has {', '.join(names)}" if names else "it has none"
        raise InputError(f"{unknown[0]}: the proxy {proxy} has no such option; {known}")
    options = dict(given)
    if "task" in names:
        options["task"] = find_task(given.get("task"), family)
    if missing := [name for name in names if name not in options and name not in declared.get("optional", [])]:
        raise InputError(f"{missing[0]}: the proxy {proxy} needs this option; give {missing[0]}=")
    return options


# --- what stays as it was -----------------------------------------------------------------------


@contextmanager
def computing_on(device: torch.device) -> Iterator[None]:
    """Within the block, gradients are computed, and a GPU computes as it does in the pipeline."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if device.type == "cuda":
            stack.enter_context(torch.cuda.device(device))
            flags = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
            stack.enter_context(flags)
        yield


@contextmanager
def random_state_kept(device: torch.device, seed: int) -> Iterator[None]:
    """Leave the global generators of Python, numpy and torch as they were; within the block they are seeded."""
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            random.seed(seed)
            np.random.seed(seed % 2**32)
            torch.default_generator.manual_seed(seed)
            if device.type == "cuda":
                torch.cuda.manual_seed(seed)
            yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)


@contextmanager
def one_line(model: Model, proxy: str) -> Iterator[None]:
    """Turn what a network can raise within the block into an InputError, which keeps the exception as its cause."""
    try:
        yield
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(f"{proxy}: needs {error.name}; pip install 'gennas[pipeline]'") from error
    except Exception as error:
        failure = f"model: the proxy {proxy} fails on {title(model)} ({type(error).__name__}: {reason(error)})"
        raise InputError(f"{failure}; try inputs= of another size, or another proxy") from error


# --- scores -------------------------------------------------------------------------------------


def score_model(
    model: Model,
    proxy: str,
    inputs: Inputs | None,
    taps: Any,
    protocol: str | Protocol | None,
    repetitions: int,
    seed: int,
    device: str | torch.device,
    options: Mapping[str, Any],
) -> ModelScore:
    """See `gennas.api.score`."""
    declared = catalogue.declaration("proxies", proxy)
    if repetitions < 1:
        raise InputError(f"repetitions: {repetitions}; ask for one at least")
    chosen = find_protocol(protocol, declared.get("trains", False))
    family, images = read_inputs(inputs, chosen, seed)
    where = find_device(device)
    blank = cast(Any, None)  # its place is taken below
    context = Context(blank, chosen, images, seed, where, find_options(proxy, family, options))
    with computing_on(where), random_state_kept(where, seed):
        adapt = import_module(f"gennas.adapt.{family}").adapt
        space: Own = adapt(model, context, declared.get("taps"), taps)
        context = replace(context, space=cast(Space, space))
        found = [repeat(model, proxy, context, repetition) for repetition in range(repetitions)]
    if space.taps:
        logger.info("%s of %s: features at %s", proxy, title(model), ", ".join(space.taps))
    return summarise(found, space.taps)


def repeat(model: Model, proxy: str, context: Context, repetition: int) -> Score:
    """A repetition, with the seed that the pipeline gives it."""
    own = replace(context, seed=derive_seed(context.seed, "proxy", repetition))
    with one_line(model, proxy):
        (found,) = proxies.make(proxy, own)([model])
    return found


def summarise(found: list[Score], taps: tuple[str, ...]) -> ModelScore:
    """The mean of the repetitions; of the first that failed, if any, its status."""
    failed = [one for one in found if not math.isfinite(one.score)]
    mean = -math.inf if failed else statistics.fmean(one.score for one in found)
    return ModelScore(mean, (failed or found)[0].status, found[0].losses, taps, tuple(found))
