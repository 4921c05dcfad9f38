"""Which source files a stage runs: the transitive imports within the library and the stages.

Both Snakemake (as inputs) and DVC (as deps, checked by a test) learn of code changes from this.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


@cache
def imports(module: str) -> frozenset[str]:
    """The files (relative to the project) that a file's import statements name, within `gennas` and `stages`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names if name.split(".")[0] in ("gennas", "stages")]
    # Importing a.b.c runs a/__init__.py and a/b/__init__.py, too.
    paths = {"/".join(path[:depth]) for path in parts for depth in range(1, len(path) + 1)}
    found = {f"{path}.py" for path in paths} | {f"{path}/__init__.py" for path in paths}
    return frozenset(path for path in found if (ROOT / path).is_file())


@cache
def digest(stage: str, *loaded: str) -> str:
    """A hash of the content of `files`."""
    content = hashlib.sha256()
    for path in files(stage, *loaded):
        content.update(path.encode() + b"\0" + (ROOT / path).read_bytes())
    return content.hexdigest()


def module_files(stage: str) -> list[str]:
    """The file of a stage, or those of its folder."""
    single = ROOT / f"stages/{stage}.py"
    paths = [single] if single.is_file() else (ROOT / "stages" / stage).glob("*.py")
    return [str(path.relative_to(ROOT)) for path in paths]


def loaded_files(name: str) -> list[str]:
    """The file of a module, or all those of a package."""
    package = ROOT / name
    return sorted(str(path.relative_to(ROOT)) for path in package.rglob("*.py")) if package.is_dir() else [f"{name}.py"]


def files(stage: str, *loaded: str) -> list[str]:
    """The rule file of a stage and every source file it runs, sorted.

    `loaded` names modules or packages that are imported by name at run time, such as "gennas/spaces/nasbench201".
    What spaces share is counted to each of them: dvc.yaml cannot say which of them uses it.
    """
    waiting = ["stages/__init__.py", *module_files(stage)]
    waiting += [path for name in loaded for path in loaded_files(name)]
    if any(name.startswith("gennas/spaces/") for name in loaded):
        waiting += [str(path.relative_to(ROOT)) for path in (ROOT / "gennas/spaces/common").rglob("*.py")]
    seen = {f"workflow/rules/{stage}.smk"}
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += imports(module)
    return sorted(seen)
