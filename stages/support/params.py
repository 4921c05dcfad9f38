"""params.yaml: read, checked against its schema, and explained.

`python -m stages.support.params` checks params.yaml; with `--docs` it prints docs/parameters.md.
Imports nothing heavy: the Snakefile reads this at every start.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import ValidationError
from jsonschema.exceptions import relevance

from gennas import benchmarks
from gennas.errors import InputError
from gennas.files.documents import read_yaml, violations
from stages.support.protocols import OF_SEQUENCES, TRAINING, WITHOUT_PROTOCOL

ROOT = Path(__file__).parent.parent.parent
SPACES, PROXIES = ROOT / "gennas" / "spaces", ROOT / "gennas" / "proxies"
#: Spaces with a supernet, for NASI's search.
SUPERNETS = tuple(sorted(file.parent.name for file in SPACES.glob("*/supernet.py")))
#: What sources of ground truth were called as the one of `download.source`.
RENAMED_SOURCES = {
    "gennas": ["gennas-nasbench101"],
    "official": ["nasbench101"],
    "cifar10": ["nds-cifar10"],
    "imagenet": ["nds-imagenet"],
    "ptb": ["nasbench-nlp"],
    "ptb+wikitext2": ["nasbench-nlp", "nasbench-nlp-wikitext2"],
}
#: Labelled images for retraining (`gennas.data.images`, which takes long to import).
IMAGE_DATASETS = ("digits", "cifar10", "cifar10_subset")
SCHEMA = ROOT / "workflow" / "schemas" / "params.schema.yaml"


@cache
def load_schema() -> dict[str, Any]:
    schema: dict[str, Any] = read_yaml(SCHEMA)
    return schema


def describe(error: ValidationError, path: Path) -> str:
    """One line: the file, the key, its value, what is allowed."""
    key = ".".join(str(part) for part in error.absolute_path) or "the file"
    if error.validator in ("additionalProperties", "required", "type", "minProperties"):
        return f"{path}: {key}: {error.message}"
    allowed = error.validator_value
    schema = error.schema if isinstance(error.schema, dict) else {}
    meaning = " ".join(schema.get("description", "").split())
    return f"{path}: {key}: {error.instance!r} is not allowed ({error.validator}: {allowed}). {meaning}".strip()


def check(params: Any, path: Path) -> None:
    """Raise an InputError for the most telling violation of the schema, or for the first thing it cannot say."""
    check_renamed(params, path)
    if errors := violations(params, load_schema()):
        raise InputError(describe(max(errors, key=relevance), path))
    for key in params.keys() - {"base", "protocols"}:
        if not (SPACES / key / "__init__.py").is_file() or key == "common":
            known = ", ".join(sorted({file.parent.name for file in SPACES.glob("[a-z]*/__init__.py")} - {"common"}))
            raise InputError(f"{path}: {key}: there is no search space of this name (known: {known})")
    for space in params["base"]["spaces"]:
        if space not in params:
            raise InputError(f"{path}: base.spaces: {space!r} has no section of its own; add one, or take it out")
        check_sources(params[space], path, space)
        check_protocols(params, path, space)
        check_kinds(params[space], path, space)
        check_aggregates(params[space], path, space)
        check_rungs(params, path, space)
        check_nasi(params[space], path, space)
        check_tasks(params[space], path, space)
        check_dataset(params[space], path, space)
    for key, value, other, limit in limits(params):
        if value > limit:
            raise InputError(f"{path}: {key}: {value} is more than {other}, {limit}; lower it")


def check_renamed(params: Any, path: Path) -> None:
    """Raise an InputError for the one `source` that a space used to have: it is a list now."""
    for space, section in params.items() if isinstance(params, dict) else ():
        download = section.get("download") if isinstance(section, dict) else None
        if isinstance(download, dict) and isinstance(old := download.get("source"), str):
            new = ", ".join(RENAMED_SOURCES.get(old, [old]))
            raise InputError(f"{path}: {space}.download.source: it is a list now; write sources: [{new}]")


def limits(params: dict[str, Any]) -> Iterator[tuple[str, int, str, int]]:
    """What the schema cannot say: a key, its value, and what it may not exceed."""
    for name, protocol in params["protocols"].items():
        if "iterations" in protocol:
            yield f"protocols.{name}.readout_window", protocol["readout_window"], "iterations", protocol["iterations"]
    for space in params["base"]["spaces"]:
        search, budget = params[space]["search_architecture"], params[space]["search_task"]["budget"]
        yield f"{space}.search_task.budget.tournament", budget["tournament"], "population", budget["population"]
        yield f"{space}.search_architecture.tournament", search["tournament"], "population", search["population"]
        yield f"{space}.search_architecture.population", search["population"], "evaluations", search["evaluations"]
        iterations = params["protocols"][search["protocol"]]["iterations"]
        yield from ((f"{space}.search_architecture.rungs", rung, "iterations", iterations) for rung in search["rungs"])


def of_sequences(section: dict[str, Any]) -> bool:
    """Whether a space's networks read sequences: there are no images then."""
    return bool(section["download"]["images"] == "none")


