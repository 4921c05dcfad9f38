"""docs/parameters.md: the keys of params.yaml, and the kinds of plug-ins with their options, as they declare them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gennas import catalogue, spaces
from stages.support.params_schema import allowed, load_schema, resolve, rows

HEAD = """# Parameters

Generated from `workflow/schemas/params.schema.yaml`, and from what the plug-ins declare, by
`python -m stages.support.params --docs > docs/parameters.md`; a test fails when it drifts.

The first table has the keys of `params.yaml`. The ones below list what can be named there: the kinds of
[proxies](#proxies), [aggregates](#aggregates) and [searches](#searches) with the options of each, which stand beside
its `kind`; the [spaces](#spaces) and the [sources](#sources) of their ground truth.
"""
Declared = Mapping[str, Any]


def documentation() -> str:
    """The page."""
    parts = [
        [HEAD, *table("key | allowed | meaning", rows(load_schema()))],
        ["## Proxies\n", "Of `train_proxy.proxies.<name>`.\n", *kinds("proxies", proxy)],
        ["## Aggregates\n", "Of `aggregate.<name>`.\n", *kinds("aggregates", aggregate)],
        ["## Searches\n", "Of `search_architecture.searches.<name>`.\n", *kinds("searches", search)],
        ["## Spaces\n", *table("space | networks read | supernet", map(space, spaces.NAMES))],
        [
            "## Sources\n",
            "A hyphen and an underscore in a name are the same.\n",
            *table("source | spaces", map(source, catalogue.names("benchmarks"))),
        ],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def table(head: str, body: Iterator[str]) -> Iterator[str]:
    """The lines of a Markdown table."""
    yield f"| {head} |"
    yield "|" + " --- |" * (head.count("|") + 1)
    yield from body


def kinds(room: str, about: Callable[[Declared], str]) -> Iterator[str]:
    """A table of a room: each kind with what it declares, a line per option."""

    def lines() -> Iterator[str]:
        for name in catalogue.names(room):
            declared = catalogue.declaration(room, name)
            yield f"| `{name}` | {about(declared)} | | | |"
            most = declared.get("at_most", {})
            for option, schema in declared.get("options", {}).items():
                found = resolve(schema)
                values = allowed(found) + "".join(f", ≤ `{key}`" for key in [most.get(option)] if key)
                left_out = " (may be left out)" if option in declared.get("optional", []) else ""
                meaning = " ".join(found.get("description", "").split())
                yield f"| | | `{option}` | {values} | {meaning}{left_out} |"

    return table("kind | about | option | allowed | meaning", lines())


def proxy(declared: Declared) -> str:
    """What a proxy is for and needs."""
    words = [f"for networks that read {' or '.join(declared['families'])}"]
    words += ["trains"] if declared.get("trains") else []
    words += ["learns labels"] if declared.get("labels") else []
    words += ["needs no protocol"] if not declared.get("protocol", True) else []
    return ", ".join(words)


def aggregate(declared: Declared) -> str:
    """What an aggregate learns from."""
    return "learns from the labelled architectures" if declared["labels"] else "needs no labels"


def search(declared: Declared) -> str:
    """What a search needs."""
    several = "one or several objectives" if declared["objectives"] == "several" else "one objective"
    words = [several if declared["scores"] else "scores nothing"]
    words += ["needs a supernet and a protocol"] if declared["supernet"] else []
    return ", ".join(words)


def space(name: str) -> str:
    """A row of the table of spaces."""
    family = catalogue.declaration("spaces", name)["family"]
    return f"| `{name}` | {family} | {'yes' if spaces.has_supernet(name) else 'no'} |"


def source(name: str) -> str:
    """A row of the table of sources."""
    own = catalogue.declaration("benchmarks", name)["spaces"]
    return f"| `{name}` | {', '.join(f'`{one}`' for one in own)} |"
