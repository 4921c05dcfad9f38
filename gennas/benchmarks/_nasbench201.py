"""What the sources of NAS-Bench-201 share: each has every cell of the space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gennas.errors import InputError
from gennas.spaces.nasbench201.cell import Architecture, all_architectures

T = TypeVar("T")
FIX = "get the file again"


def complete(path: Path, read_cells: Callable[[Path], dict[Architecture, T]]) -> dict[Architecture, T]:
    """What a file says of every cell of the space."""
    try:
        table = read_cells(path)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: not a table of NAS-Bench-201's cells ({error!r}); {FIX}") from error
    if table.keys() != set(all_architectures()):
        raise InputError(f"{path}: {len(table)} architectures, not the {len(all_architectures())}; {FIX}")
    return table
