"""Keys of params.yaml as they were, each with one line that says what to write now.

Imports nothing heavy: the Snakefile needs this at every start.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gennas.regression.genes import PUBLISHED

#: What sources of ground truth were called as the one of `download.source`.
SOURCES = {
    "gennas": ["gennas-nasbench101"],
    "official": ["nasbench101"],
    "cifar10": ["nds-cifar10"],
    "imagenet": ["nds-imagenet"],
    "ptb": ["nasbench-nlp"],
    "ptb+wikitext2": ["nasbench-nlp", "nasbench-nlp-wikitext2"],
}
CANDIDATES = {"table": "benchmark", "space": "space"}
#: Keys that all searches shared, and what they are now.
SEARCH = {
    "task": "it is the proxy's now, which a search names",
    "protocol": "it is the proxy's now, or a search's own",
    "population": "an option of the kind ageing_evolution now",
    "tournament": "an option of the kind ageing_evolution now",
    "offspring": "`batch` of each search now",
    "rungs": "`halving: {rungs: [...], minimum: <the population>}` of each search now; without rungs leave it out",
    "evaluations": "a key of each search now",
    "seeds": "a key of each search now",
    "nasi": "searches of the kind nasi now, one with `nu: <number>`, one with `nu: mean`",
}
SEARCHES = "write searches: {evolution: {kind: ageing_evolution, by: <proxy>, ...}, ...}; see docs/parameters.md"


def renamed(params: Any) -> Iterator[tuple[str, str]]:
    """Each old key, and what to write instead of it."""
    for space, section in _sections(params):
        for key, fix in _of_space(section):
            yield f"{space}.{key}", fix


def _sections(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The values that are mappings, by their keys."""
    if isinstance(value, dict):
        yield from ((key, own) for key, own in value.items() if isinstance(own, dict))


def _of_space(section: dict[str, Any]) -> Iterator[tuple[str, str]]:
    parts = dict(_sections(section))
    old = parts.get("download", {}).get("source")
    if isinstance(old, str):
        yield "download.source", f"it is a list now; write sources: [{', '.join(SOURCES.get(old, [old]))}]"
    for name, proxy in _sections(parts.get("train_proxy", {}).get("proxies")):
        task = proxy.get("task")
        if isinstance(task, str) and (published := _published(task)):
            yield f"train_proxy.proxies.{name}.task", f"published tasks have names now; write task: {published}"
    yield from _of_search(parts.get("search_architecture", {}))


def _published(task: str) -> str | None:
    """The name of a published task that is named by the file that it was, unless such a file is there."""
    path = Path(task)
    there = path.parent == Path("tasks") and not path.is_file() and (PUBLISHED / path.name).is_file()
    return path.stem if there else None


def _of_search(search: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "over" in search:
        new = CANDIDATES.get(str(search["over"]), "space or benchmark")
        yield "search_architecture.over", f"it has another name now; write candidates: {new}"
    for key in (key for key in SEARCH if key in search):
        yield f"search_architecture.{key}", f"{SEARCH[key]}; {SEARCHES}"
    if "finals" in search:
        fix = "a section beside search_architecture now; write finals: {of: [<search>], by: <proxy>, ...}"
        yield "search_architecture.finals", f"{fix}; see docs/parameters.md"
