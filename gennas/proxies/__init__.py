"""Proxies: how an architecture gets a number before it is trained. One module each, found by name.

A proxy is a module with one function, `make(context)`, that prepares whatever all architectures
share and returns a function from architectures to their `Score`s, in order. Modules are imported on demand,
so that a new proxy makes no score of another one stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from gennas.errors import InputError
from gennas.scoring import Context, Score

__all__ = ["Context", "Score", "make"]


def make(kind: str, context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """The scoring function of the proxy `gennas/proxies/<kind>.py`."""
    score: Callable[[Sequence[Any]], Iterator[Score]] = find(kind).make(context)
    return score


def find(kind: str) -> ModuleType:
    """The module of a proxy."""
    if not (Path(__file__).parent / f"{kind}.py").is_file():
        raise InputError(f"unknown kind of proxy {kind!r}: there is no gennas/proxies/{kind}.py")
    return import_module(f"{__name__}.{kind}")