def kind(sequences: bool) -> str:
    """What a space is, and how it is told."""
    return "sequences, as download.images is none" if sequences else "images; for sequences set download.images: none"


def check_kinds(section: dict[str, Any], path: Path, space: str) -> None:
    """Raise an InputError for a kind of proxy that is not there, or not for what the space's networks read."""
    every = sorted(file.stem for file in PROXIES.glob("[!_]*.py"))
    known = OF_SEQUENCES if of_sequences(section) else every
    for name, proxy in section["train_proxy"]["proxies"].items():
        if proxy["kind"] not in known:
            raise InputError(
                f"{path}: {space}.train_proxy.proxies.{name}.kind: {proxy['kind']} is not a proxy of "
                f"{kind(of_sequences(section))} (choose one of {', '.join(known)})"
            )


def named_protocols(section: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """A space's keys that name a protocol, the name, and whether networks are trained by it."""
    for name, proxy in section["train_proxy"]["proxies"].items():
        if proxy["kind"] not in WITHOUT_PROTOCOL:
            own = f"train_proxy.proxies.{name}.protocol" if "protocol" in proxy else "train_proxy.protocol"
            yield own, proxy.get("protocol", section["train_proxy"]["protocol"]), proxy["kind"] in TRAINING
    yield "train_proxy.protocol", section["train_proxy"]["protocol"], False
    for stage in ("search_task", "search_architecture"):
        yield f"{stage}.protocol", section[stage]["protocol"], True
    yield "search_architecture.finals.protocol", section["search_architecture"]["finals"]["protocol"], True
    if nasi := section["search_architecture"].get("nasi"):
        yield "search_architecture.nasi.protocol", nasi["protocol"], False


def check_protocols(params: dict[str, Any], path: Path, space: str) -> None:
    """Raise an InputError for a protocol that is not there, or not for what it is to be used for."""
    sequences = of_sequences(params[space])
    for key, name, trains in named_protocols(params[space]):
        if name not in params["protocols"]:
            known = ", ".join(params["protocols"])
            raise InputError(f"{path}: {space}.{key}: there is no protocol {name!r}, only {known}")
        if sequences == ("resolution" in params["protocols"][name]):
            raise InputError(f"{path}: {space}.{key}: {name} is not for {kind(sequences)}")
        if trains and "iterations" not in params["protocols"][name]:
            raise InputError(f"{path}: {space}.{key}: {name} does not say how to train; name one with iterations")


def check_aggregates(section: dict[str, Any], path: Path, space: str) -> None:
    """Raise an InputError for a combination of what is no proxy, or with the name of one."""
    proxies = section["train_proxy"]["proxies"]
    for name, aggregate in section["aggregate"].items():
        if name in proxies:
            raise InputError(f"{path}: {space}.aggregate.{name}: a proxy has this name; choose another")
        for member in aggregate["members"]:
            if member not in proxies:
                known = ", ".join(proxies)
                raise InputError(f"{path}: {space}.aggregate.{name}: there is no proxy {member!r}, only {known}")
            if aggregate["kind"] == "fit" and proxies[member].get("task") == "searched":
                raise InputError(
                    f"{path}: {space}.aggregate.{name}: the task of {member} was chosen on the architectures that a "
                    "fit learns from; take a member of another task"
                )


def check_sources(section: dict[str, Any], path: Path, space: str) -> None:
    """Raise an InputError for a source of ground truth that is not there, or not of this space."""
    try:
        benchmarks.check_sources(space, section["download"]["sources"])
    except InputError as error:
        raise InputError(f"{path}: {space}.download.sources: {error}") from error


def check_rungs(params: dict[str, Any], path: Path, space: str) -> None:
    """Raise an InputError for rungs under a readout that has no number for a training that ended there."""
    search = params[space]["search_architecture"]
    if search["rungs"] and params["protocols"][search["protocol"]]["readout"] == "evaluation":
        raise InputError(
            f"{path}: {space}.search_architecture.rungs: {search['protocol']} scores in evaluation mode, and losses "
            "in training mode do not compare with that; set [] for whole trainings"
        )


def check_nasi(section: dict[str, Any], path: Path, space: str) -> None:
    """Raise an InputError for a search of NASI where there is no supernet, or not of the whole space."""
    search = section["search_architecture"]
    if "nasi" in search and space not in SUPERNETS:
        known = ", ".join(SUPERNETS)
        raise InputError(f"{path}: {space}.search_architecture.nasi: there is a supernet of {known} only; remove it")
    if "nasi" in search and search["over"] != "space":
        raise InputError(
            f"{path}: {space}.search_architecture.nasi: its supernet is of the whole space; set over: space"
        )


def check_tasks(section: dict[str, Any], path: Path, space: str) -> None:
    """Raise an InputError for a task file that is not there, or not for what the space's networks read."""
    sequences = of_sequences(section)
    proxies = section["train_proxy"]["proxies"]
    named = {f"train_proxy.proxies.{name}": proxy.get("task") for name, proxy in proxies.items()}
    named["search_architecture"] = section["search_architecture"]["task"]
    for key, task in named.items():
        if task in (None, "searched"):
            continue
        if not Path(task).is_file():
            raise InputError(f"{path}: {space}.{key}.task: there is no file {task}; see tasks/")
        content = read_yaml(Path(task))
        if sequences != (isinstance(content, dict) and "dimension" in content):  # only tasks on sequences have one
            raise InputError(f"{path}: {space}.{key}.task: {task} is not for {kind(sequences)}")


def check_dataset(section: dict[str, Any], path: Path, space: str) -> None:
    """Raise an InputError for data to retrain on that are not there, or not what the space's networks read."""
    dataset = section["retrain"]["dataset"]
    if of_sequences(section):
        if dataset != "descriptions" and not Path(dataset).is_dir():
            raise InputError(f"{path}: {space}.retrain.dataset: there is no folder {dataset}; or set descriptions")
    elif dataset not in IMAGE_DATASETS:
        raise InputError(f"{path}: {space}.retrain.dataset: {dataset!r} is not one of {', '.join(IMAGE_DATASETS)}")


def load(path: Path = Path("params.yaml")) -> dict[str, Any]:
    """The checked parameters."""
    params = read_yaml(path)
    check(params, path)
    return dict(params)


def document(schema: dict[str, Any], definitions: dict[str, Any], key: str = "") -> Iterator[str]:
    """Markdown table rows for a schema, depth first."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].split("/")[-1]]
    if key:
        limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
        allowed = [f"`{value}`" for value in schema.get("enum", [])]
        allowed += [f"{sign} {schema[name]}" for name, sign in limits.items() if name in schema]
        allowed += [f"multiple of {schema['multipleOf']}"] if "multipleOf" in schema else []
        allowed += [f"`{value}`" for value in schema.get("items", {}).get("enum", [])]
        kind = ", ".join(allowed) or schema.get("type", "")
        yield f"| `{key}` | {kind} | {' '.join(schema.get('description', '').split())} |"
    for name, child in schema.get("properties", {}).items():
        yield from document(child, definitions, f"{key}.{name}" if key else name)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from document(schema["additionalProperties"], definitions, f"{key}.<name>" if key else "<space>")


def documentation() -> str:
    """docs/parameters.md."""
    schema = load_schema()
    head = (
        "# Parameters\n\nGenerated from `workflow/schemas/params.schema.yaml` by "
        "`python -m stages.support.params --docs > docs/parameters.md`; a test fails when it drifts.\n\n"
        "| key | allowed | meaning |\n| --- | --- | --- |\n"
    )
    return head + "\n".join(document(schema, schema["$defs"])) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, nargs="?", default=Path("params.yaml"))
    parser.add_argument("--docs", action="store_true", help="print docs/parameters.md")
    args = parser.parse_args()
    if args.docs:
        print(documentation(), end="")
        return
    try:
        load(args.path)
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"{args.path}: good")


if __name__ == "__main__":
    main()
