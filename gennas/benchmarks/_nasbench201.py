"""What the sources of NAS-Bench-201 share: each has every cell of the space."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from gennas.errors import InputError
from gennas.spaces.common.nasbench201.cell import EDGES, Architecture, all_architectures, to_id

T = TypeVar("T")
FIX = "get the file again"

# NASLib's tuples number operations and order edges differently from NAS-Bench-201.
_OPERATIONS = (1, 0, 3, 2, 4)  # its 0 skip, 1 none, 2 conv3x3, 3 conv1x1, 4 avgpool
_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def from_encoding(encoding: tuple[int, ...]) -> Architecture:
    """The architecture of a tuple of NASLib, as analog-nasbench has them, too. Raises ValueError for any other."""
    if not all(type(op) is int and 0 <= op < len(_OPERATIONS) for op in encoding):
        raise ValueError(f"{encoding!r} is not a cell")
    by_edge = {edge: _OPERATIONS[op] for edge, op in zip(_EDGES, encoding, strict=True)}
    return tuple(by_edge[edge] for edge in EDGES)


def by_index() -> dict[int, Architecture]:
    """Every cell by the benchmark's own index: numbers after a shuffle with seed 88.

    Source: `generate_meta_info` in exps/NAS-Bench-201/main.py of D-X-Y/AutoDL-Projects.
    """
    cells = all_architectures()
    random.Random(88).shuffle(cells)
    return dict(enumerate(cells))


def read_csv(path: Path, read_row: Callable[[Mapping[str, str]], tuple[Architecture, T]]) -> dict[Architecture, T]:
    """What each row under a line of titles says of its cell."""
    table: dict[Architecture, T] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for cell, value in map(read_row, csv.DictReader(file)):
            if cell in table:
                raise ValueError(f"{to_id(cell)} is listed twice")
            table[cell] = value
    return table


def complete(path: Path, read_cells: Callable[[Path], dict[Architecture, T]]) -> dict[Architecture, T]:
    """What a file says of every cell of the space."""
    try:
        table = read_cells(path)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, csv.Error) as error:
        raise InputError(f"{path}: not a table of NAS-Bench-201's cells ({error!r}); {FIX}") from error
    if table.keys() != set(all_architectures()):
        raise InputError(f"{path}: {len(table)} architectures, not the {len(all_architectures())}; {FIX}")
    return table
