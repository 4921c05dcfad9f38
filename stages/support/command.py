"""A stage's command line, made from the signature of its function.

A stage is a typed function. Its parameters of type `Path` or `list[Path]` are files, all others are values. Every rule
calls it alike, with two JSON objects:

    python -m stages.sample --files '{"benchmark": ...}' --values '{"label": 20, ...}' --workers 1 --log FILE

By hand, each parameter is a flag, too: `python -m stages.sample --benchmark FILE --label 20`. Bad input ends in one
line and exit code 1; a traceback is a bug, and logged.
"""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from gennas.errors import InputError
from gennas.files.atomic import writing
from gennas.files.documents import parse_json
from stages.support.sources import check_library, loaded_sources, source_hashes

T = TypeVar("T")
Stage = Callable[..., None]
logger = logging.getLogger("stages")


def run(*functions: Stage) -> None:
    """Run a stage as the command line says; of several functions, the one that its first word names."""
    command, named = parse(functions)
    log = named.pop("log")
    try:
        check_library()
        begin_log(log)
        command(**arguments(command, named))
        check_unedited()
    except InputError as error:
        if log and logger.handlers:
            logger.error("%s", error)
        sys.exit(f"error: {error}")
    except Exception:
        logger.exception("unexpected error")
        raise
    logger.info("done")


