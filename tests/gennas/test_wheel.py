"""The library as `pip install .` installs it: alone, with its own few dependencies, used from another folder."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPT = """
import gennas
from networks import ResNet

model = ResNet()
print(gennas.score(model, "naswot"), gennas.score(model, taps=["layer2", "layer3", "layer4"]))
assert gennas.score(model).taps == ("layer2", "layer3", "layer4")
for proxy in gennas.names("proxies", "images"):
    if proxy not in ("short_training", "vkdnw"):
        assert gennas.score(model, proxy).status == "ok", proxy
for kind in ("mean_rank", "log_rank"):
    assert len(gennas.combine({"a": [1, 2], "b": [1, 2]}, kind)) == 2
for name in gennas.names("spaces"):
    gennas.load_space(name)
for room in ("benchmarks", "searches", "tasks"):
    assert gennas.names(room)
print(len(list(gennas.search("nasbench201", "local_search", lambda ids: [0.0] * len(ids), evaluations=5))))
for call in (
    lambda: gennas.score(model, "short_training", dataset="digits"),
    lambda: gennas.combine({"a": range(9)}, "fit", quality=range(9)),
    lambda: gennas.load_benchmark("nasbench201", "nasbench201"),
):
    try:
        call()
    except gennas.InputError as error:
        print(error)
"""


def pip(python: Path | str, *arguments: str | Path) -> None:
    subprocess.run([python, "-m", "pip", "--quiet", *arguments], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: a build leaves files beside its sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, folder)
    shutil.copytree(PROJECT / "gennas", folder / "gennas", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder / "dist", folder)
    (built,) = (folder / "dist").glob("gennas-*.whl")
    return built


@pytest.mark.full
def test_the_wheel_holds_the_library_whole_and_nothing_else(wheel):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "gennas").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert inside == sources
    assert "gennas/py.typed" in inside and "gennas/regression/tasks/nasbench101.yaml" in inside


@pytest.mark.full
def test_three_lines_in_an_empty_environment(wheel, tmp_path):
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
    pip(python, "install", wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(PROJECT / "tests/networks.py", elsewhere)
    (elsewhere / "script.py").write_text(SCRIPT)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "GENNAS_MIRROR")}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    run = subprocess.run([python, "script.py"], cwd=elsewhere, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    first, searched, *needs = run.stdout.splitlines()
    assert first.count("ModelScore(score=") == 2 and searched == "5"
    assert len(needs) == 3 and all("pip install 'gennas[pipeline]'" in line for line in needs), needs
    installed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout.lower()
    assert not [name for name in ("snakemake", "dvc", "pyarrow", "requests", "scikit", "pillow") if name in installed]


def test_the_library_depends_on_five_packages():
    dependencies = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [name.split(">=")[0] for name in dependencies] == ["jsonschema", "numpy", "pyyaml", "scipy", "torch"]
