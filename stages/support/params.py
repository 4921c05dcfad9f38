"""params.yaml: read, and checked.

`python -m stages.support.params` checks params.yaml; with `--docs` it prints docs/parameters.md. `schema` says what
each key may be; here is what depends on several of them. Imports nothing heavy, for the Snakefile reads this at every
start.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from gennas import benchmarks, catalogue, spaces
from gennas.errors import InputError
from gennas.files.documents import read_yaml
from gennas.regression.genes import PUBLISHED, check_family, load_task
from stages.support import old_keys, schema, scorers
from stages.support.search_params import finals_problems, halved_protocol, own_proxies, search_problems, trains

Params = Mapping[str, Any]
#: The task that search_task finds.
SEARCHED = "searched"


def load(path: Path = Path("params.yaml")) -> dict[str, Any]:
    """The checked parameters."""
    params = read_yaml(path)
    check(params, path)
    return dict(params)


def check(params: Any, path: Path) -> None:
    """Raise an InputError for an old key, for the most telling violation of the schema, or for what it cannot say."""
    old_keys.check(params, path)
    schema.check_schema(params, schema.load_schema(), path)
    for key in params.keys() - {"base", "protocols"}:
        if key not in spaces.NAMES:
            known = ", ".join(spaces.NAMES)
            raise InputError(f"{path}: {key}: there is no search space of this name (known: {known})")
    for space in params["base"]["spaces"]:
        if space not in params:
            raise InputError(f"{path}: base.spaces: {space!r} has no section of its own; add one, or take it out")
    for space in params["base"]["spaces"]:
        for problem in space_problems(params, path, space):
            raise InputError(f"{path}: {problem}")
    for key, value, other, limit in limits(params):
        if value > limit:
            raise InputError(f"{path}: {key}: {value} is more than {other}, {limit}; lower it")


def space_problems(params: Params, path: Path, space: str) -> Iterator[str]:
    """What is wrong with the section of a space, first things first."""
    section = params[space]
    try:
        benchmarks.check_sources(space, section["download"]["sources"])
    except InputError as error:
        yield f"{space}.download.sources: {error}"
    for room, key, plug_ins in plug_in_sections(section):
        for name, own in plug_ins.items():
            schema.check_section(own, room, f"{space}.{key}.{name}", path)
    each = (
        input_problems, proxy_problems, aggregate_problems, encoding_problems, search_problems, finals_problems,
        protocol_problems, task_problems, dataset_problems,
    )  # fmt: skip
    for problems in each:
        yield from (f"{space}.{problem}" for problem in problems(params, space))


def plug_in_sections(section: Params) -> Iterator[tuple[str, str, Params]]:
    """The room, the key, and the named sections of each kind of plug-in of a space."""
    yield "proxies", "train_proxy.proxies", section["train_proxy"]["proxies"]
    yield "aggregates", "aggregate", section["aggregate"]
    yield "encodings", "encode", section["encode"]
    yield "searches", "search_architecture.searches", section["search_architecture"]["searches"]


def family_of(space: str) -> tuple[str, Params]:
    """What the networks of a space read, and what is declared of that."""
    family = catalogue.declaration("spaces", space)["family"]
    return family, catalogue.declaration("families", family)


def input_problems(params: Params, space: str) -> Iterator[str]:
    """Images that no network of the space reads, or none where they do."""
    images = params[space]["download"]["images"]
    family, declared = family_of(space)
    if "inputs" in declared and images == "none":
        yield f"download.images: none, but the networks of {space} read {family}; choose some"
    if "inputs" not in declared and images != "none":
        yield f"download.images: {images}, but the networks of {space} read {family}; write none"


def proxy_problems(params: Params, space: str) -> Iterator[str]:
    """Proxies that are not for what the networks of the space read."""
    family, _ = family_of(space)
    known = catalogue.names("proxies", family)
    for name, proxy in params[space]["train_proxy"]["proxies"].items():
        if name == scorers.BENCHMARK:
            yield f"train_proxy.proxies.{name}: this name is the ground truth's; choose another"
        if proxy["kind"] not in known:
            yield (
                f"train_proxy.proxies.{name}.kind: {proxy['kind']} is not a proxy for {family} "
                f"(choose one of {', '.join(known)})"
            )


def aggregate_problems(params: Params, space: str) -> Iterator[str]:
    """Combinations of what is no proxy, or with the name of one, or that would learn from what chose a task."""
    proxies = params[space]["train_proxy"]["proxies"]
    for name, aggregate in params[space]["aggregate"].items():
        if name in proxies or name == scorers.BENCHMARK:
            yield f"aggregate.{name}: a proxy, or the ground truth, has this name; choose another"
        for member in aggregate["members"]:
            if member not in proxies:
                yield f"aggregate.{name}: there is no proxy {member!r}, only {', '.join(proxies)}"
            elif scorers.learns_labels(aggregate) and proxies[member].get("task") == SEARCHED:
                yield (
                    f"aggregate.{name}: the task of {member} was chosen on the architectures that {aggregate['kind']} "
                    "learns from; take a member of another task"
                )


def encoding_problems(params: Params, space: str) -> Iterator[str]:
    """Encodings of a space whose graphs no encoder can read."""
    for name in params[space]["encode"]:
        if not hasattr(spaces.load(space), "LABELS"):
            yield f"encode.{name}: the graphs of {space} cannot be encoded, since it declares no LABELS; remove it"


def named_protocols(section: Params) -> Iterator[tuple[str, str, bool]]:
    """A space's keys that name a protocol, the name, and whether networks are trained by it."""
    proxies = section["train_proxy"]["proxies"]
    for name, proxy in proxies.items():
        if scorers.needs_protocol(proxy["kind"]):
            own = f"train_proxy.proxies.{name}.protocol" if "protocol" in proxy else "train_proxy.protocol"
            yield own, proxy.get("protocol", section["train_proxy"]["protocol"]), trains(proxy["kind"])
    yield "train_proxy.protocol", section["train_proxy"]["protocol"], False
    yield "search_task.protocol", section["search_task"]["protocol"], True
    for name, search in section["search_architecture"]["searches"].items():
        yield from scoring_protocol(section, f"search_architecture.searches.{name}", search)
    yield from scoring_protocol(section, "finals", section["finals"])


