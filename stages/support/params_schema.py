"""The schema of params.yaml: a file for what every study has, and what plug-ins declare, each by its kind.

Imports nothing heavy: the Snakefile needs this at every start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import ValidationError
from jsonschema.exceptions import relevance

from gennas import catalogue
from gennas.data.images import LABELLED, UNLABELLED
from gennas.errors import InputError
from gennas.files.documents import read_yaml, violations

Schema = dict[str, Any]
ROOT = Path(__file__).parent.parent.parent
PATH = ROOT / "workflow" / "schemas" / "params.schema.yaml"
#: The definition in the schema of what sections of a room's plug-ins have in common.
COMMON = {"proxies": "proxy", "aggregates": "aggregate", "searches": "search"}
#: What every search has that scores architectures.
SCORING = {"by", "evaluations", "batch"}
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


@cache
def load_schema() -> Schema:
    """The file, with the names of the data sets."""
    schema: Schema = read_yaml(PATH)
    schema["$defs"]["labelled_images"]["enum"] = list(LABELLED)
    schema["$defs"]["unlabelled_images"]["enum"] = list(UNLABELLED)
    return schema


def resolve(schema: Schema) -> Schema:
    """A schema with what it refers to in it; what it says itself counts more."""
    if "$ref" not in schema:
        return schema
    return {**load_schema()["$defs"][schema["$ref"].split("/")[-1]], **schema}


# --- sections of plug-ins -----------------------------------------------------------------------


def unused(room: str, declaration: Mapping[str, Any]) -> set[str]:
    """Keys that sections of a room have, but not those of a plug-in that declares this."""
    if room == "proxies" and not declaration.get("protocol", True):
        return {"protocol"}
    if room != "searches" or declaration["scores"]:
        return set()
    return {*SCORING, "halving"} | (set() if declaration["supernet"] else {"protocol"})


def required(room: str, declaration: Mapping[str, Any]) -> set[str]:
    """Keys that every section of a plug-in has which declares this."""
    found = {*load_schema()["$defs"][COMMON[room]]["required"], *declaration.get("options", {})}
    found -= set(declaration.get("optional", []))
    if room != "searches":
        return found
    return found | (SCORING if declaration["scores"] else set()) | ({"protocol"} if declaration["supernet"] else set())


@cache
def plug_in_schema(room: str, kind: str) -> Schema:
    """The schema of a section of this kind: what is common to the room, and the kind's own options."""
    declaration = catalogue.declaration(room, kind)
    common = load_schema()["$defs"][COMMON[room]]["properties"]
    left_out = unused(room, declaration)
    properties = {key: value for key, value in common.items() if key not in left_out}
    return {
        "$defs": load_schema()["$defs"],
        "type": "object",
        "additionalProperties": False,
        "required": sorted(required(room, declaration)),
        "properties": {**properties, **declaration.get("options", {})},
    }


def check_section(room: str, section: Mapping[str, Any], where: str) -> None:
    """Raise an InputError for a section whose kind there is not, or that is not as its kind wants it."""
    try:
        schema = plug_in_schema(room, section["kind"])
    except InputError as error:
        raise InputError(f"{where}.kind: {error}") from error
    if errors := violations(section, schema):
        violation = max(errors, key=relevance)
        key = ".".join([where, *map(str, violation.absolute_path)])
        raise InputError(f"{key}: {describe(violation, ' of the kind ' + section['kind'])}")


# --- words --------------------------------------------------------------------------------------


def allowed(schema: Schema) -> str:
    """The values that a schema allows, in short."""
    schema = resolve(schema)
    if alternatives := schema.get("anyOf"):
        return ", or ".join(allowed(one) for one in alternatives)
    items = schema.get("items", {})
    words = [f"`{value}`" for value in (*schema.get("enum", []), *items.get("enum", []))]
    words += [f"`{schema['const']}`"] if "const" in schema else []
    words += [f"{sign} {schema[name]}" for name, sign in LIMITS.items() if name in schema]
    words += [f"multiple of {schema['multipleOf']}"] if "multipleOf" in schema else []
    return ", ".join(words) or str(schema.get("type", ""))


def describe(error: ValidationError, of: str = "") -> str:
    """One line: the value, what is allowed; `of` says of what."""
    schema = resolve(error.schema) if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties":
        return f"{error.message}; known keys{of}: {', '.join(schema.get('properties', {}))}"
    if error.validator == "required":
        return f"{error.message}{of}"
    if error.validator in ("type", "minProperties"):
        return error.message
    values = allowed(schema) if error.validator == "anyOf" else f"{error.validator}: {error.validator_value}"
    meaning = " ".join(schema.get("description", "").split())
    return f"{error.instance!r} is not allowed ({values}). {meaning}".strip()


def rows(schema: Schema, key: str = "") -> Iterator[str]:
    """Markdown table rows for a schema, depth first."""
    schema = resolve(schema)
    if key:
        yield f"| `{key}` | {allowed(schema)} | {' '.join(schema.get('description', '').split())} |"
    for name, child in schema.get("properties", {}).items():
        yield from rows(child, f"{key}.{name}" if key else name)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from rows(schema["additionalProperties"], f"{key}.<name>" if key else "<space>")
