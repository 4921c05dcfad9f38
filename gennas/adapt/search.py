"""What `gennas.search` gives a search: the counterpart of the stage, for one's own scores and spaces.

Torch, whose import takes seconds, is imported for those searches alone that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from gennas import catalogue, spaces
from gennas.errors import InputError
from gennas.searches import constraints as bounds_of
from gennas.searches.base import SearchContext, Step
from gennas.searches.candidates import OfSpace
from gennas.seeds import derive_seed

if TYPE_CHECKING:
    import torch

    from gennas.scoring import Protocol
    from gennas.spaces import Space


def steps(
    space: str | Space,
    kind: str,
    by: Callable[[Sequence[str]], Sequence[float | tuple[float, ...]]] | None,
    evaluations: int,
    batch: int,
    seed: int,
    options: Mapping[str, Any],
    *,
    protocol: str | Protocol | None,
    device: str | torch.device,
    images: np.ndarray | None,
    prior: Mapping[str, float] | None,
    encoding: Mapping[str, np.ndarray] | None,
    constraints: Mapping[str, Mapping[str, float]] | None,
    cost: Callable[[Sequence[str]], Sequence[float]] | None,
) -> Iterator[Step]:
    """The steps of a search; see `gennas.search`."""
    declared = catalogue.declaration("searches", kind)
    name, found = (space, spaces.load(space)) if isinstance(space, str) else (None, space)
    _check_options(kind, declared, options, {"prior": prior, "encoding": encoding})
    if cost is not None and declared["objectives"] != "several":
        raise InputError(f"cost: the search {kind} has one objective; leave it out, or bound it by constraints=")
    _check_space(kind, declared, found, constraints, prior)
    candidates = OfSpace(found)
    bounds = bounds_of.find(constraints or {}, found, candidates, seed)
    context = SearchContext(
        bounds_of.keep(candidates, bounds, declared),
        derive_seed(seed, "search_architecture", kind, 0),
        options if options.get("task") is None else {**options, "task": _task(options["task"])},
        evaluations=evaluations,
        batch=batch,
        prior=prior,
        vectors=encoding,
        constraints=bounds,
        **(_scored(kind, by, cost, evaluations, batch) if declared["scores"] else {}),
        **(_by_supernet(kind, name, protocol, device, images, seed) if declared["supernet"] else {}),
    )
    found_steps: Iterator[Step] = catalogue.load_module("searches", kind).run(context)
    return _own_random_state(found_steps, seed) if declared["supernet"] else found_steps


def _check_space(
    kind: str, declared: Mapping[str, Any], space: Any, constraints: Any, prior: Mapping[str, float] | None
) -> None:
    """Raise an InputError for what the search cannot do in this space, or with these constraints and prior."""
    if declared.get("growth") and not spaces.has_growth(space):
        raise InputError(f"space: its architectures do not grow step by step, as the search {kind} has them")
    if constraints and not declared["scores"]:
        raise InputError(f"constraints: the search {kind} scores nothing and cannot keep to them; leave them out")
    for one in prior or {}:
        try:
            space.from_id(one)
        except ValueError as error:
            raise InputError(f"prior: {one!r} is no architecture of the space ({error}); take it out") from error


def _check_options(
    kind: str, declared: Mapping[str, Any], options: Mapping[str, Any], shared: Mapping[str, Any]
) -> None:
    """Raise an InputError for an option that a search lacks, or does not have; `shared` are arguments of `search`."""
    own = [name for name in declared["options"] if name not in ("protocol", *shared)]
    optional = declared.get("optional", [])
    missing = [name for name in own if name not in options and name not in optional]
    unknown = [name for name in options if name not in own]
    unknown += [name for name, value in shared.items() if value is not None and name not in declared["options"]]
    if wrong := sorted([*missing, *unknown]):
        needed = ", ".join(f"{name} (if wanted)" if name in optional else name for name in own)
        raise InputError(f"{wrong[0]}: the search {kind} needs exactly these options: {needed or 'none'}")


def _own_random_state(steps: Iterator[Step], seed: int) -> Iterator[Step]:
    """Steps that draw from torch's global generator, as if they had one of their own; the caller's stays as it was."""
    import torch

    own = torch.Generator().manual_seed(seed).get_state()
    while True:
        callers = torch.get_rng_state()
        torch.set_rng_state(own)
        try:
            step = next(steps, None)
        finally:
            own = torch.get_rng_state()
            torch.set_rng_state(callers)
        if step is None:
            return
        yield step


def _scored(kind: str, by: Any, cost: Any, evaluations: int, batch: int) -> dict[str, Any]:
    """The scoring function of a search, which asks `by` about each architecture once; and a cost, known without it."""
    if by is None or evaluations < 1 or batch < 1:
        raise InputError(f"the search {kind} needs by=, a function of ids, evaluations= and batch= of one at least")
    known: dict[str, tuple[float, ...]] = {}
    several = catalogue.declaration("searches", kind)["objectives"] == "several"

    def each(architectures: Sequence[str]) -> list[tuple[float, ...]]:
        if new := [architecture for architecture in dict.fromkeys(architectures) if architecture not in known]:
            found = list(by(new))
            if len(found) != len(new):
                raise InputError(f"by: gave {len(found)} scores of {len(new)} architectures; let it give one each")
            scores = map(_as_tuple, found)
            known.update(zip(new, scores if cost is None else _with_cost(scores, cheap(new)), strict=True))
            if not several and any(len(known[architecture]) > 1 for architecture in new):
                raise InputError(f"by: the search {kind} has one objective; let by give one number")
        return [known[architecture] for architecture in architectures]

    def cheap(architectures: Sequence[str]) -> list[float]:
        return [-value for value in _costs(cost, architectures)]

    return {"score": each, "known": {} if cost is None else {1: cheap}}


def _costs(cost: Callable[[Sequence[str]], Sequence[float]], architectures: Sequence[str]) -> list[float]:
    """What `cost` says of architectures. Raises InputError unless that is a finite number of each."""
    found = list(cost(architectures))
    if len(found) != len(architectures):
        raise InputError(f"cost: gave {len(found)} numbers of {len(architectures)} architectures; let it give one each")
    for architecture, value in zip(architectures, found, strict=True):
        if not isinstance(value, Real) or not np.isfinite(value):
            raise InputError(f"cost: gave {value!r} of {architecture}; let it give a finite number")
    return list(map(float, found))


def _with_cost(scores: Iterator[tuple[float, ...]], cheap: Sequence[float]) -> Iterator[tuple[float, ...]]:
    """A quality each, and how cheap it is."""
    for own, other in zip(scores, cheap, strict=True):
        if len(own) > 1:
            raise InputError("by: gave several numbers beside a cost; let it give one")
        yield *own, other


def _as_tuple(scores: Any) -> tuple[float, ...]:
    """A number, or several, as a tuple."""
    return tuple(map(float, scores)) if isinstance(scores, tuple) else (float(scores),)


def _by_supernet(
    kind: str,
    space: str | None,
    protocol: str | Protocol | None,
    device: str | torch.device,
    images: np.ndarray | None,
    seed: int,
) -> dict[str, Any]:
    """What a search by a supernet is given."""
    from gennas.adapt.run import find_device, find_protocol, read_inputs

    if space is None:
        raise InputError(f"space: the search {kind} needs a supernet; give the name of a space that has one")
    build, chosen = spaces.load_supernet(space), find_protocol(protocol, trains=True)
    return {
        "images": read_inputs(None, chosen, seed)[1] if images is None else images,
        "protocol": chosen,
        "device": find_device(device),
        "supernet": lambda: build(chosen.width, chosen.depth),
    }


def _task(task: Any) -> Mapping[str, Any]:
    """The task that a supernet learns: a name, a file, or its content."""
    from gennas.adapt.run import find_task

    return find_task(task, "images")
