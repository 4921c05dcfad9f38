"""The toy study on a real Slurm with two nodes, which `tests/slurm/cluster` starts on this machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from conftest import PROJECT, RESULTS, Study

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("slurm")]
CLUSTER = PROJECT / "tests" / "slurm" / "cluster"
PROFILE = "workflow/profiles/slurm"
SHARD = RESULTS / "scores" / "single" / "shard-000000-000003.parquet"
LOG = "logs/nasbench201/train_proxy/single-000000-000003.log"
QUICK = "\nslurm-init-seconds-before-status-checks: 2\n"


@pytest.fixture(scope="module")
def cluster():
    """A running Slurm, for one test process at a time: there is one /etc/slurm."""
    if os.getuid() != 0:
        pytest.skip("starting a Slurm takes root")
    if not shutil.which("slurmctld"):
        pytest.skip("needs Slurm: run `tests/slurm/cluster install` as root")
    with Path("/var/lock/gennas-slurm-tests").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([CLUSTER, "start"], check=True, timeout=120)
        yield
        subprocess.run([CLUSTER, "stop"], check=True, timeout=120)


def submitted(study: Study, count: int, ended: bool = True) -> list[dict[str, str]]:
    """What Slurm's accounting has of the jobs of a study, in their order, as soon as it has so many (that ended)."""
    end = time.monotonic() + 90
    while True:
        jobs = accounted(study)
        if len(jobs) >= count and not (ended and any(job["End"] == "Unknown" for job in jobs)):
            return jobs
        assert time.monotonic() < end, jobs
        time.sleep(0.5)


