"""Imports run one way: from each room to those below it, so that the library stands without the pipeline."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
#: A room imports itself and what stands above it in this list, nothing below and nothing of its own line.
ROOMS = (
    ("gennas.errors",),
    ("gennas.seeds", "gennas.targets", "gennas.catalogue", "gennas.devices"),
    ("gennas.stats",),
    ("gennas.files",),
    ("gennas.data", "gennas.spaces"),
    ("gennas.families",),
    ("gennas.benchmarks", "gennas.costs", "gennas.scoring"),
    ("gennas.regression",),
    ("gennas.proxies",),
    ("gennas.aggregates",),
    ("gennas.searches", "gennas.training"),
    ("gennas.encodings",),
    ("gennas.adapt",),
    ("gennas.api",),
    ("gennas",),
    ("stages.support",),
    ("stages",),
    ("workflow",),
    ("measurements",),
)
FLOORS = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
FOLDERS = ("gennas", "stages", "workflow", "measurements")
SOURCES = sorted(path for folder in FOLDERS for path in (PROJECT / folder).rglob("*.py"))


def room_of(module: str) -> str | None:
    """The room of a dotted name: the longest prefix that is one."""
    parts = module.split(".")
    prefixes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((prefix for prefix in prefixes if prefix in FLOORS), None)


def is_for_types_only(node: ast.If) -> bool:
    return ast.unparse(node.test) == "TYPE_CHECKING"


def imports(tree: ast.AST) -> Iterator[str]:
    """What a source imports, anywhere but under TYPE_CHECKING; `from a import b` as `a.b`, be that a module or not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and is_for_types_only(node):
            for branch in node.orelse:
                yield from imports(branch)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imports(node)


def arrows_up(module: str, source: str) -> list[str]:
    """The imports of a module that do not run down."""
    own = room_of(module)
    found = []
    for imported in imports(ast.parse(source)):
        other = room_of(imported)
        if own and other and other != own and FLOORS[other] >= FLOORS[own]:
            found.append(f"{module} -> {imported}: {own} may not import {other}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_imports_run_down(path):
    module = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
    assert not arrows_up(module, path.read_text(encoding="utf-8"))


def test_every_module_has_a_room():
    """A new room has to find its place in `ROOMS`."""
    inside = {
        path.relative_to(PROJECT / "gennas").parts[0].removesuffix(".py") for path in (PROJECT / "gennas").rglob("*.py")
    }
    assert {f"gennas.{name}" for name in inside - {"__init__"}} <= set(FLOORS)


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("gennas.spaces.common.nasbench201.cell", "from gennas import proxies", ["gennas.proxies"]),
        ("gennas.spaces", "def f():\n    import gennas.proxies.naswot", ["gennas.proxies"]),
        ("gennas.proxies.naswot", "from stages.support import artifacts", ["stages.support"]),
        ("gennas.searches.nasi", "from gennas.training import recipe", ["gennas.training"]),
        ("stages.support.params", "from stages.train_proxy import shard", ["stages"]),
        ("gennas.api", "from gennas import score", ["gennas"]),
        ("gennas.api", "from gennas import adapt", []),
        ("stages.train_proxy", "from stages.support import artifacts\nimport gennas", []),
        ("gennas.scoring", "if TYPE_CHECKING:\n    from gennas.proxies import x\nelse:\n    import os", []),
        ("gennas.proxies.naswot", "from gennas.proxies.common import layers\nimport torch", []),
    ],
)
def test_an_arrow_that_runs_up_is_named(module, source, expected):
    assert [arrow.rpartition(" may not import ")[2] for arrow in arrows_up(module, source)] == expected
    assert all(arrow.startswith(f"{module} -> ") for arrow in arrows_up(module, source))
