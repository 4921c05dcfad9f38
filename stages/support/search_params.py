"""What is wrong with the searches and the finals of params.yaml; see `stages.support.params`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from gennas import benchmarks, catalogue, spaces
from gennas.errors import InputError
from gennas.files.documents import check_options
from stages.support import scorers

Params = Mapping[str, Any]


def search_problems(params: Params, space: str) -> Iterator[str]:
    """Searches by what is not there, of too many objectives, or without the supernet that they need."""
    section = params[space]["search_architecture"]
    yield from constant_problems(section)
    for name, search in section["searches"].items():
        key, declared = f"search_architecture.searches.{name}", catalogue.declaration("searches", search["kind"])
        yield from scorer_problems(params[space], key, search)
        yield from objective_problems(params[space], space, key, search)
        yield from prior_problems(params[space], key, search)
        yield from encoded_problems(params[space], space, key, search)
        yield from lesson_problems(key, search, declared)
        if len(scorers.names(search.get("by", []))) > 1 and declared["objectives"] != "several":
            yield f"{key}.by: {search['kind']} has one objective; name one scorer"
        yield from halving_problems(params, space, key, search)
        if declared["supernet"] and not spaces.has_supernet(space):
            known = ", ".join(filter(spaces.has_supernet, spaces.NAMES))
            yield f"{key}: there is no supernet of {space}, only of {known}; remove it"
        if declared["supernet"] and section["candidates"] != "space":
            yield f"{key}: its supernet is of the whole space; write candidates: space, or remove it"
        yield from growth_problems(section, space, key, declared)
        for cost in search.get("constraints", {}):
            if cost not in known_costs():
                yield f"{key}.constraints: {cost!r} is no cost (known: {', '.join(known_costs())})"


def known_costs() -> list[str]:
    """All that modules of costs declare to measure, without their code, which the report has none of."""
    return sorted(name for kind in catalogue.names("costs") for name in catalogue.declaration("costs", kind)["units"])


def constant_problems(section: Params) -> Iterator[str]:
    """Constants that no cost has, or of another type."""
    for kind, constants in section.get("costs", {}).items():
        key = f"search_architecture.costs.{kind}"
        if kind not in catalogue.names("costs"):
            yield f"{key}: there is no such module of costs (known: {', '.join(catalogue.names('costs'))})"
            continue
        try:
            check_options(constants, catalogue.declaration("costs", kind).get("options", {}), kind)
        except InputError as error:
            yield f"{key}.{error}"


def growth_problems(section: Params, space: str, key: str, declared: Params) -> Iterator[str]:
    """Searches that grow architectures, of a space that has no growth, or of a table that lacks what is on the way."""
    if declared.get("growth") and not spaces.has_growth(spaces.load(space)):
        yield f"{key}: architectures of {space} do not grow step by step; remove it"
    if declared.get("growth") and section["candidates"] != "space":
        yield f"{key}: it grows architectures of the whole space; write candidates: space, or remove it"


def lesson_problems(key: str, search: Params, declared: Params) -> Iterator[str]:
    """A supernet that is to learn nothing, or both a task and labels."""
    if declared.get("trains") and ("task" in search) == ("dataset" in search):
        yield f"{key}: name either the regression task that the supernet learns, or a labelled dataset"


def scorer_problems(section: Params, key: str, scored: Params) -> Iterator[str]:
    """Names in `by` that are of no proxy, aggregate or benchmark; a protocol that none of them would take."""
    known = [*section["train_proxy"]["proxies"], *section["aggregate"], scorers.BENCHMARK]
    for name in scorers.names(scored.get("by", [])):
        if (cost := scorers.cost(name)) is not None:
            if cost not in known_costs():
                yield f"{key}.by: {cost!r} is no cost (known: {', '.join(known_costs())})"
        elif name not in known and scorers.column(section, name) is None:
            yield f"{key}.by: {name!r} is no proxy, aggregate or benchmark (known: {', '.join(known)})"
    if "by" in scored and "protocol" in scored and not own_proxies(section, scored["by"]):
        yield f"{key}.protocol: nothing that `by` names takes another protocol; remove it"


def objective_problems(section: Params, space: str, key: str, search: Params) -> Iterator[str]:
    """Columns that no source of the benchmark has, or one objective under two names."""
    names = scorers.names(search.get("by", []))
    columns = [scorers.column(section, name) for name in names]
    explicit = [column for column, name in zip(columns, names, strict=True) if name != scorers.BENCHMARK]
    asked = {"by": explicit, "target": [search.get("target")]}  # the stage `sample` checks the space's own target
    known = [
        name for source in section["download"]["sources"] for name in benchmarks.load_source(space, source).TARGETS
    ]
    for own, named in asked.items():
        if unknown := [column for column in named if column and column not in known]:
            closest = ", ".join(get_close_matches(unknown[0], known, n=3, cutoff=0))
            yield f"{key}.{own}: no source has a column {unknown[0]!r}; the closest are {closest}"
    objectives = [column or name for column, name in zip(columns, names, strict=True)]
    if repeated := [one for one in objectives if objectives.count(one) > 1]:
        yield f"{key}.by: {repeated[0]!r} is named twice; remove one"


def prior_problems(section: Params, key: str, search: Params) -> Iterator[str]:
    """A prior that is no proxy or aggregate, or not without labels."""
    known = [*section["train_proxy"]["proxies"], *section["aggregate"]]
    if (prior := search.get("prior", known[0])) not in known:
        yield f"{key}.prior: {prior!r} is no proxy or aggregate (known: {', '.join(known)})"
    elif prior in section["aggregate"] and scorers.learns_labels(section["aggregate"][prior]):
        yield f"{key}.prior: {prior} learns from labels, which would not count as queries; name one that needs none"
    else:
        proxies = section["train_proxy"]["proxies"]
        for member in scorers.proxies(section, prior):
            if proxies[member].get("task") == "searched":
                yield (
                    f"{key}.prior: the task of {member} was found with labels, which would not count as queries; "
                    "name a prior without it"
                )


def encoded_problems(section: Params, space: str, key: str, search: Params) -> Iterator[str]:
    """A learned encoding that is not there, or not of all candidates."""
    if "encoding" not in search:
        return
    if (name := search["encoding"]) not in section["encode"]:
        known = ", ".join(section["encode"]) or "none"
        yield f"{key}.encoding: {name!r} is none of the space's encodings (known: {known}); add it to encode"
    if section["search_architecture"]["candidates"] == "space" and not hasattr(spaces.load(space), "all_architectures"):
        yield f"{key}.encoding: architectures outside the benchmark have no vector; write candidates: benchmark"


def halving_problems(params: Params, space: str, key: str, search: Params) -> Iterator[str]:
    """Successive halving of what does not train, or whose losses during training say nothing of its score."""
    if "halving" not in search:
        return
    proxy = params[space]["train_proxy"]["proxies"].get(search["by"]) if isinstance(search["by"], str) else None
    if proxy is None or not trains(proxy["kind"]):
        yield f"{key}.halving: only the trainings of one proxy can be halved; remove it"
        return
    protocol = halved_protocol(params[space], search)
    if params["protocols"].get(protocol, {}).get("readout") == "evaluation":
        yield (
            f"{key}.halving: {protocol} scores in evaluation mode, and losses in training mode do not compare "
            "with that; remove it, for whole trainings"
        )


def halved_protocol(section: Params, search: Params) -> str:
    """The name of the protocol of the one proxy that scores a search."""
    own = section["train_proxy"]
    name: str = search.get("protocol") or own["proxies"][search["by"]].get("protocol", own["protocol"])
    return name


def finals_problems(params: Params, space: str) -> Iterator[str]:
    """Finals of searches that are not there, by what is not there."""
    finals, searches = params[space]["finals"], params[space]["search_architecture"]["searches"]
    for name in finals["of"]:
        if name not in searches:
            yield f"finals.of: there is no search {name!r}, only {', '.join(searches)}"
    yield from scorer_problems(params[space], "finals", finals)
    if finals["by"] in params[space]["aggregate"]:
        yield "finals.by: an aggregate ranks among repetition 0 of the sample, and finals score others; name a proxy"


def trains(kind: str) -> bool:
    """Whether a kind of proxy trains networks."""
    return bool(catalogue.declaration("proxies", kind).get("trains"))


def own_proxies(section: Params, by: Any) -> list[str]:
    """The kinds of the proxies that `by` names itself, not as members of an aggregate, and that need a protocol."""
    proxies = section["train_proxy"]["proxies"]
    kinds = [proxies[name]["kind"] for name in scorers.names(by) if name in proxies]
    return list(filter(scorers.needs_protocol, kinds))
