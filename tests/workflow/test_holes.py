"""The holes between Snakemake and DVC (docs/snakemake-and-dvc.md): each test fails without its guard."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT, RESULTS, Study
from ruamel.yaml import YAML

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


def test_1_a_touched_file_is_compared_by_content_however_large(study):
    large = study.path(RESULTS / "benchmark.parquet")
    assert large.stat().st_size > 1_000_000  # Snakemake's limit, without the profile
    large.touch()
    assert study.snakemake_would_run() == set()
    assert "total" in study.snakemake("-n", "--quiet", "rules", "--max-checksum-file-size", "1MB")


def test_2_results_are_copies_of_what_is_in_the_cache(study):
    best = study.path(RESULTS / "task_search" / "best_task.yaml")
    best.unlink()
    study.succeed("dvc", "checkout", "--quiet")
    for path in filter(Path.is_file, study.path("results").rglob("*")):
        assert path.stat().st_nlink == 1 and not path.is_symlink() and os.access(path, os.W_OK)


@pytest.fixture(scope="module")
def other(finished: Study, tmp_path_factory) -> tuple[Study, dict[str, bytes]]:
    """A finished study with A's lock in git; then run B, of which shards, scores and metrics differ."""
    study = finished.copy(tmp_path_factory.mktemp("other") / "study")
    study.commit()
    study.edit("params.yaml", "kind: parameters, seeds: 1", "kind: parameters, seeds: 2")
    study.snakemake()
    return study, study.results()


@pytest.mark.xdist_group("A and B")
@pytest.mark.parametrize("door", ["snakemake", "dvc repro", "dvc repro --no-run-cache"])
def test_3_results_of_a_are_never_taken_for_results_of_b(other, tmp_path, door):
    """Run A, run B, check out A's results, put B's parameters back, run."""
    study, results_b = other[0].copy(tmp_path / "study"), other[1]
    params_b = study.path("params.yaml").read_bytes()
    study.succeed("git", "checkout", "--quiet", ".")
    study.succeed("dvc", "checkout", "--quiet", "--force")
    assert study.results() != results_b
    study.path("params.yaml").write_bytes(params_b)
    if door == "snakemake":
        assert REFUSAL in refuses(study)
        study.sync()
    study.succeed(*door.split())
    if door != "snakemake":
        study.sync()
    assert study.results() == results_b
    assert study.nothing_to_do()


@pytest.mark.xdist_group("A and B")
def test_3_the_same_after_a_sync_with_the_parameters_of_a(other, tmp_path):
    """The sync must not take B's shards for A's."""
    study, results_b = other[0].copy(tmp_path / "study"), other[1]
    params_b = study.path("params.yaml").read_bytes()
    study.succeed("git", "checkout", "--quiet", ".")
    study.succeed("dvc", "checkout", "--quiet", "--force")
    study.sync()
    assert study.nothing_to_do()
    study.path(RESULTS / "scores.parquet").unlink()
    study.path("params.yaml").write_bytes(params_b)
    study.snakemake()
    assert study.results() == results_b


@pytest.mark.xdist_group("A and B")
def test_3_the_same_when_b_was_killed_and_never_recorded(other, tmp_path):
    """dvc.lock is A's all the time; only Snakemake's records tell that the files are not B's."""
    study = other[0].copy(tmp_path / "study")
    study.succeed("git", "checkout", "--quiet", "dvc.lock")
    study.path(".snakemake/gennas/dvc.lock").write_bytes(study.path("dvc.lock").read_bytes())
    study.path(".snakemake/gennas/unrecorded").write_text(
        "train_proxy@nasbench201 aggregate@nasbench201 correlate@nasbench201 report@nasbench201"
    )
    assert study.snakemake_would_run() == set()  # a killed run goes on
    study.succeed("dvc", "checkout", "--quiet", "--force")
    assert REFUSAL in refuses(study, "-n")


def test_4_a_partial_target_blesses_nothing_else(study):
    study.edit("params.yaml", "label: 4", "label: 5")
    study.edit("params.yaml", "children: 1", "children: 2")
    study.snakemake(str(RESULTS / "architectures.parquet"))
    assert study.dvc_calls_stale() == {
        "search_task", "train_proxy", "aggregate", "time_proxies", "retrain", "report",
    }  # fmt: skip
    study.edit("params.yaml", "label: 5", "label: 4")
    study.snakemake("--until", "sample")
    assert study.dvc_calls_stale() == {"search_task", "report"}


def test_5_dvc_removes_outputs_before_it_runs_a_stage():
    assert "persist" not in (PROJECT / "dvc.yaml").read_text()


@pytest.mark.parametrize("option", [["--config", "seed=1"], ["--configfile", "params.yaml"]])
def test_6_values_that_dvc_cannot_see_are_refused(study, option):
    assert "dvc exp run -S" in refuses(study, "-n", *option)


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml", "tests/toy/params.yaml"])
def test_7_yaml_1_1_and_1_2_read_the_same(name):
    text = (PROJECT / name).read_text()
    assert yaml.safe_load(text) == YAML(typ="safe").load(text)


@pytest.mark.parametrize("value", ["5e-4", "0012", "12:30"])
def test_7_a_value_that_they_read_differently_is_refused(study, value):
    assert yaml.safe_load(value) != YAML(typ="safe").load(value)
    study.edit("params.yaml", "epochs: 2", f"epochs: {value}")
    assert refuses(study, "-n").startswith("error: params.yaml: nasbench201.retrain.epochs: ")


def test_8_a_file_that_dvc_does_not_know_of_is_named(study):
    study.edit("params.yaml", "task: tasks/nasbench101.yaml\n", "task: searched\n")
    line = refuses(study)
    assert "dvc.yaml" in line and "search_architecture" in line and "best_task.yaml" in line


@pytest.mark.parametrize("stage", PIPELINE)
def test_9_the_target_comes_first_and_nothing_else_may_run(stage):
    """`--allowed-rules` and `--quiet` swallow what follows; a stage runs its own rules and no others."""
    check, run = PIPELINE[stage]["do"]["cmd"]
    assert check == "python -m stages.support.params"  # SECURITY.md
    command, target, option, *rules = run.split()
    assert (command, option) == ("snakemake", "--allowed-rules")
    assert target.startswith("results/${item}/")
    assert rules[0] == stage and set(rules) <= {stage, f"{stage}_shard"}


def running_retrain(study: Study):
    """A Snakemake whose retraining has begun."""
    log = study.path("logs/nasbench201/retrain.log")
    log.unlink()
    study.edit("params.yaml", "epochs: 2", "epochs: 3")
    process = study.start("snakemake", str(RESULTS / "retrain" / "metrics.json"), "--quiet", "all")
    wait_for(log, process)
    return process


def test_10_parameters_edited_during_a_run_are_not_blessed(study):
    process = running_retrain(study)
    study.edit("params.yaml", "children: 1", "children: 2")
    study.edit("params.yaml", "epochs: 3", "epochs: 2")
    output, _ = process.communicate()
    assert process.returncode != 0
    assert output.splitlines()[-1].startswith("error: params.yaml was edited during the run"), output
    assert study.dvc_calls_stale() == {"retrain", "search_task", "report"}
    assert study.snakemake_would_run() >= {"retrain", "search_task", "report"}


def test_10_code_edited_during_a_job_fails_that_job(study):
    process = running_retrain(study)
    study.append("stages/retrain.py", "# edited\n")
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "stages/retrain.py was edited while this job ran" in output
    assert not study.path(RESULTS / "retrain" / "metrics.json").exists()
