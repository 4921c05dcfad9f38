"""What code a job runs, as a hash that Snakemake tracks.

A stage that DVC knows is judged by the rooms that dvc.yaml names among its deps: folders and files of `gennas/`,
`stages/` and `workflow/`. What is expensive and Snakemake's alone (shards, units) is judged more finely, by the modules
that it imports, directly or not.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import yaml

from gennas import catalogue

ROOT = Path(__file__).parent.parent
FOLDERS = ("gennas", "stages", "workflow")


@cache
def declared_deps() -> dict[str, list[str]]:
    """The deps of every stage in dvc.yaml; `${item}` stands for a space."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["stages"]
    return {name: stage["do"]["deps"] for name, stage in stages.items()}


def rooms(stage: str, space: str) -> list[str]:
    """The folders and files of code that dvc.yaml names for a stage."""
    deps = [dep.replace("${item}", space) for dep in declared_deps()[stage]]
    return [dep for dep in deps if dep.split("/")[0] in FOLDERS]


@cache
def of_rooms(stage: str, space: str) -> str:
    """A hash of every file in the rooms of a stage."""
    return digest(path for room in rooms(stage, space) for path in files_in(room))


@cache
def files_in(room: str) -> list[str]:
    """The files of a room, as DVC counts them: without what Python and editors leave there (`.dvcignore`)."""
    path = ROOT / room
    found = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sorted(str(each.relative_to(ROOT)) for each in found if is_source(each))


def is_source(path: Path) -> bool:
    """Whether a file is none of what Python and editors leave beside the sources."""
    return "__pycache__" not in path.parts and not path.name.startswith(".") and not path.name.endswith("~")


@cache
def of_modules(stage: str, *loaded: str) -> str:
    """A hash of the modules of `modules`."""
    return digest(modules(stage, *loaded))


def digest(paths: Iterable[str]) -> str:
    """A hash of files, names and content."""
    content = hashlib.sha256()
    for path in paths:
        content.update(path.encode() + b"\0" + (ROOT / path).read_bytes())
    return content.hexdigest()


def modules(stage: str, *loaded: str) -> list[str]:
    """Every source file that a stage runs, sorted, and the rule file.

    `loaded` names modules or packages that are imported by name at run time, such as "gennas/spaces/nasbench201".
    """
    waiting = ["stages/__init__.py", *module_files(f"stages/{stage}")]
    waiting += [path for name in loaded for path in module_files(name)]
    seen = {f"workflow/rules/{stage}.smk"}
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += imports(module)
    return sorted(seen)


def scoring_modules(space: str, kinds: Iterable[str]) -> list[str]:
    """The modules that scoring with some kinds of proxies imports by name."""
    family = catalogue.declaration("spaces", space)["family"]
    rooms = {room for kind in kinds for room in catalogue.declaration("proxies", kind).get("per_family", [])}
    by_family = [f"gennas/{room}/{family}" for room in sorted(rooms)]
    return [f"gennas/spaces/{space}", *(f"gennas/proxies/{kind}" for kind in sorted(kinds)), *by_family]


def module_files(name: str) -> list[str]:
    """The file of a module, or those of a package, and what runs before it: the packages that it is in."""
    single = ROOT / f"{name}.py"
    own = [single] if single.is_file() else sorted((ROOT / name).glob("*.py"))
    parents = [parent / "__init__.py" for parent in (ROOT / name).parents if parent.is_relative_to(ROOT)]
    return [str(path.relative_to(ROOT)) for path in [*own, *filter(Path.is_file, parents)]]


@cache
def imports(module: str) -> frozenset[str]:
    """The files (relative to the project) that a file's import statements name, within `gennas` and `stages`."""
    names: set[str] = set()
    for node in executed(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names if name.split(".")[0] in ("gennas", "stages")]
    # Importing a.b.c runs a/__init__.py and a/b/__init__.py, too.
    paths = {"/".join(path[:depth]) for path in parts for depth in range(1, len(path) + 1)}
    found = {f"{path}.py" for path in paths} | {f"{path}/__init__.py" for path in paths}
    return frozenset(path for path in found if (ROOT / path).is_file())


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but what only a type checker reads."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from executed(child)
