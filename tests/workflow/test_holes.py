"""The holes between Snakemake and DVC (docs/snakemake-and-dvc.md): each test fails without its guard.

They are about the bridge, and so tried on the feather workflow; what concerns the real dvc.yaml, or a stage, is not.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT, RESULTS, Feather, Study
from ruamel.yaml import YAML

from gennas.errors import InputError
from workflow.bridge import checks

PIPELINE = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
REFUSAL = "run `python -m workflow.bridge sync` first"


def refuses(study: Study, *arguments: str) -> str:
    """Snakemake's only line of complaint."""
    code, output = study.run("snakemake", "--quiet", "all", *arguments)
    lines = [line for line in output.splitlines() if line.startswith("error: ")]
    assert code != 0 and len(lines) == 1, output
    assert "Traceback" not in output, output
    return lines[0]


def wait_for(path: Path, process, seconds: float = 60) -> None:
    """Return as soon as a file is there."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, f"ended before {path}: {process.stdout.read()}"
        assert time.monotonic() < end, f"no {path} after {seconds} s"
        time.sleep(0.01)


def test_1_a_touched_file_is_compared_by_content_however_large(feather):
    large = feather.path("results/a/numbers.txt")
    assert large.stat().st_size > 1_000_000  # Snakemake's limit, without the profile
    large.touch()
    assert feather.snakemake_would_run() == set()
    assert "square " in feather.snakemake("-n", "--quiet", "rules", "--max-checksum-file-size", "1MB")


def test_2_results_are_copies_of_what_is_in_the_cache(feather):
    feather.path("results/a/squares.txt").unlink()
    feather.succeed("dvc", "checkout", "--quiet")
    assert feather.path("results/a/squares.txt").is_file()
    for path in filter(Path.is_file, feather.path("results").rglob("*")):
        assert path.stat().st_nlink == 1 and not path.is_symlink() and os.access(path, os.W_OK)


@pytest.fixture(scope="module")
def other(finished_feather, tmp_path_factory) -> tuple[Feather, dict[str, bytes]]:
    """A finished workflow with A's lock in git; then run B, of which the parts and all after them differ."""
    feather = finished_feather.copy(tmp_path_factory.mktemp("other") / "study")
    feather.commit()
    feather.edit("params.yaml", "power: 2", "power: 3")
    feather.snakemake()
    return feather, feather.results()


def back_to_a(feather: Feather) -> bytes:
    """Check out A's parameters, lock and results; B's parameters."""
    params_b = feather.path("params.yaml").read_bytes()
    feather.succeed("git", "checkout", "--quiet", ".")
    feather.succeed("dvc", "checkout", "--quiet", "--force")
    return params_b


@pytest.mark.xdist_group("A and B")
@pytest.mark.parametrize("door", ["snakemake", "dvc repro", "dvc repro --no-run-cache"])
def test_3_results_of_a_are_never_taken_for_results_of_b(other, tmp_path, door):
    """Run A, run B, check out A's results, put B's parameters back, run."""
    feather, results_b = other[0].copy(tmp_path / "study"), other[1]
    params_b = back_to_a(feather)
    assert feather.results() != results_b
    feather.path("params.yaml").write_bytes(params_b)
    if door == "snakemake":
        assert REFUSAL in refuses(feather)
        feather.sync()
    feather.succeed(*door.split())
    if door != "snakemake":
        feather.sync()
    assert feather.results() == results_b
    assert feather.nothing_to_do()


@pytest.mark.xdist_group("A and B")
def test_3_the_same_after_a_sync_with_the_parameters_of_a(other, tmp_path):
    """The sync must not take B's parts for A's."""
    feather, results_b = other[0].copy(tmp_path / "study"), other[1]
    params_b = back_to_a(feather)
    feather.sync()
    assert not feather.times("results/a/parts/*.txt")
    assert feather.nothing_to_do()
    feather.path("results/a/squares.txt").unlink()
    feather.path("params.yaml").write_bytes(params_b)
    feather.snakemake()
    assert feather.results() == results_b


@pytest.mark.xdist_group("A and B")
def test_3_the_same_when_b_was_killed_and_never_recorded(other, tmp_path):
    """dvc.lock is A's all the time; only Snakemake's records tell that the files are not B's."""
    feather = other[0].copy(tmp_path / "study")
    feather.succeed("git", "checkout", "--quiet", "dvc.lock")
    feather.path(".snakemake/bridge/dvc.lock").write_bytes(feather.path("dvc.lock").read_bytes())
    feather.path(".snakemake/bridge/unrecorded").write_text("square@a total")
    assert feather.snakemake_would_run() == set()  # a killed run goes on
    feather.succeed("dvc", "checkout", "--quiet", "--force")
    assert REFUSAL in refuses(feather, "-n")


