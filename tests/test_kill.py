"""Killed at any moment, the next `snakemake` finishes the study, as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from conftest import RESULTS, SHARDS, Study

METRICS = RESULTS / "retrain" / "metrics.json"
#: In whatever order they come: shards and retraining do not wait for each other.
MOMENTS: dict[str, Callable[[Study], object]] = {
    "the first artifact is there": lambda study: study.path(RESULTS / "benchmark.parquet").exists(),
    "some shards are there": lambda study: len(study.times(SHARDS)) >= 2,
    "an architecture is being retrained": lambda study: study.path("checkpoints/nasbench201/retrain.pt").exists(),
    "the last artifact is there": lambda study: study.path(RESULTS / "report.html").exists(),
    "DVC is being told": lambda study: study.path("dvc.lock").exists(),
}


def begin(study: Study, *arguments: str) -> subprocess.Popen[str]:
    """Start Snakemake in a process group of its own, with its output in a file: nobody reads a pipe."""
    with study.path("output.log").open("w") as output:
        return subprocess.Popen(
            ["snakemake", *arguments], cwd=study.folder, env=study.environment(), start_new_session=True, text=True,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip


def wait(study: Study, process: subprocess.Popen[str], has_come: Callable[[], object], seconds: float = 120) -> None:
    """Return as soon as a moment has come."""
    end = time.monotonic() + seconds
    while not has_come():
        assert process.poll() is None, f"ended too early:\n{study.path('output.log').read_text()}"
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.01)


def finished_shards(study: Study) -> dict[Path, int]:
    """The modification times of the shards that Snakemake has noted as finished."""
    incomplete = {Path(urlsafe_b64decode(path.name).decode()) for path in study.folder.glob(".snakemake/incomplete/*")}
    return {path: time for path, time in study.times(SHARDS).items() if path not in incomplete}


def test_killed_again_and_again(finished, fresh):
    """SIGKILL for Snakemake and all its jobs; no finished shard is computed again, and every byte is the same."""
    shards: dict[Path, int] = {}
    half_written = fresh.path(RESULTS / ".report.html.123.tmp")
    half_written.parent.mkdir(parents=True)
    half_written.write_text("<html>half a page")
    awaited = MOMENTS
    while awaited:
        process = begin(fresh, "--cores", "2")
        wait(fresh, process, lambda: any(has_come(fresh) for has_come in awaited.values()))  # noqa: B023
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert shards.items() <= fresh.times(SHARDS).items()
        shards = finished_shards(fresh)
        awaited = {moment: has_come for moment, has_come in awaited.items() if not has_come(fresh)}
    fresh.snakemake()
    assert fresh.times(SHARDS) == shards
    assert fresh.results() == finished.results()
    assert fresh.nothing_to_do()


def test_a_run_killed_while_dvc_was_told_is_told_by_the_next(study):
    """DVC empties dvc.lock to write it anew; then there is no job left that would lead to another commit."""
    state, lock = study.path(".snakemake/gennas"), study.path("dvc.lock")
    recorded = lock.read_bytes()
    (state / "unrecorded").write_text(" ".join(yaml.safe_load(recorded)["stages"]))
    (state / "before").write_bytes(b"")
    (state / "dvc.lock").unlink()
    lock.write_bytes(b"")
    study.snakemake()
    assert yaml.safe_load(lock.read_bytes()) == yaml.safe_load(recorded)
    assert study.nothing_to_do()


@pytest.fixture
def retraining(study):
    """A study whose architecture is being retrained, and the Snakemake at it."""
    study.path("logs/nasbench201/retrain.log").unlink()
    study.edit("params.yaml", "epochs: 2", "epochs: 3")
    process = begin(study, str(METRICS))
    wait(study, process, study.path("logs/nasbench201/retrain.log").exists)
    yield study, process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_second_snakemake_is_refused(retraining):
    study, _ = retraining
    code, output = study.run("snakemake")
    assert code != 0 and "error: another `snakemake` is at work in this folder" in output
    assert "retrain" in study.snakemake("-n")  # planning is always possible


def test_jobs_that_outlive_snakemake_are_waited_for(finished, retraining):
    """Else the old job could put its result, made with old parameters, in the place of the new one."""
    study, process = retraining
    process.kill()
    study.edit("params.yaml", "epochs: 3", "epochs: 2")
    output = study.snakemake(str(METRICS))
    assert "waiting for the jobs that a killed `snakemake` left behind" in output
    assert study.results() == finished.results()
    assert study.nothing_to_do()
