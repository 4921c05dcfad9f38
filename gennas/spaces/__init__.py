"""Search spaces: what an architecture is. One module per space, found by its name.

A space is a module with the members of `Space`, or one that names an object with them `SPACE`, where
several spaces share code. It knows nothing of proxies, searches or stages. Modules are imported on
demand, so that a new space makes no result of another space stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, cast

import numpy as np

from gennas.errors import InputError
from gennas.files.fetch import File, PackageFile

if TYPE_CHECKING:
    from torch import nn

Family = Literal["images", "sequences"]  # what networks read


@dataclass(frozen=True)
class Trained:
    """An architecture that a benchmark trained, and what became of it.

    `targets` are named with their unit: `..._percent` is an accuracy, higher is better;
    `..._log_perplexity` is in nats per token, lower is better, infinite for a training that failed.
    A target that was not measured is left out.
    """

    architecture: Any
    targets: Mapping[str, float]
    status: str = "ok"  # or how its training failed
    parameters: int | None = None  # trainable ones, where the source states them
    labelled: bool = False  # one of those that the paper's task search labelled


class Vertex(NamedTuple):
    """A vertex of a diagram: what it computes, in words, and which of the vertices before it that reads."""

    label: str
    sources: tuple[int, ...] = ()


class Space(Protocol):
    """What the pipeline asks of a search space.

    One whose networks can be trained as one (`gennas.spaces.common.packing`) says `PACKABLE = True`, too.
    """

    #: The files of each source of ground truth, by the source's name in params.yaml.
    SOURCES: Mapping[str, tuple[File | PackageFile, ...]]
    #: Of one input of the benchmark: images (1, 3, H, W) or a sequence (length, 1, features).
    INPUT_SHAPE: tuple[int, ...]

    def to_id(self, architecture: Any) -> str:
        """The canonical string of an architecture."""

    def from_id(self, architecture_id: str) -> Any:
        """Parse a canonical string; ValueError says what is wrong with any other."""

    def encode(self, architecture: Any) -> tuple[int, ...]:
        """Integers from -128 to 127, as many for every architecture of the space.

        The number of those in which two architectures differ is their distance.
        """

    def diagram(self, architecture: Any) -> Mapping[str, Sequence[Vertex]]:
        """Its graphs by title, such as a normal and a reduction cell, for a reader to look at.

        A vertex comes after those it reads, which its label may name by their positions.
        """

    def random_architecture(self, rng: np.random.Generator) -> Any:
        """Draw one architecture."""

    def mutate(self, architecture: Any, rng: np.random.Generator) -> Any:
        """A valid architecture that differs from the given one."""

    def build(self, architecture: Any, width: float = ..., depth: float = ...) -> nn.Module:
        """The network without classifier or embedding, initialised from torch's global generator.

        For images, it maps (B, 3, H, W) to a list of features, one per tapped stage, whose channel
        counts are its attribute `channels`. For sequences, it maps (T, B, inputs) to (T, B, outputs),
        both sizes being attributes. `width` and `depth` are factors of the benchmark's own, 1 by
        default; the results are rounded, and at least what makes a network.
        """

    def read(self, source: str, paths: list[Path]) -> list[Trained]:
        """What a source's files say, each architecture once."""


NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))


def load(name: str) -> Space:
    """The search space of a name; an InputError lists the known ones."""
    if name not in NAMES:
        raise InputError(f"unknown search space {name!r}; known: {', '.join(NAMES)}")
    module = import_module(f"{__name__}.{name}")
    return cast(Space, getattr(module, "SPACE", module))


def family(space: Space) -> Family:
    """What the networks of a space read."""
    return "sequences" if len(space.INPUT_SHAPE) == 3 else "images"


def parse(space: Space, architecture_id: str) -> Any:
    """`from_id` for ids read from a file: an InputError instead of a ValueError."""
    try:
        return space.from_id(architecture_id)
    except ValueError as error:
        raise InputError(f"architecture {architecture_id!r}: {error}; delete the file it is from and re-run") from error
