"""What the bridge has to know of the pipeline that it serves: a file bridge.yaml beside the Snakefile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gennas.errors import InputError
from gennas.files.documents import parse_yaml

#: Where to look; as Snakemake looks for its Snakefile.
FILES = (Path("bridge.yaml"), Path("workflow/bridge.yaml"))


@dataclass(frozen=True)
class Layout:
    """Folders and patterns, relative to the folder that Snakemake and DVC run in."""

    results: list[str]  #: Folders of what DVC tracks, and of fan-out files.
    scratch: list[str]  #: Other folders that jobs write to, such as logs.
    sources: list[str]  #: Patterns of the files that decide a result besides data: parameters, code, rules.

    def __post_init__(self) -> None:
        for value in (self.results, self.scratch, self.sources):
            if not isinstance(value, list):
                raise TypeError(f"{value!r} is not a list")

    def result_folders(self) -> list[Path]:
        return [Path(name) for name in self.results]

    def written_folders(self) -> list[Path]:
        """Every folder that jobs write to."""
        return [Path(name) for name in (*self.results, *self.scratch)]

    def source_files(self) -> set[Path]:
        """The files that match `sources`, without what editors and Python keep beside them."""
        paths = {path for pattern in self.sources for path in Path().glob(pattern)}
        own = {path for path in paths if not path.name.startswith(".") and not path.name.endswith("~")}
        return {path for path in own if path.is_file() and "__pycache__" not in path.parts}

    def files(self) -> Iterator[Path]:
        """What a job may read: sources and results."""
        yield from self.source_files()
        for folder in self.result_folders():
            yield from folder.rglob("*")


def read_layout() -> Layout:
    """The layout of the pipeline in the current folder."""
    path = next(filter(Path.is_file, FILES), None)
    if path is None:
        raise InputError(f"{FILES[-1]}: there is no such file; run this in the folder of a study")
    try:
        return Layout(**parse_yaml(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}; give results, scratch and sources, a list each") from error
