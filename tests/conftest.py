"""A toy study, run once per session. Tests that change a study start from a copy of it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from _pytest.mark import ParameterSet
from hypothesis import settings

from workflow.study import prepare

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch starts: the tests themselves run in parallel
# Deterministic, and no deadline: the machine may be busy.
settings.register_profile("gennas", deadline=None, derandomize=True)
settings.load_profile("gennas")

PROJECT = Path(__file__).parent.parent
TOY = PROJECT / "tests" / "toy" / "params.yaml"
SPACE = "nasbench201"
RESULTS = Path("results", SPACE)
#: What time_proxies measured, which no two runs do alike, and what shows it.
MEASURED = [RESULTS / name for name in ("costs.parquet", "report.html", "figures/cost.svg")]
SHARDS = f"results/{SPACE}/scores/*/shard-*.parquet"
#: Whether the tests marked `full` run, too.
FULL = os.environ.get("GENNAS_FULL") == "1"


#: Spaces that stand for all in the quick set: one of each kind of network, and of each reader of ids.
VARIED_SPACES = {
    "flexibert", "nasbench101", "nasbench201", "nasbench_graph", "nasbench_nlp", "nds_darts", "nds_resnext_a",
}  # fmt: skip


def varied(names: Iterable[str]) -> list[ParameterSet]:
    """Spaces as parameters of an expensive test; but for `VARIED_SPACES`, marked `full`."""
    return [pytest.param(name, marks=[] if name in VARIED_SPACES else pytest.mark.full) for name in names]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked `full`; put the tests that need the toy study last, for it takes a minute to run.

    But one of them comes first, so that it is made from the beginning, while the other workers do without it.
    """
    for item in items:
        if item.get_closest_marker("full") and not FULL:
            item.add_marker(pytest.mark.skip(reason="set GENNAS_FULL=1"))
    items.sort(key=needs_toy_study)
    first = next((item for item in items if needs_toy_study(item)), None)
    if first:
        items.remove(first)
        items.insert(0, first)


def needs_toy_study(item: pytest.Item) -> bool:
    return "finished" in getattr(item, "fixturenames", ()) and not any(item.iter_markers("skip"))


