"""The bridge is a room of its own: it serves any Snakefile, and knows of GenNAS only what bridge.yaml says."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT

from gennas.errors import InputError
from workflow.bridge import layout, records

ROOM = PROJECT / "workflow" / "bridge"
#: Words of this pipeline that the bridge may not say.
OWN_WORDS = {"space", "proxy", "proxies", "shard", "shards", "scores", "aggregates", "tasks", "stages/", "gennas/"}


def words(path: Path) -> set[str]:
    """The words of the names and strings of a module, comments and imports aside."""
    tree = ast.parse(path.read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {word for text in names | strings for word in text.replace("_", " ").split()}


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.name)
def test_no_module_knows_the_pipeline(path):
    found = words(path) & OWN_WORDS
    # A disk has space.
    assert found <= {"space"}, found


def test_importing_the_bridge_is_cheap():
    """Every `snakemake`, and every job on a cluster, does so."""
    script = "import sys; import workflow.bridge, workflow.bridge.run; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", script], cwd=PROJECT, text=True).split()
    heavy = {"dvc", "snakemake", "torch", "numpy", "pyarrow", "requests", "workflow.bridge.__main__"}
    assert "workflow.bridge.checks" in loaded and not heavy & set(loaded)


def test_a_stage_is_named_by_its_rule_and_its_wildcard(finished_feather):
    """The parts of the fan-out are no stage, and not in dvc.lock."""
    lock = finished_feather.path("dvc.lock").read_text()
    assert yaml.safe_load(lock)["stages"].keys() == {"draw@a", "square@a", "total"}
    assert "parts/" not in lock


def test_what_dvc_does_not_track_is_a_fan_out_file(finished_feather, monkeypatch):
    monkeypatch.chdir(finished_feather.folder)
    assert records.fan_out_files(records.recorded_outputs()) == {
        Path(f"results/a/parts/{part}.txt") for part in range(3)
    }


def test_shards_and_units_are_fan_out_files(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    patterns = ("scores/*/shard-*.parquet", "searches/*/seed-*.parquet", "finals/*/scores.parquet", "retrain/*/*")
    made = set().union(*(finished.times(f"results/*/{pattern}").keys() for pattern in patterns))
    assert records.fan_out_files(records.recorded_outputs()) == made


def test_the_layout_names_what_decides_a_result(monkeypatch):
    """But for data; that no stage writes elsewhere is in the rules."""
    monkeypatch.chdir(PROJECT)
    found = {str(path) for path in layout.read_layout().source_files()}
    assert {"params.yaml", "dvc.yaml", "workflow/Snakefile", "workflow/bridge/bridge.smk"} <= found
    deps = [
        dep for stage in yaml.safe_load(Path("dvc.yaml").read_text())["stages"].values() for dep in stage["do"]["deps"]
    ]
    files = {dep for dep in deps if "${item}" not in dep and Path(dep).is_file()}
    assert len(files) > 20 and files <= found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("results: [results]\n", r"missing .*'scratch'"),
        ("results: [results]\nscratch: []\nsources: []\nshards: []\n", "unexpected .*'shards'"),
        ("- results\n", "must be a mapping"),
        ("results: results\nscratch: []\nsources: []\n", "'results' is not a list"),
        ("{", "while parsing"),
    ],
)
def test_a_layout_that_lacks_something_is_refused_in_one_line(tmp_path, monkeypatch, text, complaint):
    monkeypatch.chdir(tmp_path)
    Path("workflow").mkdir()
    Path("workflow/bridge.yaml").write_text(text)
    with pytest.raises(InputError, match=f"bridge.yaml: .*{complaint}"):
        layout.read_layout()


def test_outside_of_a_study_sync_says_so(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "workflow.bridge", "sync"],
        cwd=tmp_path, env={"PYTHONPATH": str(PROJECT), "PATH": ""}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr == "error: workflow/bridge.yaml: there is no such file; run this in the folder of a study\n"
