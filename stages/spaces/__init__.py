"""Search spaces: what an architecture is. One module per space, found by its name.

A space is a module with the members of `Space`. It knows nothing of proxies, searches or stages.
Modules are imported on demand, so that a new space makes no result of another space stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import pyarrow as pa
from torch import nn

from stages.errors import InputError
from stages.sources import File, PackageFile


class Space(Protocol):
    """What the pipeline asks of a search space."""

    #: The files of each source of ground truth, by the source's name in params.yaml.
    SOURCES: Mapping[str, tuple[File | PackageFile, ...]]

    def to_id(self, architecture: Any) -> str:
        """The canonical string of an architecture."""

    def from_id(self, architecture_id: str) -> Any:
        """Parse a canonical string; ValueError says what is wrong with any other."""

    def random_architecture(self, rng: np.random.Generator) -> Any:
        """Draw one architecture."""

    def mutate(self, architecture: Any, rng: np.random.Generator) -> Any:
        """A valid architecture that differs from the given one."""

    def build(self, architecture: Any, channels: int = ..., cells: int = ...) -> nn.Module:
        """The network without a classifier, initialised from torch's global generator.

        It maps images (B, 3, H, W) to a list of features, one per tapped stage, whose channel
        counts are its attribute `channels`. The defaults are the benchmark's own width and depth.
        """

    def read(self, source: str, paths: list[Path]) -> pa.Table:
        """Read a source's files into `artifacts.BENCHMARK` and one column per target, in percent."""


NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))


def load(name: str) -> Space:
    """The search space of a name; an InputError lists the known ones."""
    if name not in NAMES:
        raise InputError(f"unknown search space {name!r}; known: {', '.join(NAMES)}")
    return cast(Space, import_module(f"{__name__}.{name}"))


def parse(space: Space, architecture_id: str) -> Any:
    """`from_id` for ids read from a file: an InputError instead of a ValueError."""
    try:
        return space.from_id(architecture_id)
    except ValueError as error:
        raise InputError(f"architecture {architecture_id!r}: {error}; delete the file it is from and re-run") from error
