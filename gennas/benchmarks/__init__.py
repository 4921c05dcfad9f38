"""Ground truth: what is known of trained architectures. One module per source, joined by architecture id.

A source is a module that declares, as a literal that is read without importing it, which spaces it knows,

    DECLARATION = {"spaces": ["nasbench201"]}

and has `FILES`, the files to fetch by space; `TARGETS`, the columns that it can have, each with its `Target`;
where there are any, `UNCERTAINTIES`, the columns that hold the uncertainty of a target, by that target; and

    read(space: str, paths: list[Path]) -> list[Trained]        # each architecture once, in the files' order

An underscore and a hyphen in a source's name are the same.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from gennas import catalogue, spaces
from gennas.catalogue import module_name
from gennas.errors import InputError
from gennas.targets import Target

if TYPE_CHECKING:
    import numpy as np

    from gennas.files.fetch import File, PackageFile


#: How far apart values that two sources state of one thing may be, relatively: they are rounded in other ways.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Trained:
    """An architecture that a benchmark trained or measured, and the outcome.

    A target that was not measured is left out.
    """

    architecture: Any
    targets: Mapping[str, float]
    status: str = "ok"  # or how its training failed
    parameters: int | None = None  # trainable ones, where the source states them
    labelled: bool = False  # one of those that the paper's task search labelled


class Source(Protocol):
    """What the library asks of a module of this folder; `UNCERTAINTIES` may be missing."""

    FILES: Mapping[str, tuple[File | PackageFile | Path, ...]]
    TARGETS: Mapping[str, Target]

    def read(self, space: str, paths: list[Path]) -> list[Trained]:
        """What the files say, each architecture once."""


@dataclass(frozen=True)
class Benchmark:
    """Architectures of a space by targets, from one source or several."""

    space: str
    sources: tuple[str, ...]
    targets: Mapping[str, Target]
    uncertainties: Mapping[str, str]  # column: the target that it is the uncertainty of
    trained: Mapping[str, Trained] = field(repr=False)  # by id: the first source's, then what others add

    @property
    def ids(self) -> list[str]:
        """The architectures, in order."""
        return list(self.trained)

    @property
    def columns(self) -> list[str]:
        """The targets that any architecture has, as the sources declare them, each followed by its uncertainty."""
        present = {name for network in self.trained.values() for name in network.targets}
        own = {target: [name for name, of in self.uncertainties.items() if of == target] for target in self.targets}
        return [name for target in self.targets for name in (target, *own[target]) if name in present]

    def values(self, column: str) -> np.ndarray:
        """A column (n,), nan where it was not measured."""
        import numpy as np  # here: what lists sources, such as the check of params.yaml, needs no arrays

        return np.array([network.targets.get(column, np.nan) for network in self.trained.values()])

    def quality(self, target: str) -> np.ndarray:
        """A target (n,) with the sign that makes higher better, nan where it was not measured."""
        return self.targets[target].quality(self.values(target))


def names(space: str | None = None) -> list[str]:
    """The sources, or those of a space."""
    every = catalogue.names("benchmarks")
    return [name for name in every if space in (None, *catalogue.declaration("benchmarks", name)["spaces"])]


def load_source(space: str, source: str) -> Source:
    """The module of a source of a space; an InputError lists the known ones."""
    check_sources(space, [source])
    return cast(Source, catalogue.load_module("benchmarks", source))


def check_sources(space: str, sources: Sequence[str]) -> None:
    """Raise an InputError unless these are sources of a space, each named once."""
    if not sources:
        raise InputError(f"no source is named; name at least one of {', '.join(names(space))}")
    if repeated := [source for source, count in Counter(map(module_name, sources)).items() if count > 1]:
        raise InputError(f"the source {repeated[0]!r} is named twice; remove one")
    if unknown := [source for source in sources if module_name(source) not in names(space)]:
        raise InputError(f"there is no source {unknown[0]!r} of {space}; known: {', '.join(names(space))}")


def load(space: str, sources: Sequence[str]) -> Benchmark:
    """Fetch the sources of a space, and join them by architecture."""
    from gennas.files.fetch import fetch  # imports requests

    check_sources(space, sources)
    modules = {source: load_source(space, source) for source in sources}
    fetched = {source: [fetch(file) for file in module.FILES[space]] for source, module in modules.items()}
    return join([read(space, source, fetched[source]) for source in sources])


def read(space: str, source: str, paths: list[Path]) -> Benchmark:
    """What a source's files say, checked; an InputError names the files and the column."""
    module, to_id = load_source(space, source), spaces.load(space).to_id
    files = ", ".join(map(str, paths))
    networks = module.read(space, paths)
    trained = {to_id(network.architecture): network for network in networks}
    if len(trained) < len(networks):
        raise InputError(f"{files}: an architecture is listed twice; get it again")
    uncertainties = getattr(module, "UNCERTAINTIES", {})
    benchmark = Benchmark(space, (module_name(source),), module.TARGETS, uncertainties, trained)
    _check(benchmark, files)
    return benchmark


