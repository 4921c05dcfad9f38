"""Keys of params.yaml that earlier versions had: one line says what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gennas.errors import InputError
from gennas.regression.genes import PUBLISHED

#: What sources of ground truth were called as the one of `download.source`.
SOURCES = {
    "gennas": "gennas-nasbench101",
    "official": "nasbench101",
    "cifar10": "nds-cifar10",
    "imagenet": "nds-imagenet",
    "ptb": "nasbench-nlp",
    "ptb+wikitext2": "nasbench-nlp, nasbench-nlp-wikitext2",
}
CANDIDATES = {"space": "space", "table": "benchmark"}
_NAMED = "each search has a name and keys of its own now; write searches: {<name>: {kind: ..., by: <a proxy>, ...}}"
_EVOLUTION = f"{_NAMED}, with %s in those of kind ageing_evolution"
#: Old keys below a space's section, and what to write instead of a value.
OLD_KEYS: dict[tuple[str, ...], str | Callable[[Any], str]] = {
    ("download", "source"): lambda old: f"it is a list now; write sources: [{SOURCES.get(str(old), old)}]",
    ("search_architecture", "over"): lambda old: f"write candidates: {CANDIDATES.get(str(old), 'space')}",
    ("search_architecture", "task"): "a search follows a proxy now, whose task it takes; name the proxy in its `by`",
    ("search_architecture", "protocol"): "a search follows a proxy now, whose protocol it takes; name it in its `by`",
    ("search_architecture", "population"): _EVOLUTION % "population",
    ("search_architecture", "tournament"): _EVOLUTION % "tournament",
    ("search_architecture", "offspring"): f"it is called batch, and is a search's own; {_NAMED}",
    ("search_architecture", "rungs"): f"write halving: {{rungs: [...], minimum: <population>}} in a search; {_NAMED}",
    ("search_architecture", "evaluations"): _NAMED,
    ("search_architecture", "seeds"): _NAMED,
    ("search_architecture", "nasi"): "it is a search like the others; write searches: {<name>: {kind: nasi, ...}}",
    ("search_architecture", "finals"): "it is a stage of its own, beside search_architecture, and has `of` and `by`",
}


def check(params: Any, path: Path) -> None:
    """Raise an InputError for the first old key."""
    for space, section in params.items() if isinstance(params, dict) else ():
        for keys, old in old_values(section):
            advice = OLD_KEYS[keys]
            text = advice(old) if callable(advice) else advice
            raise InputError(f"{path}: {space}.{'.'.join(keys)}: {text}")
        for name, task in named_tasks(section):
            raise InputError(f"{path}: {space}.train_proxy.proxies.{name}.task: write task: {Path(task).stem}")


def old_values(section: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The old keys of a space's section, and their values."""
    for stage, key in OLD_KEYS:
        inner = section.get(stage) if isinstance(section, dict) else None
        if isinstance(inner, dict) and key in inner:
            yield (stage, key), inner[key]


def named_tasks(section: Any) -> Iterator[tuple[str, str]]:
    """The proxies whose task is named by the file that a published task once had."""
    proxies = section
    for key in ("train_proxy", "proxies"):
        proxies = proxies.get(key) if isinstance(proxies, dict) else None
    for name, proxy in proxies.items() if isinstance(proxies, dict) else ():
        task = proxy.get("task") if isinstance(proxy, dict) else None
        path = Path(task) if isinstance(task, str) and task.startswith("tasks/") else None
        if path and not path.exists() and (PUBLISHED / path.name).is_file():
            yield str(name), str(path)