def scoring_protocol(section: Params, key: str, scored: Params) -> Iterator[tuple[str, str, bool]]:
    """The same of what `by` scores, or of a search that scores nothing and builds networks itself."""
    if "protocol" in scored:
        named = own_proxies(section, scored.get("by", []))
        by_itself = "kind" in scored and catalogue.declaration("searches", scored["kind"]).get("trains", False)
        yield f"{key}.protocol", scored["protocol"], by_itself or any(trains(kind) for kind in named)


def protocol_problems(params: Params, space: str) -> Iterator[str]:
    """Protocols that are not there, or not for what they are to be used for."""
    for key, name, training in named_protocols(params[space]):
        if name not in params["protocols"]:
            yield f"{key}: there is no protocol {name!r}, only {', '.join(params['protocols'])}"
            continue
        for problems in (family_problems, resolution_problems):
            yield from (f"{key}: {problem}" for problem in problems(params["protocols"][name], name, space))
        if training and "iterations" not in params["protocols"][name]:
            yield f"{key}: {name} does not say how to train; name one with iterations"


def family_problems(protocol: Params, name: str, space: str) -> Iterator[str]:
    """Fields of a protocol that the family of a space needs, or that only another one has."""
    family, declared = family_of(space)
    needed = declared.get("protocol", [])
    every = [catalogue.declaration("families", one).get("protocol", []) for one in catalogue.names("families")]
    for field in chain.from_iterable(every):
        if (field in needed) != (field in protocol):
            verb = "needs" if field in needed else "has"
            yield f"{name} is not for {family}, which the networks of {space} read: it {verb} {field}"


def resolution_problems(protocol: Params, name: str, space: str) -> Iterator[str]:
    """Images that networks of the space cannot halve as often as they do."""
    multiple = getattr(spaces.load(space), "SIDE_MULTIPLE", spaces.SIDE_MULTIPLE)
    resolution = protocol.get("resolution", multiple)
    if any(side % multiple for side in ([resolution] if isinstance(resolution, int) else resolution)):
        yield f"{name} has resolution {resolution}, but networks of {space} need multiples of {multiple}"


def task_problems(params: Params, space: str) -> Iterator[str]:
    """Tasks that are not there, or not for what the networks of the space read."""
    family, _ = family_of(space)
    for key, named in (
        ("train_proxy.proxies", params[space]["train_proxy"]["proxies"]),
        ("search_architecture.searches", params[space]["search_architecture"]["searches"]),
    ):
        for name, section in named.items():
            if (task := section.get("task", SEARCHED)) != SEARCHED:
                try:
                    check_family(load_task(task), family)
                except InputError as error:
                    yield f"{key}.{name}.task: {task}: {error}"


def dataset_problems(params: Params, space: str) -> Iterator[str]:
    """Data to retrain on that are not there, or not for the networks of the space."""
    dataset, (_, declared) = params[space]["retrain"]["dataset"], family_of(space)
    data = catalogue.declaration("data", declared["labelled"])
    if dataset in data["labelled"] or ("folder" in data and Path(dataset).is_dir()):
        return
    known = ", ".join(data["labelled"]) + (f", or {data['folder']}" if "folder" in data else "")
    yield f"retrain.dataset: {dataset!r} is not one of {known}"


def limits(params: Params) -> Iterator[tuple[str, int, str, int]]:
    """What the schema cannot say: a key, its value, and what it may not exceed."""
    for name, protocol in params["protocols"].items():
        if "iterations" in protocol:
            yield f"protocols.{name}.readout_window", protocol["readout_window"], "iterations", protocol["iterations"]
    for space in params["base"]["spaces"]:
        budget = params[space]["search_task"]["budget"]
        yield f"{space}.search_task.budget.tournament", budget["tournament"], "population", budget["population"]
        for name, search in params[space]["search_architecture"]["searches"].items():
            yield from search_limits(params, space, f"{space}.search_architecture.searches.{name}", search)


def search_limits(params: Params, space: str, key: str, search: Params) -> Iterator[tuple[str, int, str, int]]:
    """The same of a search: the pairs that its kind declares, and the rungs of halving."""
    pairs = {"batch": "evaluations", **catalogue.declaration("searches", search["kind"]).get("at_most", {})}
    for name, other in pairs.items():
        if name in search and other in search:
            yield f"{key}.{name}", search[name], other, search[other]
    if "halving" in search:
        protocol = params["protocols"][halved_protocol(params[space], search)]
        for rung in search["halving"]["rungs"]:
            yield f"{key}.halving.rungs", rung, "iterations", protocol["iterations"]


def task_file(task: str, space: str) -> str:
    """The file of a task that params.yaml names, relative to the project."""
    if task == SEARCHED:
        return f"results/{space}/task_search/best_task.yaml"
    return task if "/" in task else str((PUBLISHED / f"{task}.yaml").relative_to(schema.ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, nargs="?", default=Path("params.yaml"))
    parser.add_argument("--docs", action="store_true", help="print docs/parameters.md")
    args = parser.parse_args()
    if args.docs:
        print(schema.documentation(), end="")
        return
    try:
        load(args.path)
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"{args.path}: good")


if __name__ == "__main__":
    main()
