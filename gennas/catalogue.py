"""What there is to plug in: the modules of a room, and what each declares of itself.

A plug-in is a module with a literal `DECLARATION` at its top, which is read from the source, not by importing: torch
takes seconds to import, and a workflow has to know what there is before it starts anything. A room is a folder of
`gennas`; its plug-ins are found by their file's name (a space by its folder's), so that adding one edits no list.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from gennas.errors import InputError

ROOT = Path(__file__).parent
ROOMS = ("aggregates", "benchmarks", "costs", "data", "encodings", "families", "proxies", "searches", "spaces")


def names(room: str, family: str | None = None) -> list[str]:
    """The plug-ins of a room, sorted; of a family, those that say they are for it, such as proxies of `sequences`."""
    every = sorted(_files(room))
    return [name for name in every if family is None or family in declaration(room, name).get("families", [])]


def declaration(room: str, name: str) -> Mapping[str, Any]:
    """What a plug-in declares of itself; an InputError lists the known ones if there is none of this name."""
    name = module_name(name)
    files = _files(room)
    if name not in files:
        known = ", ".join(sorted(files))
        raise InputError(f"{name!r} is none of the {room} of gennas (known: {known}); see gennas/{room}/")
    found = _literal(files[name])
    assert found is not None
    return found


def load_module(room: str, name: str) -> ModuleType:
    """Import a plug-in; an InputError as of `declaration`."""
    declaration(room, name)
    return import_module(f"gennas.{room}.{module_name(name)}")


def module_name(name: str) -> str:
    """The name of a plug-in's module: hyphens, as in a package's name, stand for underscores."""
    return name.replace("-", "_")


@cache
def _files(room: str) -> dict[str, Path]:
    """The source of each plug-in of a room, by its name. What editors leave beside a file is none."""
    modules = {path.stem: path for path in (ROOT / room).glob("[a-z]*.py") if path.is_file()}
    packages = {path.parent.name: path for path in (ROOT / room).glob("[a-z]*/__init__.py") if path.is_file()}
    return {name: path for name, path in {**modules, **packages}.items() if _literal(path) is not None}


@cache
def _literal(path: Path) -> dict[str, Any] | None:
    """The value of `DECLARATION = {...}` in a source file; None where there is no such line."""
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise InputError(f"{path}: line {error.lineno}: {error.msg}; fix it, or move the file away") from error
    except ValueError as error:  # such as what is no UTF-8
        raise InputError(f"{path}: not Python ({error}); fix it, or move the file away") from error
    for node in module.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["DECLARATION"]:
            try:
                value: dict[str, Any] = ast.literal_eval(node.value)
            except ValueError as error:
                raise InputError(f"{path}: DECLARATION is not a literal ({error}); write it without names") from error
            return value
    return None