@dataclass(frozen=True)
class Study:
    """A copy of the project with its own params.yaml, git and DVC; commands run as a user would run them."""

    folder: Path

    def environment(self) -> dict[str, str]:
        """The virtual environment is active; DVC's per-user files stay beside the study."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        identity = {
            f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        return {**os.environ, **identity, "PATH": path, "DVC_SITE_CACHE_DIR": str(self.folder.parent / "dvc")}

    def start(self, *command: str, **options: object) -> subprocess.Popen[str]:
        """Start a command; its output, standard error included, goes to a pipe."""
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment(), text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, **options,
        )  # fmt: skip

    def run(self, *command: str) -> tuple[int, str]:
        """A command's exit code and output."""
        process = self.start(*command)
        output, _ = process.communicate()
        return process.returncode, output

    def succeed(self, *command: str) -> str:
        """The output of a command that must succeed."""
        code, output = self.run(*command)
        assert code == 0, f"{' '.join(command)} failed:\n{output}"
        return output

    def snakemake(self, *arguments: str) -> str:
        return self.succeed("snakemake", *arguments)

    def sync(self) -> str:
        return self.succeed("python", "-m", "workflow.bridge", "sync")

    def path(self, name: str | Path) -> Path:
        return self.folder / name

    def edit(self, name: str | Path, old: str, new: str) -> None:
        """Replace a text that a file has once."""
        text = self.path(name).read_text()
        assert text.count(old) == 1, f"{name} has {old!r} {text.count(old)} times"
        self.path(name).write_text(text.replace(old, new))

    def append(self, name: str | Path, text: str) -> None:
        with self.path(name).open("a") as file:
            file.write(text)

    def results(self) -> dict[str, bytes]:
        """The content of every file in results/, shards and leftovers included, that every run makes alike."""
        files = {path.relative_to(self.folder) for path in self.path("results").rglob("*") if path.is_file()}
        return {str(name): self.path(name).read_bytes() for name in files.difference(MEASURED)}

    def times(self, pattern: str) -> dict[Path, int]:
        """The modification times of the files that match."""
        return {path.relative_to(self.folder): path.stat().st_mtime_ns for path in self.folder.glob(pattern)}

    def commit(self) -> None:
        self.succeed("git", "add", "--all")
        self.succeed("git", "commit", "--quiet", "--allow-empty", "--message", "study")

    def snakemake_would_run(self) -> set[str]:
        """The stages, downstream ones included, that `snakemake -n` lists."""
        last_table = self.snakemake("-n", "--quiet", "rules").rpartition("Job stats:")[2]
        table = last_table.rpartition("\ntotal")[0]  # a rule may be called so, too
        jobs = re.findall(r"^([a-z_]+) +\d+$", table, re.MULTILINE)
        return {re.sub("_(shard|part|unit|role)$", "", job) for job in jobs} - {"all"}

    def dvc_calls_stale(self) -> set[str]:
        """The stages that `dvc status` lists: those with a change of their own."""
        status = json.loads(self.succeed("dvc", "status", "--json").splitlines()[-1])
        return {name.split("@")[0] for name in status}

    def nothing_to_do(self) -> bool:
        return not self.snakemake_would_run() and not self.dvc_calls_stale()

    def copy(self, folder: Path) -> Self:
        """A copy with the same modification times."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return type(self)(folder)

    def reset(self, original: Study) -> None:
        """Become a copy of another study once more."""
        shutil.rmtree(self.folder)
        original.copy(self.folder)


def new_study(folder: Path, params: Path = TOY) -> Study:
    """The pipeline in a new repository, with nothing run."""
    prepare(folder, params)
    shutil.copy2(PROJECT / ".gitignore", folder)
    study = Study(folder)
    study.succeed("git", "init", "--quiet")
    study.commit()
    return study


class Feather(Study):
    """A copy of tests/feather: a workflow of shell commands behind the same bridge, which takes a second or two."""

    def environment(self) -> dict[str, str]:
        """What the bridge imports from the project is found there."""
        return {**super().environment(), "PYTHONPATH": str(PROJECT)}


def new_feather(folder: Path) -> Feather:
    """The feather workflow in a new repository, with nothing run."""
    shutil.copytree(PROJECT / "tests" / "feather", folder)
    for name in ("workflow/bridge", "workflow/profiles"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".dvc").mkdir()
    shutil.copy2(PROJECT / ".dvc" / "config", folder / ".dvc")
    (folder / ".gitignore").write_text(
        ".snakemake/\n__pycache__/\nlogs/\nscratch/\n/results/**\n!/results/total.json\n"
    )
    feather = Feather(folder)
    feather.succeed("git", "init", "--quiet")
    feather.commit()
    return feather


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills once per session, for all of pytest-xdist's workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, done = shared / name, shared / f"{name}.done"
    folder.parent.mkdir(exist_ok=True)
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The toy study after one `snakemake`. Not to be changed."""
    if "GENNAS_DEV_STUDY" in os.environ:
        return Study(Path(os.environ["GENNAS_DEV_STUDY"]))
    return Study(once(tmp_path_factory, "finished", lambda folder: new_study(folder).snakemake()))


@pytest.fixture(scope="session")
def finished_feather(tmp_path_factory: pytest.TempPathFactory) -> Feather:
    """The feather workflow after one `snakemake`. Not to be changed."""
    return Feather(once(tmp_path_factory, "feather/finished", lambda folder: new_feather(folder).snakemake()))


@pytest.fixture
def feather(finished_feather: Feather, tmp_path: Path) -> Feather:
    """A copy of the finished feather workflow."""
    return finished_feather.copy(tmp_path / "study")


@pytest.fixture(scope="module")
def own_feather(finished_feather: Feather, tmp_path_factory: pytest.TempPathFactory) -> Feather:
    """A copy of the finished feather workflow, for tests that leave no trace."""
    return finished_feather.copy(tmp_path_factory.mktemp("copy") / "study")


@pytest.fixture
def fresh_feather(tmp_path: Path) -> Feather:
    """The feather workflow before its first run."""
    return new_feather(tmp_path / "study")


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    """A copy of the finished toy study."""
    return finished.copy(tmp_path / "study")


@pytest.fixture
def fresh(tmp_path: Path) -> Study:
    """The toy study before its first run."""
    return new_study(tmp_path / "study")


@pytest.fixture(scope="session", params=[False, pytest.param(True, marks=pytest.mark.full)], ids=["some", "every"])
def every(request: pytest.FixtureRequest) -> bool:
    """Whether a comparison with a benchmark's files is made with every one of their entries, not only with some."""
    return request.param


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of benchmark files: GENNAS_MIRROR, or shared/benchmarks beside the project."""
    folder = Path(os.environ.get("GENNAS_MIRROR") or PROJECT.parent / "shared" / "benchmarks")
    if not folder.is_dir():
        message = "needs the benchmark files: set GENNAS_MIRROR to a folder that has them (nasbench201/, cifar10/)"
        pytest.fail(message) if "CI" in os.environ else pytest.skip(message)
    return folder