def _check(benchmark: Benchmark, files: str) -> None:
    """Raise an InputError for a column that the source does not declare, or values that its target cannot have."""
    by_column: dict[str, list[float]] = {}
    for network in benchmark.trained.values():
        for name, value in network.targets.items():
            by_column.setdefault(name, []).append(value)
    for name, values in by_column.items():
        declaration = benchmark.targets.get(benchmark.uncertainties.get(name, name))
        if declaration is None:
            raise InputError(f"{files}: column {name} is not declared by {benchmark.sources[0]}; add it to TARGETS")
        try:
            declaration.check(values)
        except ValueError as error:
            raise InputError(f"{files}: column {name} has {error}; get it again") from error


def join(parts: Sequence[Benchmark]) -> Benchmark:
    """Every architecture that a part has, with the targets of all.

    Raises InputError when two parts have a target of one name, and declare it differently or disagree on a value.
    """
    for first, second in itertools.combinations(parts, 2):
        _check_agreement(first, second)
    targets: dict[str, Target] = {}
    uncertainties: dict[str, str] = {}
    trained: dict[str, Trained] = {}
    for part in parts:
        targets |= part.targets
        uncertainties |= part.uncertainties
        for architecture_id, network in part.trained.items():
            known = trained.get(architecture_id)
            trained[architecture_id] = _merge(known, network) if known else network
    return Benchmark(parts[0].space, tuple(part.sources[0] for part in parts), targets, uncertainties, trained)


def _check_agreement(first: Benchmark, second: Benchmark) -> None:
    """Raise an InputError unless the columns that both have are declared alike, and have the same values."""
    sources = f"the sources {first.sources[0]} and {second.sources[0]}"
    declared, others = ({**part.targets, **part.uncertainties} for part in (first, second))
    for column in (name for name in declared if name in others):
        if declared[column] != others[column]:
            raise InputError(f"{sources} declare {column} differently; take one")
        if difference := _first_difference(first, second, column):
            architecture_id, value, other = difference
            raise InputError(f"{sources} disagree on {column} of {architecture_id}: {value} and {other}; take one")


def _first_difference(first: Benchmark, second: Benchmark, column: str) -> tuple[str, float, float] | None:
    """The first architecture of which two sources state different values, and these."""
    for architecture_id, network in first.trained.items():
        if known := second.trained.get(architecture_id):
            value, other = network.targets.get(column), known.targets.get(column)
            if value is not None and other is not None and not math.isclose(value, other, rel_tol=TOLERANCE):
                return architecture_id, value, other
    return None


def _merge(first: Trained, second: Trained) -> Trained:
    """What two sources say of an architecture; where both say something, the first one's."""
    return replace(
        first,
        targets={**second.targets, **first.targets},
        parameters=second.parameters if first.parameters is None else first.parameters,
        labelled=first.labelled or second.labelled,
    )
