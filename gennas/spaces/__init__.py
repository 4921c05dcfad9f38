"""Search spaces: what an architecture is. One folder per space, found by its name.

The package of a space has the members of `Space`, or names an object with them `SPACE`, where several
spaces share code. It knows nothing of benchmarks, proxies or searches, and its ids, mutations and encodings
do without torch: `cell` has them, `network` the networks, `supernet` the network of all architectures where
there is one. Packages are imported on demand, so that a new space makes no result of another space stale.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gennas import catalogue
from gennas.errors import InputError
from gennas.spaces.common.base import SIDE_MULTIPLE as SIDE_MULTIPLE
from gennas.spaces.common.base import Space as Space
from gennas.spaces.common.base import Vertex as Vertex

if TYPE_CHECKING:
    from torch import nn

FOLDER = Path(__file__).parent
NAMES = tuple(catalogue.names("spaces"))


def check_name(name: str) -> None:
    """Raise an InputError that lists the known spaces unless this is one."""
    if name not in NAMES:
        raise InputError(f"unknown search space {name!r}; known: {', '.join(NAMES)}")


def load(name: str) -> Space:
    """The search space of a name; an InputError lists the known ones."""
    check_name(name)
    module = catalogue.load_module("spaces", name)
    return cast(Space, getattr(module, "SPACE", module))


def has_supernet(name: str) -> bool:
    """Whether a space has a network of all its architectures."""
    return name in NAMES and (FOLDER / name / "supernet.py").is_file()


def has_growth(space: Space) -> bool:
    """Whether the architectures of a space can be grown step by step."""
    return hasattr(space, "expansions")


def canonical(space: Space) -> Callable[[Any], Any]:
    """Of all architectures that are the same network, one: the architecture itself, where a space knows no others."""
    found: Callable[[Any], Any] = getattr(space, "canonical", lambda architecture: architecture)
    return found


def load_supernet(name: str) -> Callable[[float, float], nn.Module]:
    """What builds the network of all architectures of a space, of a width and a depth; imports torch."""
    check_name(name)
    if not has_supernet(name):
        known = ", ".join(filter(has_supernet, NAMES))
        raise InputError(f"search space {name!r} has no supernet; spaces that have one: {known}")
    return cast("Callable[[float, float], nn.Module]", import_module(f"{__name__}.{name}.supernet").build)


def parse(space: Space, architecture_id: str) -> Any:
    """`from_id` for ids read from a file: an InputError instead of a ValueError."""
    try:
        return space.from_id(architecture_id)
    except ValueError as error:
        raise InputError(f"architecture {architecture_id!r}: {error}; delete the file it is from and re-run") from error
