"""JSON and YAML that nobody vouches for: of bounded size and depth, of plain values, and as its schema says.

Imports nothing heavy: the Snakefile needs this at every start.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from gennas.errors import InputError

SIZE_LIMIT = 1 << 17  # bytes of what people or stages write; the largest study has a tenth of it
DEPTH_LIMIT = 32  # lists and mappings within each other
TOO_DEEP = f"nested more than {DEPTH_LIMIT} deep"


def read_bytes(path: Path, size_limit: int, hint: str) -> bytes:
    """A file's content. Raises InputError for one that cannot be read, or has more bytes than `size_limit`."""
    try:
        with path.open("rb") as file:
            content = file.read(size_limit + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {hint}") from error
    if len(content) > size_limit:
        raise InputError(f"{path}: more than {size_limit} bytes; {hint}")
    return content


# --- plain values -------------------------------------------------------------------------------


def _check_number(value: float, finite: bool) -> None:
    """Raise ValueError for a number that the tools after us would not all take for the same."""
    if isinstance(value, float) and finite and not math.isfinite(value):
        raise ValueError(f"the number {value}, which is not finite")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("an integer of more than 64 bits")


def _parts(value: list[Any] | dict[Any, Any]) -> Iterable[Any]:
    """What a list or mapping holds. Raises ValueError for a key that is no string."""
    if isinstance(value, list):
        return value
    for key in value:
        if not isinstance(key, str):
            raise ValueError(f"the key {key!r}, which is no string")
    return value.values()


def _checked(value: Any, most: int, finite: bool = True) -> Any:
    """The value itself. Raises ValueError for one nested too deep, or with over `most` values at one depth.

    Level by level: a value that aliases blow up, or that contains itself, is never walked as a whole.
    """
    level = [value]
    for _ in range(DEPTH_LIMIT + 1):
        below: list[Any] = []
        for each in level:
            if isinstance(each, (list, dict)):
                below += _parts(each)
                if len(below) > most:
                    raise ValueError("aliases that multiply it")
            elif isinstance(each, (int, float)):
                _check_number(each, finite)
        if not below:
            return value
        level = below
    raise ValueError(TOO_DEEP)


# --- JSON ---------------------------------------------------------------------------------------


def parse_json(text: str | bytes, finite: bool = True, without: frozenset[str] = frozenset()) -> Any:
    """The value of a JSON text; bytes are UTF-8. Raises ValueError, of one line, for anything else.

    `finite` refuses not-a-number and infinity, which JSON has not but Python reads. Keys `without`
    are forgotten while the text is read, which saves memory.
    """

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key that is there twice")
        return {key: value for key, value in pairs if key not in without} if without else found

    text = text.decode("utf-8") if isinstance(text, bytes) else text
    try:
        value = json.loads(text, object_pairs_hook=mapping)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    return _checked(value, len(text), finite)


def read_json(
    path: Path,
    hint: str = "delete it and re-run",
    size_limit: int = SIZE_LIMIT,
    finite: bool = True,
    without: frozenset[str] = frozenset(),
    schema: dict[str, Any] | None = None,
) -> Any:
    """`parse_json` of a file, with an InputError; also for a value that does not fit its schema."""
    content = read_bytes(path, size_limit, hint)
    try:
        value = parse_json(content, finite, without)
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({error}); {hint}") from error
    if schema and (violation := best_match(violations(value, schema))):
        key = ".".join(map(str, violation.absolute_path)) or "the file"
        raise InputError(f"{path}: {key}: {violation.message}; {hint}")
    return value


# --- YAML ---------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Refuses keys that are there twice, and what takes long before anything can be counted.

    That is merge keys, which multiply, and brackets, for each of which the scanner looks at all that are open.
    """

    def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
        if self.flow_level >= DEPTH_LIMIT:
            raise ValueError(TOO_DEEP)
        super().fetch_flow_collection_start(token)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise ValueError("the merge key <<; write the keys out")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise ValueError(f"a key that is there twice in the mapping of line {node.start_mark.line + 1}")
        return mapping


def parse_yaml(text: str) -> Any:
    """The value of a YAML text. Raises ValueError, of one line, for anything but plain values."""
    try:
        value = yaml.load(text, _Loader)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except Exception as error:  # besides YAMLError, odd scalars can raise anything: `!!bool maybe` a KeyError
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error
    return _checked(value, len(text))


def read_yaml(path: Path, hint: str = "fix or replace it", size_limit: int = SIZE_LIMIT) -> Any:
    """`parse_yaml` of a file, with an InputError."""
    content = read_bytes(path, size_limit, hint)
    try:
        return parse_yaml(content.decode("utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not readable as YAML ({error}); {hint}") from error


# --- schemas ------------------------------------------------------------------------------------


def _whole(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """A pattern that the whole string has to match: `$` alone would allow a line end."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _unique(_: Any, wanted: bool, value: Any, __: Any) -> Iterator[ValidationError]:
    """`uniqueItems` in a time that does not grow with the square of the items."""
    if wanted and isinstance(value, list) and len(set(map(repr, value))) < len(value):
        yield ValidationError(f"{value!r} has an item twice")


_Strict = extend(
    Draft202012Validator,
    {"pattern": _whole, "uniqueItems": _unique},
    # The number 2.0 is an integer for JSON Schema, but not for range().
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def violations(value: Any, schema: dict[str, Any]) -> list[ValidationError]:
    """What is wrong with a value, as its JSON schema sees it."""
    validator: Validator = _Strict(schema)
    return list(validator.iter_errors(value))


def check_options(given: Mapping[str, Any], options: Mapping[str, Any], owner: str) -> None:
    """Raise an InputError of one line unless these are options that an owner has, by name, as their schemas say."""
    if unknown := given.keys() - options.keys():
        known = ", ".join(options) or "none"
        raise InputError(f"{min(unknown)}: {owner} has no such option (it has {known}); leave it out")
    for name, value in given.items():
        if wrong := violations(value, options[name]):
            meaning = f"{options[name]['description']} ({options[name]['type']})"
            raise InputError(f"{name}: {wrong[0].message}; it is {meaning}")
