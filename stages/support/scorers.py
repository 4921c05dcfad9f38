"""What `by` names in params.yaml, a proxy, an aggregate, the benchmark or a cost, as a specification for a job.

`stages.support.objectives` makes objectives of these. Imports nothing heavy: the Snakefile reads this at every start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gennas import catalogue

Section = Mapping[str, Any]
BENCHMARK, COST = "benchmark", "cost"


def job_parameters(section: Section, name: str, protocols: Mapping[str, Any]) -> dict[str, Any]:
    """What a job is given of the proxy `name` of a section `train_proxy`: its protocol instead of the protocol's name.

    Not the path of its task, whose content is an input of the job.
    """
    proxy = section["proxies"][name]
    values = {key: value for key, value in proxy.items() if key not in ("task", "protocol")}
    if needs_protocol(proxy["kind"]):
        values["protocol"] = protocols[proxy.get("protocol", section["protocol"])]
    return values


def needs_protocol(kind: str) -> bool:
    """Whether a kind of proxy builds networks by a protocol; others look at the benchmark's own."""
    return bool(catalogue.declaration("proxies", kind).get("protocol", True))


def names(by: str | Sequence[str]) -> list[str]:
    """The objectives that `by` names, one or several."""
    return [by] if isinstance(by, str) else list(by)


def column(section: Section, name: str) -> str | None:
    """The column of the benchmark that a name stands for: `benchmark` for the target, `benchmark.<column>` for any."""
    first, _, other = name.partition(".")
    return (other or str(section["target"])) if first == BENCHMARK else None


def cost(name: str) -> str | None:
    """The cost that a name `cost.<name>` stands for."""
    first, _, other = name.partition(".")
    return other if first == COST else None


def judge(section: Section, search: Section) -> str:
    """The column of the benchmark that judges a search's answers: its own, what it asks for first, or the target."""
    first = next(iter(names(search.get("by", []))), BENCHMARK)
    return str(search.get("target") or column(section, first) or section["target"])


def proxies(section: Section, by: str | Sequence[str]) -> list[str]:
    """The proxies that take part in scoring: those named, and the members of aggregates that are."""
    found: dict[str, None] = {}
    for name in names(by):
        if column(section, name) is None and cost(name) is None:
            found |= dict.fromkeys(section["aggregate"][name]["members"] if name in section["aggregate"] else [name])
    return list(found)


def aggregates(section: Section, by: str | Sequence[str]) -> list[Mapping[str, Any]]:
    """The sections of the aggregates among those named."""
    return [section["aggregate"][name] for name in names(by) if name in section["aggregate"]]


def needs(section: Section, by: str | Sequence[str]) -> set[str]:
    """What a job reads that scores by those named: `benchmark`, `images`, `scores` of the evaluated sample."""
    own = aggregates(section, by)
    asks = any(column(section, name) for name in names(by)) or any(map(learns_labels, own))
    read = {"benchmark"} if asks else set()
    return read | ({"images"} if proxies(section, by) else set()) | ({"scores"} if own else set())


def learns_labels(aggregate: Mapping[str, Any]) -> bool:
    """Whether an aggregate learns from the labelled architectures."""
    return bool(catalogue.declaration("aggregates", aggregate["kind"])["labels"])


def specifications(
    section: Section,
    by: str | Sequence[str],
    protocols: Mapping[str, Any],
    task_file: Callable[[str], str],
    protocol: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Each objective; `protocol` is another one than a proxy's own, `task_file` finds the file of a task."""

    def given(name: str, other: str | None = None) -> dict[str, Any]:
        task = section["train_proxy"]["proxies"][name].get("task")
        values = job_parameters(section["train_proxy"], name, protocols)
        if other and "protocol" in values:
            values["protocol"] = protocols[other]
        return {**values, "task": task_file(task)} if task else values

    for name in names(by):
        if asked := column(section, name):
            yield {"benchmark": asked}
        elif measured := cost(name):
            yield {"cost": measured}
        elif aggregate := section["aggregate"].get(name):
            members = {member: given(member) for member in aggregate["members"]}
            yield {"aggregate": aggregate["kind"], "labels": learns_labels(aggregate), "members": members}
        else:
            yield {"proxy": given(name, protocol)}