def accounted(study: Study) -> list[dict[str, str]]:
    """What Slurm's accounting has, by now, of the jobs that were submitted from a study's folder."""
    columns = ["JobID", "State", "Comment", "ReqMem", "TimelimitRaw", "AllocTRES", "NodeList", "Start", "End"]
    command = ["sacct", "-X", "--allusers", "--parsable2", f"--format={','.join(columns)},WorkDir"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()[1:]
    rows = [line.split("|") for line in lines]
    return [dict(zip(columns, row, strict=False)) for row in rows if row[-1] == str(study.folder)]


def on_cluster(study: Study, *arguments: str) -> tuple[int, str]:
    return study.run("timeout", "900", "snakemake", "--profile", PROFILE, *arguments)


def quicken(study: Study) -> Study:
    """Have Snakemake ask Slurm more often than is polite to a cluster that others use."""
    study.append(f"{PROFILE}/config.yaml", QUICK)
    study.edit(f"{PROFILE}/config.yaml", "latency-wait: 60", "latency-wait: 5")
    return study


def kind(job: dict[str, str]) -> str:
    """The rule of a job, which the plugin writes into its comment."""
    return job["Comment"].removeprefix("rule_").split("_wildcards_")[0]


JOBS = [
    *["aggregate_shard"] * 2,
    "finals_unit",
    *["retrain_role"] * 2,
    *["search_architecture_unit"] * 5,
    "search_task",
    "time_proxies",
    *["train_proxy_shard"] * 6,
]


def test_a_study_on_the_cluster_is_that_of_one_machine(cluster, finished, fresh):
    code, output = on_cluster(quicken(fresh))
    assert code == 0, output
    assert fresh.results() == finished.results() and fresh.nothing_to_do()
    jobs = submitted(fresh, len(JOBS))
    assert {job["State"] for job in jobs} == {"COMPLETED"}
    # What takes seconds runs where Snakemake does.
    assert sorted(map(kind, jobs)) == JOBS
    asked = {kind(job): (job["ReqMem"], job["TimelimitRaw"]) for job in jobs}
    assert asked["train_proxy_shard"] == ("2000M", "240") and asked["search_task"] == ("5500M", "1440")
    for job in jobs:
        without_networks = any(name in job["Comment"] for name in ("parameters", "oracle"))
        assert ("gres/gpu=1" in job["AllocTRES"]) != without_networks
        parallel = not without_networks and ("search" in kind(job) or kind(job) == "finals_unit")
        assert f"cpu={8 if parallel else 1}," in job["AllocTRES"]
    assert {job["NodeList"] for job in jobs} == {"node1", "node2"}
    assert at_once([job for job in jobs if kind(job) == "train_proxy_shard"]) > 1


def at_once(jobs: list[dict[str, str]]) -> int:
    """How many of the jobs were running at once."""
    times = [(datetime.fromisoformat(job["Start"]), datetime.fromisoformat(job["End"])) for job in jobs]
    return max(sum(begin <= moment < end for begin, end in times) for moment, _ in times)


def test_dvc_repro_goes_through_the_cluster(cluster, study):
    quicken(study).edit("params.yaml", "evaluate: 6", "evaluate: 9")
    study.succeed("env", f"SNAKEMAKE_PROFILE={PROFILE}", "timeout", "900", "dvc", "repro")
    # One more shard of each proxy; and the search by an aggregate, which ranks among the sample.
    assert sorted(map(kind, submitted(study, 4))) == ["search_architecture_unit", *["train_proxy_shard"] * 3]
    assert not study.dvc_calls_stale()
    study.sync()
    assert study.nothing_to_do()


def test_a_job_that_lacks_memory_is_tried_again_with_twice_as_much(cluster, finished, study):
    quicken(study).edit("workflow/rules/train_proxy.smk", "mem_mb=growing(2000)", "mem_mb=growing(500)")
    code, output = on_cluster(study, "--forcerun", str(SHARD), "--", str(SHARD))
    assert code == 0, output
    first, second = submitted(study, 2)
    assert first["State"] != "COMPLETED" and second["State"] == "COMPLETED"  # OUT_OF_MEMORY, where control groups tell
    assert (first["ReqMem"], second["ReqMem"]) == ("500M", "1000M")
    assert LOG in output and f"'{first['JobID']}'" in output
    assert study.results() == finished.results()


@pytest.fixture
def running(cluster, study):
    """A shard whose process sleeps on the cluster, the Snakemake that waits for it, and the job."""
    quicken(study)
    command = ["snakemake", "--profile", PROFILE, "--retries", "0", "--forcerun", str(SHARD)]
    limit = ["--set-resources", "train_proxy_shard:runtime=1"]
    driver = study.start("timeout", "--kill-after=10", "240", *command, *limit, "--", str(SHARD))
    stage = asleep(study)
    (job,) = submitted(study, 1, ended=False)
    yield study, driver, job
    driver.kill()
    with suppress(ProcessLookupError):
        os.kill(stage, signal.SIGKILL)


def asleep(study: Study, seconds: float = 120) -> int:
    """Wait for a stage of the study, and put it to sleep; its process."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in Path("/proc").glob("[0-9]*"):
            try:
                is_stage = b"stages.train_proxy" in (path / "cmdline").read_bytes().split(b"\0")
                if is_stage and (path / "cwd").readlink() == study.folder:
                    os.kill(int(path.name), signal.SIGSTOP)
                    return int(path.name)
            except (OSError, ProcessLookupError):
                continue
        time.sleep(0.1)
    raise AssertionError("no stage was started")


def cancel(job: dict[str, str]) -> None:
    subprocess.run(["scancel", job["JobID"]], check=True)


def lose_node(job: dict[str, str]) -> None:
    """Nothing answers on the job's node any more."""
    subprocess.run(
        ["pkill", "-KILL", "-f", f"slurmd -N {job['NodeList']}|slurmstepd: \\[{job['JobID']}\\."], check=True
    )


def run_out_of_time(job: dict[str, str]) -> None:
    """It has a minute."""


@pytest.mark.parametrize(
    ("fault", "state"), [(cancel, "CANCELLED"), (lose_node, "NODE_FAIL"), (run_out_of_time, "TIMEOUT")]
)
def test_a_lost_job_is_named_with_its_reason_and_its_log_and_made_up_for(finished, running, fault, state):
    study, driver, job = running
    fault(job)
    output, _ = driver.communicate(timeout=900)
    assert driver.returncode == 1, output
    assert "score architectures 000000 to 000003 with single" in output
    assert f"'{job['JobID']}'" in output and f"'{state}'" in output and LOG in output
    assert submitted(study, 1)[0]["State"].startswith(state)
    if fault is lose_node:
        subprocess.run([CLUSTER, "start"], check=True, timeout=120)
    code, output = on_cluster(study, "--", str(SHARD))
    assert code == 0, output
    assert study.results() == finished.results() and study.nothing_to_do()
