"""params.yaml: read, checked against its schema and what plug-ins declare, and explained.

`python -m stages.support.params` checks params.yaml; with `--docs` it prints docs/parameters.md.
Imports nothing heavy: the Snakefile reads this at every start.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema.exceptions import relevance

from gennas import spaces
from gennas.errors import InputError
from gennas.files.documents import read_yaml, violations
from stages.support.params_checks import CHECKS, SEARCHED, Problem, Section, Study, exceeds
from stages.support.params_old import renamed
from stages.support.params_schema import check_section, describe, load_schema


def task_file(task: str, space: str) -> str:
    """The file, from the project's folder, of a task named in params.yaml."""
    if task == SEARCHED:
        return f"results/{space}/task_search/best_task.yaml"
    return task if "/" in task else f"gennas/regression/tasks/{task}.yaml"


def check(params: Any, path: Path) -> None:
    """Raise an InputError for the most telling violation of the schema, or for the first thing it cannot say."""
    for key, fix in renamed(params):
        raise InputError(f"{path}: {key}: {fix}")
    if errors := violations(params, load_schema()):
        error = max(errors, key=relevance)
        key = ".".join(map(str, error.absolute_path)) or "the file"
        raise InputError(f"{path}: {key}: {describe(error)}")
    for key, problem in problems(params):
        raise InputError(f"{path}: {key}: {problem}")
    for space in params["base"]["spaces"]:
        check_space(Study(space, params[space], params["protocols"]), path)


def problems(params: Section) -> Iterator[Problem]:
    """What is wrong above the sections of the spaces."""
    for key in params.keys() - {"base", "protocols"}:
        if key not in spaces.NAMES:
            yield key, f"there is no search space of this name (known: {', '.join(spaces.NAMES)})"
    for space in params["base"]["spaces"]:
        if space not in params:
            yield "base.spaces", f"{space!r} has no section of its own; add one, or take it out"
    for name, protocol in params["protocols"].items():
        if "iterations" in protocol:
            key = f"protocols.{name}.readout_window"
            yield from exceeds(key, protocol["readout_window"], "iterations", protocol["iterations"])


def check_space(study: Study, path: Path) -> None:
    """Raise an InputError for the first problem of a space's section."""
    rooms = {
        ("proxies", "train_proxy.proxies"): study.proxies,
        ("aggregates", "aggregate"): study.section["aggregate"],
        ("searches", "search_architecture.searches"): study.searches,
    }
    for (room, key), sections in rooms.items():
        for name, section in sections.items():
            check_section(room, section, f"{path}: {study.space}.{key}.{name}")
    for find in CHECKS:
        for key, problem in find(study):
            raise InputError(f"{path}: {study.space}.{key}: {problem}")


def load(path: Path = Path("params.yaml")) -> dict[str, Any]:
    """The checked parameters."""
    params = read_yaml(path)
    check(params, path)
    return dict(params)


def main() -> None:
    """Check a file, or print the docs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, nargs="?", default=Path("params.yaml"))
    parser.add_argument("--docs", action="store_true", help="print docs/parameters.md")
    args = parser.parse_args()
    if args.docs:
        from stages.support.params_docs import documentation

        print(documentation(), end="")
        return
    try:
        load(args.path)
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"{args.path}: good")


if __name__ == "__main__":
    main()
