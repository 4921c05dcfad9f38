"""The schema of params.yaml: the common part from a file, each plug-in's options from its own DECLARATION.

A section with a `kind` (a proxy, an aggregate, a search) has the keys that all kinds have and those that its kind
declares. Nothing here knows the name of a kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import ValidationError
from jsonschema.exceptions import relevance

from gennas import catalogue
from gennas.errors import InputError
from gennas.files.documents import read_yaml, violations

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "workflow" / "schemas" / "params.schema.yaml"
#: The definition of the keys that all kinds of a room have.
SECTIONS = {"proxies": "proxy", "aggregates": "aggregate", "encodings": "encoding", "searches": "search"}
#: Rooms whose plug-ins declare options.
DOCUMENTED = (*SECTIONS, "costs")
_SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


@cache
def load_schema() -> dict[str, Any]:
    """The common part; the names of data sets are those that `gennas.data.images` declares."""
    schema: dict[str, Any] = read_yaml(FILE)
    declared = catalogue.declaration("data", "images")
    schema["$defs"]["labelled_images"]["enum"] = [*declared["labelled"]]
    schema["$defs"]["unlabelled_images"]["enum"] = [*declared["unlabelled"], *declared["labelled"]]
    return schema


def own_options(room: str, kind: str) -> dict[str, Any]:
    """The options that a kind declares, and the keys that its kind of plug-in has if it declares so."""
    declared = catalogue.declaration(room, kind)
    options = dict(declared.get("options", {}))
    if room == "proxies" and declared.get("protocol", True):
        meaning = "The name of one of `protocols`, instead of the stage's."
        options["protocol"] = {"$ref": "#/$defs/protocol_name", "description": meaning}
    if room == "searches" and declared["scores"]:
        options = {**load_schema()["$defs"]["scoring"]["properties"], **options}
    return options


def optional(room: str, kind: str) -> set[str]:
    """The options that may be left out."""
    declared = catalogue.declaration(room, kind)
    found = set(declared.get("optional", []))
    if "protocol" not in declared.get("options", {}):
        found.add("protocol")
    return found | {"constraints", "halving", "target"}


def section_schema(room: str, kind: str) -> dict[str, Any]:
    """The schema of a section of a kind."""
    schema = load_schema()
    common = schema["$defs"][SECTIONS[room]]
    own = own_options(room, kind)
    return {
        "$defs": schema["$defs"],
        "type": "object",
        "required": [*common["required"], *sorted(own.keys() - optional(room, kind))],
        "properties": {**common["properties"], **own},
    }


def check_section(section: Mapping[str, Any], room: str, key: str, path: Path) -> None:
    """Raise an InputError of one line unless a section has the keys of its kind, and only these."""
    kind = section["kind"]
    if kind not in catalogue.names(room):
        known = ", ".join(catalogue.names(room))
        raise InputError(f"{path}: {key}.kind: {kind} is none of the {room} (known: {known})")
    schema = section_schema(room, kind)
    if unknown := [name for name in section if name not in schema["properties"]]:
        known = ", ".join(schema["properties"])
        raise InputError(f"{path}: {key}.{unknown[0]}: {kind} has no such option (it has {known}); remove it")
    check_schema(dict(section), schema, path, key)


def check_schema(value: Any, schema: dict[str, Any], path: Path, key: str = "") -> None:
    """Raise an InputError for the most telling violation of a schema by what is under a key of a file."""
    if errors := violations(value, schema):
        raise InputError(describe(max(errors, key=relevance), path, key))


def describe(error: ValidationError, path: Path, prefix: str = "") -> str:
    """One line: the file, the key, its value, what is allowed."""
    key = ".".join(filter(None, [prefix, *map(str, error.absolute_path)])) or "the file"
    if error.validator in ("additionalProperties", "required", "type", "minProperties"):
        return f"{path}: {key}: {error.message}"
    allowed = error.validator_value
    schema = error.schema if isinstance(error.schema, dict) else {}
    meaning = " ".join(schema.get("description", "").split())
    return f"{path}: {key}: {error.instance!r} is not allowed ({error.validator}: {allowed}). {meaning}".strip()


# --- docs/parameters.md -----------------------------------------------------------------------


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema, or the definition that it refers to."""
    found: Mapping[str, Any] = schema
    if "$ref" in schema:
        found = {**load_schema()["$defs"][schema["$ref"].split("/")[-1]], **schema}
    return found


def allowed(schema: Mapping[str, Any]) -> str:
    """What is allowed, in a few words."""
    if "anyOf" in schema:
        return " or ".join(allowed(resolved(one)) for one in schema["anyOf"])
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    words = [f"`{value}`" for value in values]
    words += [f"{sign} {schema[name]}" for name, sign in _SIGNS.items() if name in schema]
    return ", ".join(words) or str(schema.get("type", ""))


def rows(schema: Mapping[str, Any], key: str = "") -> Iterator[str]:
    """Rows for a schema, depth first."""
    schema = resolved(schema)
    if key:
        yield f"| `{key}` | {allowed(schema)} | {' '.join(schema.get('description', '').split())} |"
    for name, child in schema.get("properties", {}).items():
        yield from rows(child, f"{key}.{name}" if key else name)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from rows(schema["additionalProperties"], f"{key}.<name>" if key else "<space>")


def option_rows(room: str) -> Iterator[str]:
    """Rows for what depends on the kind: keys that several kinds have first, then those that each one declares."""
    kinds = catalogue.names(room)
    declared = {kind: catalogue.declaration(room, kind).get("options", {}) for kind in kinds}
    shared: dict[str, list[str]] = {}
    for kind in kinds:
        for name in own_options(room, kind).keys() - declared[kind].keys():
            shared.setdefault(name, []).append(kind)
    for name in sorted(shared):
        who = "those that score architectures" if room == "searches" else "those that build networks"
        yield from (f"| {who} {each}" for each in rows(own_options(room, shared[name][0])[name], name))
    for kind in kinds:
        for name, option in declared[kind].items():
            yield from (f"| `{kind}` {each}" for each in rows(option, name))


HEAD = """# Parameters

Generated from `workflow/schemas/params.schema.yaml` and the `DECLARATION` of each plug-in by `make docs`; a test fails
when it drifts.

| key | allowed | meaning |
| --- | --- | --- |
"""
OPTIONS = """
## Keys of {room} that depend on their kind

| kind | key | allowed | meaning |
| --- | --- | --- | --- |
"""


def documentation() -> str:
    """docs/parameters.md."""
    page = HEAD + "\n".join(rows(load_schema())) + "\n"
    for room in DOCUMENTED:
        if table := [*option_rows(room)]:
            page += OPTIONS.format(room=room) + "\n".join(table) + "\n"
    return page
