"""`python -m workflow.study`: a study runs in a folder of its own and leaves its findings beside its parameters."""

import json
import shutil

import pytest
from conftest import TOY

from gennas.errors import InputError
from workflow import study as studies


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A folder of studies with one that is called toy."""
    monkeypatch.setattr(studies, "STUDIES", tmp_path / "studies")
    monkeypatch.setattr(studies, "RUNS", tmp_path / "runs")
    (tmp_path / "studies" / "toy").mkdir(parents=True)
    shutil.copy2(TOY, tmp_path / "studies" / "toy")
    return tmp_path


def test_what_a_study_found_is_written_beside_its_parameters(toy, finished, monkeypatch):
    """It has been run before, and so there is nothing to compute."""
    shutil.copytree(finished.folder, toy / "runs" / "toy", symlinks=True)
    monkeypatch.setenv("PATH", finished.environment()["PATH"])
    before = {path: path.stat().st_mtime_ns for path in (toy / "runs/toy/results").rglob("*.parquet")}
    assert studies.run("toy", ["--cores", "1", "--quiet", "all"]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (toy / "runs/toy/results").rglob("*.parquet")}
    metrics = json.loads((toy / "studies/toy/metrics.json").read_text())
    assert metrics["nasbench201"]["single"]["architectures"] == 6
    lines = (toy / "studies/toy/results.md").read_text().splitlines()
    assert lines[0].startswith("| space | target | proxy | rho")
    assert any(line.startswith("| nasbench201 | cifar10 accuracy percent | single | ") for line in lines)
    assert "search_architecture@nasbench201" in (toy / "studies/toy/dvc.lock").read_text()


def test_a_failed_run_publishes_nothing(toy, finished, monkeypatch):
    monkeypatch.setenv("PATH", finished.environment()["PATH"])
    assert studies.run("toy", ["--cores", "1", "no_such_target"]) != 0
    assert {path.name for path in (toy / "studies/toy").iterdir()} == {"params.yaml"}


def test_a_part_of_a_study_publishes_nothing(toy, finished, monkeypatch, capsys):
    monkeypatch.setenv("PATH", finished.environment()["PATH"])
    assert studies.run("toy", ["--cores", "1", "--quiet", "all", "--until", "download"]) == 0
    assert "not complete" in capsys.readouterr().out
    assert {path.name for path in (toy / "studies/toy").iterdir()} == {"params.yaml"}


def test_a_second_call_beside_a_running_one_is_refused(toy):
    with studies.claim(toy / "runs" / "toy"), pytest.raises(InputError, match="already running"):
        studies.run("toy", ["-n"])


def test_an_unknown_study_lists_the_known_ones(toy):
    with pytest.raises(InputError, match=r"rumour.*studies: toy"):
        studies.run("rumour", [])


@pytest.mark.parametrize("name", sorted(path.parent.name for path in studies.STUDIES.glob("*/params.yaml")))
def test_every_study_is_valid(name):
    params = studies.STUDIES / name / "params.yaml"
    assert studies.summary.study_params.load(params)["base"]["spaces"]