def parse(functions: Iterable[Stage]) -> tuple[Stage, dict[str, Any]]:
    """The function that is called, and what the command line says of each name."""
    first, *others = functions
    parser = argparse.ArgumentParser(
        prog=f"python -m {first.__module__ if first.__module__ != '__main__' else module_name()}",
        description=inspect.getdoc(sys.modules[first.__module__]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if not others:
        add_options(parser, first)
        return first, vars(parser.parse_args())
    commands = parser.add_subparsers(dest="command", required=True)
    by_name = {function.__name__: function for function in (first, *others)}
    for name, function in by_name.items():
        summary = (inspect.getdoc(function) or "").splitlines()[0]
        add_options(commands.add_parser(name, help=summary, description=inspect.getdoc(function)), function)
    named = vars(parser.parse_args())
    return by_name[named.pop("command")], named


def module_name() -> str:
    """The module that `python -m` runs."""
    spec = sys.modules["__main__"].__spec__
    return spec.name.removesuffix(".__main__") if spec else sys.argv[0]


def add_options(parser: argparse.ArgumentParser, function: Stage) -> None:
    """The options of every rule, and one for each parameter but `workers`, which says how and not what."""
    parser.add_argument("--files", metavar="JSON", help="all files, as one JSON object")
    parser.add_argument("--values", metavar="JSON", help="all values, as one JSON object")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write the log here (default: standard error)")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes at once, if the stage can use them"
    )
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "workers":
            continue
        kind = typing.get_type_hints(function)[name]
        many = kind == list[Path]
        needed = "" if parameter.default is parameter.empty else f" (default: {parameter.default})"
        parser.add_argument(
            f"--{name.replace('_', '-')}", dest=f"own_{name}", nargs="*" if many else None,
            metavar=METAVARS.get(kind, "JSON"), help=f"{type_name(kind)}{needed}",
        )  # fmt: skip


#: How --help abbreviates a type.
METAVARS = {Path: "FILE", list[Path]: "FILE", str: "TEXT", int: "N", float: "X"}


def is_file(kind: Any) -> bool:
    return kind in (Path, list[Path])


def type_name(kind: Any) -> str:
    """A type as a reader knows it."""
    names = {Path: "a file", list[Path]: "files", str: "text", int: "a whole number", float: "a number"}
    return names.get(kind, "JSON")


def arguments(function: Stage, named: Mapping[str, Any]) -> dict[str, Any]:
    """The function's arguments from the JSON objects and the flags; an InputError for a name or type that is wrong."""
    kinds = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    if named["workers"] < 1:
        raise InputError(f"--workers: {named['workers']}; give one at least")
    given = {name: json_value(text, name) for name, text in own_flags(named, kinds).items()}
    given |= {"workers": named["workers"]} if "workers" in parameters else {}
    for option, files in (("files", True), ("values", False)):
        for name, value in json_object(named[option], option).items():
            if name not in parameters or is_file(kinds[name]) != files:
                known = ", ".join(each for each in parameters if is_file(kinds[each]) == files)
                raise InputError(f"--{option}: {name!r} is none of the {option} of this stage, which are {known}")
            given[name] = value
    missing = [name for name, one in parameters.items() if name not in given and one.default is one.empty]
    if missing:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise InputError(f"{flags}: missing; see --help")
    return {name: convert(value, kinds[name], name) for name, value in given.items()}


def own_flags(named: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """What flags of single parameters say: files and text as they are, other types as JSON."""
    return {
        name: value if is_file(kinds[name]) or kinds[name] is str else JsonText(value)
        for name in kinds
        if (value := named.get(f"own_{name}")) is not None
    }


class JsonText(str):
    """The text of a flag that is JSON."""


def json_value(value: Any, name: str) -> Any:
    """What a flag's text means."""
    if not isinstance(value, JsonText):
        return value
    try:
        return read_json_text(value)
    except ValueError as error:
        raise InputError(f"--{name.replace('_', '-')}: {value!r} is not JSON ({error})") from error


def read_json_text(text: str) -> Any:
    """What JSON says. Raises ValueError for what is none, or has text that no file could hold."""
    value = parse_json(text)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def json_object(text: str | None, option: str) -> dict[str, Any]:
    """The object that --files or --values holds; empty if it is not given."""
    try:
        value = read_json_text(text) if text is not None else {}
    except ValueError as error:
        raise InputError(f"--{option}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise InputError(f"--{option}: not a JSON object of names and {option}")
    return value


def convert(value: Any, kind: Any, name: str) -> Any:
    """A value of the annotated type; an InputError for another one."""
    if kind is Path and is_path(value):
        return Path(value)
    if kind == list[Path]:
        value = [value] if isinstance(value, str) else value
        if isinstance(value, list) and all(map(is_path, value)):
            return [Path(path) for path in value]
    if fits(value, kind):
        return float(value) if kind is float else value
    raise InputError(f"{name}: {value!r} is not {type_name(kind) if kind in SIMPLE else describe(kind)}")


def is_path(value: Any) -> bool:
    """Whether a value can be a path."""
    return isinstance(value, str) and "\0" not in value


#: Types that `type_name` has a word for.
SIMPLE = (Path, list[Path], str, int, float)


def describe(kind: Any) -> str:
    """Another type, as Python writes it."""
    return str(kind).replace("typing.", "") if typing.get_origin(kind) else getattr(kind, "__name__", str(kind))


def fits(value: Any, kind: Any) -> bool:
    """Whether a JSON value is of an annotated type; what is inside of a list or an object is checked, too."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(fits(item, inner[0]) for item in value)
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(fits(item, inner[1]) for item in value.values())
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def begin_log(path: Path | None) -> None:
    """Log to a file, or else to standard error."""
    handler: logging.Handler = logging.StreamHandler()
    if path:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.raiseExceptions = False  # a line that the disk has no room for fails no job, whose results may fit
    logging.captureWarnings(True)
    for name in ("stages", "gennas", "py.warnings"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    logger.info("%s", " ".join(sys.orig_argv))


def check_unedited() -> None:
    """Fail when a module in use was edited meanwhile: Snakemake would credit the result to the new code."""
    now = source_hashes()
    for path, digest in loaded_sources().items():
        if now.get(path) != digest:
            raise InputError(f"{path} was edited while this job ran; run it again")


def track(items: Iterable[T], description: str, total: int, unit: str = "architecture") -> Iterator[T]:
    """Iterate with a bar on a terminal; elsewhere, a log line at every tenth of the way."""
    with tqdm(items, description, total, leave=False, disable=not sys.stderr.isatty(), unit=unit) as bar:
        for done, item in enumerate(bar, start=1):
            yield item
            if done == total or done % max(1, total // 10) == 0:
                logger.info("%s: %d of %d", description, done, total)