def test_4_a_partial_target_blesses_nothing_else(feather):
    feather.edit("params.yaml", "first: 1", "first: 2")
    feather.edit("params.yaml", "factor: 1", "factor: 2")
    feather.snakemake("results/a/numbers.txt")
    assert feather.dvc_calls_stale() == {"square", "total"}
    feather.edit("params.yaml", "first: 2", "first: 1")
    feather.snakemake("--until", "draw")
    assert feather.dvc_calls_stale() == {"total"}


def test_5_dvc_removes_outputs_before_it_runs_a_stage():
    assert "persist" not in (PROJECT / "dvc.yaml").read_text()


@pytest.mark.parametrize("option", [["--config", "seed=1"], ["--configfile", "params.yaml"]])
def test_6_values_that_dvc_cannot_see_are_refused(feather, option):
    assert "dvc exp run -S" in refuses(feather, "-n", *option)


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml", "tests/toy/params.yaml", "tests/feather/params.yaml"])
def test_7_yaml_1_1_and_1_2_read_the_same(name):
    text = (PROJECT / name).read_text()
    assert yaml.safe_load(text) == YAML(typ="safe").load(text)


@pytest.mark.parametrize("value", ["5e-4", "0012", "12:30"])
def test_7_a_value_that_they_read_differently_is_refused(own_feather, monkeypatch, value):
    assert yaml.safe_load(value) != YAML(typ="safe").load(value)
    monkeypatch.chdir(own_feather.folder)
    checks.check_yaml()
    params = own_feather.path("params.yaml").read_text()
    own_feather.edit("params.yaml", "power: 2", f"power: {value}")
    with pytest.raises(InputError, match=r"^params\.yaml: a\.square\.power: Snakemake .* reads .*, DVC .* reads"):
        checks.check_yaml()
    own_feather.path("params.yaml").write_text(params)


def test_7_snakemake_refuses_such_a_value(feather):
    feather.edit("params.yaml", "power: 2", "power: 0012")
    assert refuses(feather, "-n").startswith("error: params.yaml: a.square.power: ")


def test_8_a_file_that_dvc_does_not_know_of_is_named(study):
    pipeline = yaml.safe_load(study.path("dvc.yaml").read_text())
    pipeline["stages"]["correlate"]["do"]["deps"].remove("results/${item}/aggregates.parquet")
    study.path("dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    study.path(RESULTS / "correlation.parquet").unlink()
    line = refuses(study)
    assert "dvc.yaml" in line and "correlate" in line and "aggregates.parquet" in line


@pytest.mark.parametrize("stage", PIPELINE)
def test_9_the_target_comes_first_and_nothing_else_may_run(stage):
    """`--allowed-rules` and `--quiet` swallow what follows; a stage runs its own rule, and fan-outs."""
    check, run = PIPELINE[stage]["do"]["cmd"]
    assert check == "python -m stages.support.params"  # SECURITY.md
    command, target, option, *rules = run.split()
    assert (command, option) == ("snakemake", "--allowed-rules")
    assert target.startswith("results/${item}/")
    assert rules[0] == stage and not PIPELINE.keys() & set(rules[1:])


def test_10_parameters_edited_during_a_run_are_not_blessed(feather):
    log = feather.path("logs/total.log")
    log.unlink()
    feather.edit("params.yaml", "total: { factor: 1, seconds: 0 }", "total: { factor: 2, seconds: 60 }")
    process = feather.start("snakemake", "results/total.txt", "--quiet", "all")
    wait_for(log, process)
    feather.edit("params.yaml", "power: 2", "power: 3")
    feather.edit("params.yaml", "total: { factor: 2, seconds: 60 }", "total: { factor: 1, seconds: 0 }")
    feather.path("go").touch()
    output, _ = process.communicate()
    assert process.returncode != 0
    assert output.splitlines()[-1].startswith("error: params.yaml was edited during the run"), output
    assert feather.dvc_calls_stale() == {"square", "total"}
    assert feather.snakemake_would_run() == {"square", "total"}


def test_10_code_edited_during_a_job_fails_that_job(study):
    log = study.path("logs/nasbench201/retrain.log")
    log.unlink()
    study.edit("params.yaml", "epochs: 2", "epochs: 3")
    process = study.start("snakemake", str(RESULTS / "retrain" / "metrics.json"), "--quiet", "all")
    wait_for(log, process)
    study.append("stages/retrain.py", "# edited\n")
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "stages/retrain.py was edited while this job ran" in output
    assert not study.path(RESULTS / "retrain" / "metrics.json").exists()
