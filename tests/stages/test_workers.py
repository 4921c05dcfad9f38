"""Architectures are scored in processes of their own: what the fate of one means for the others."""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import TOY
from contexts import COMBO, IMAGES, PROTOCOL
from test_bad_input import architectures

from gennas.errors import InputError
from gennas.scoring import BENCHMARK_NETWORK
from gennas.spaces import nasbench201
from stages.support import artifacts
from stages.support.workers import Scorer, Workers
from workflow.study import prepare

IDS = [
    nasbench201.to_id(nasbench201.random_architecture(np.random.default_rng(seed)))
    for seed in range(4)
]  # fmt: skip
#: A proxy that is a parameter count, but does what FAULTS says with some architectures.
FAULTY = """
import json, os, signal, time
import torch
from gennas.errors import InputError
from gennas.proxies import parameters

DECLARATION = {"families": ["images"]}
DEEDS = {
    "hang": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "memory of Python": lambda: bytes(10**15),
    "memory of torch": lambda: torch.empty(10**14),
    "exit": lambda: os._exit(3),
    "bug": lambda: 1 / 0,
    "late": lambda: socket_timeout(),
}


def socket_timeout():
    raise TimeoutError("a file server does not answer")


def make(context):
    score, faults = parameters.make(context), json.loads(os.environ["FAULTS"])
    time.sleep(faults.get("preparation", 0))

    def score_all(architectures):
        for architecture in architectures:
            DEEDS.get(faults.get(context.space.to_id(architecture)), int)()
            yield from score([architecture])

    return score_all
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the pipeline with that proxy."""
    folder = tmp_path_factory.mktemp("faulty")
    prepare(folder, TOY)
    (folder / "gennas/proxies/faulty.py").write_text(FAULTY)
    architectures(folder / "architectures.parquet", IDS)
    image = {"pixels": bytes(32 * 32 * 3), "height": 32, "width": 32}
    artifacts.write_rows([image], artifacts.IMAGES, folder / "images.parquet")
    return folder


def shard(project, faults, time_limit=600):
    """Score the four architectures; the finished process."""
    (project / "out.parquet").unlink(missing_ok=True)
    protocol = {"width": 1.0, "depth": 1.0, "batch_size": 2, "resolution": 8, "time_limit": time_limit}
    values = {
        "space": "nasbench201", "name": "p", "proxy": {"kind": "faulty", "seeds": 1, "protocol": protocol},
        "role": "evaluate", "first": 0, "last": 4, "seed": 1,
    }  # fmt: skip
    files = {"architectures": "architectures.parquet", "images": "images.parquet", "task": [], "shard": "out.parquet"}
    command = [
        sys.executable, "-m", "stages.train_proxy", "shard", "--files", json.dumps(files), "--values",
        json.dumps(values), "--log", "log",
    ]  # fmt: skip
    environment = {**os.environ, "FAULTS": json.dumps(faults), "GENNAS_DEVICE": "cpu"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


def rows(project):
    return artifacts.read_parquet(project / "out.parquet", artifacts.SCORES).to_pylist()


@pytest.mark.parametrize(
    ("deed", "status"), [("hang", "timed out"), ("crash", "crashed"), ("abort", "crashed")]
)  # fmt: skip
def test_an_architecture_that_hangs_or_crashes_ranks_last_and_the_others_have_their_scores(project, deed, status):
    done = shard(project, {})
    assert done.returncode == 0, done.stderr
    undisturbed = rows(project)
    done = shard(project, {IDS[0]: deed, IDS[2]: deed}, time_limit=10)
    assert done.returncode == 0, done.stderr
    found = rows(project)
    assert [found[1], found[3]] == [undisturbed[1], undisturbed[3]]
    for position in (0, 2):
        assert (found[position]["score"], found[position]["status"]) == (-math.inf, status)
        assert IDS[position] in (project / "log").read_text()


def test_what_is_prepared_for_all_takes_nobodys_time(project):
    done = shard(project, {"preparation": 5}, time_limit=4)
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in rows(project)] == ["ok"] * 4


@pytest.mark.parametrize("deed", ["killed", "memory of Python", "memory of torch", "exit"])
def test_a_lack_of_memory_is_not_the_architectures_fault(project, deed):
    done = shard(project, {IDS[1]: deed})
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"error: {IDS[1]}: ") and "mem_mb" in done.stderr
    assert not (project / "out.parquet").exists()


@pytest.mark.parametrize(("deed", "error"), [("bug", "ZeroDivisionError"), ("late", "TimeoutError")])
def test_an_error_of_a_proxy_shows_where_it_is_and_is_not_the_architectures(project, deed, error):
    done = shard(project, {IDS[1]: deed})
    assert done.returncode == 1 and error in done.stderr
    assert "faulty.py" in done.stderr and "faulty.py" in (project / "log").read_text()


def test_scores_do_not_depend_on_the_number_of_workers():
    scorer = Scorer("regression", "nasbench201", PROTOCOL, IMAGES, 1, 0, {"task": COMBO})
    found = {}
    for count in (1, 2, 3):
        with Workers(count) as workers:
            found[count] = list(workers.scores(scorer, IDS))
            assert list(workers.scores(scorer, IDS[:1])) == found[count][:1]
            assert list(workers.scores(scorer, [])) == []
    assert found[1] == found[2] == found[3] and len({s.score for s in found[1]}) == 4


def test_a_worker_that_is_killed_while_it_waits_is_one_line():
    scorer = Scorer("parameters", "nasbench201", BENCHMARK_NETWORK, IMAGES[:0], 1, 0)
    with Workers(1) as workers:
        list(workers.scores(scorer, IDS[:1]))
        workers.workers[0].process.kill()
        workers.workers[0].process.join()
        with pytest.raises(InputError, match=r"a worker: its process was killed.*mem_mb"):
            list(workers.scores(scorer, IDS[:1]))


def test_workers_end_with_a_stage_that_is_killed(tmp_path):
    (tmp_path / "killed.py").write_text(
        "import time\n"
        "from stages.support.workers import Workers\n"
        "if __name__ == '__main__':\n"
        "    with Workers(2) as workers:\n"
        "        for worker in workers.workers:\n"
        "            worker.connection or worker.start()\n"
        "        print(*(worker.process.pid for worker in workers.workers), flush=True)\n"
        "        time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, tmp_path / "killed.py"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ".", "GENNAS_DEVICE": "cpu"},
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
