"""Faults, injected (docs/reliability.md has the table): either the final bytes are those of an undisturbed run, or the
error is one line and nothing is lost."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import yaml
from conftest import PROJECT, RESULTS, SHARDS, Study

from gennas.errors import InputError
from stages.support import artifacts
from workflow import bridge, checks, locks, records

METRICS = RESULTS / "retrain" / "metrics.json"
STAGES = [stage["do"] for stage in yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"].values()]


def named(out: str | dict) -> str:
    """The path of an output in dvc.yaml, which may have options."""
    return (out if isinstance(out, str) else next(iter(out))).replace("${item}", "nasbench201")


#: Every artifact that DVC tracks.
ARTIFACTS = sorted(
    named(out) for stage in STAGES for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])
)


#: Its two locks; which one is met first is a matter of moments.
DVC_REFUSES = ("is busy, it is being blocked by:", "Unable to acquire lock")


def begin(study: Study, *arguments: str) -> subprocess.Popen[str]:
    """Start Snakemake in a process group of its own, with its output in a file: nobody reads a pipe."""
    with study.path("output.log").open("w") as output:
        return subprocess.Popen(
            ["snakemake", *arguments], cwd=study.folder, env=study.environment(), start_new_session=True, text=True,
            stdout=output, stderr=subprocess.STDOUT, preexec_fn=hear_ctrl_c,
        )  # fmt: skip


def hear_ctrl_c() -> None:
    """What runs in a shell's background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait(study: Study, process: subprocess.Popen[str], has_come: Callable[[], object], seconds: float = 120) -> None:
    """Return as soon as a moment has come."""
    end = time.monotonic() + seconds
    while not has_come():
        assert process.poll() is None, f"ended too early:\n{study.path('output.log').read_text()}"
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.01)


def errors(output: str) -> list[str]:
    """The lines of complaint, among which no traceback may be."""
    assert "Traceback" not in output, output
    return [line for line in output.splitlines() if line.startswith("error: ")]


def refusal(study: Study, *command: str) -> str:
    """The only line of complaint of a command that must be refused."""
    code, output = study.run(*command)
    lines = errors(output)
    assert code != 0 and len(lines) == 1, output
    return lines[0]


def half_written(study: Study) -> list[Path]:
    """What a job left that is no artifact."""
    return [path for folder in ("results", "checkpoints") for path in study.path(folder).rglob(".*")]


@pytest.fixture(scope="module")
def own_copy(finished, tmp_path_factory) -> Study:
    """A copy of the finished study, for tests that leave no trace."""
    return finished.copy(tmp_path_factory.mktemp("copy") / "study")


# --- killed -----------------------------------------------------------------------------------------------------------


def finished_shards(study: Study) -> dict[Path, int]:
    """The modification times of the shards that Snakemake has noted as finished."""
    incomplete = {Path(urlsafe_b64decode(path.name).decode()) for path in study.folder.glob(".snakemake/incomplete/*")}
    return {path: time for path, time in study.times(SHARDS).items() if path not in incomplete}


def children(process: subprocess.Popen[str]) -> dict[str, list[psutil.Process]]:
    """A Snakemake's stages, and their workers: the children of the processes that stages fork them from."""
    stages, workers = [], []
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                command = " ".join(child.cmdline())
                if "-m stages." in command:
                    stages.append(child)
                elif "forkserver import main" in command and "forkserver import main" in " ".join(
                    child.parent().cmdline()
                ):
                    workers.append(child)
    return {"stage": stages, "worker": workers}


def kill(victim: str, process: subprocess.Popen[str], draw: random.Random) -> str:
    """SIGKILL for a worker, a stage, Snakemake alone or all of them; who it was, since there may be no such process."""
    found = children(process)
    for kind in dict.fromkeys((victim, "worker", "stage")):
        if found.get(kind):
            one = draw.choice(found[kind])
            with suppress(psutil.NoSuchProcess):
                one.kill()
            return f"{kind} {one.pid}"
        if kind in ("driver", "group"):
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL) if victim == "group" else process.kill()
    process.wait()
    return "group" if victim == "group" else "driver"


def test_killed_at_20_random_moments(finished, fresh):
    """No finished shard is computed again, and every byte is the same.

    A moment is a number of finished files, and then some seconds; the searches, which have workers, come early. Killed
    stages and workers are tried again by the same Snakemake (`--retries`), a killed Snakemake is started again.
    """
    draw = random.Random(2021)
    moments = sorted((draw.randrange(30), draw.uniform(0, 5)) for _ in range(16))
    moments = [(0, draw.uniform(0, 1)) for _ in range(4)] + moments
    victims = ["worker"] * 4 + draw.sample(["driver", "stage", "group"], 16, counts=[6, 5, 5])
    shards: dict[Path, int] = {}
    process = None
    for (files, seconds), victim in zip(moments, victims, strict=True):
        if process is None or process.poll() is not None:
            process = begin(fresh, "--cores", "2", "--retries", "20")
        end = time.monotonic() + 300
        while process.poll() is None and len([*fresh.folder.glob(".snakemake/metadata/*")]) < files:
            assert time.monotonic() < end, fresh.path("output.log").read_text()
            time.sleep(0.02)
        if victim == "worker":
            wait(fresh, process, lambda: children(process)["worker"])  # noqa: B023
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        if process.poll() is not None:  # it has come to its end
            assert process.returncode == 0, fresh.path("output.log").read_text()
            fresh.path(RESULTS / "report.html").unlink()
            process = begin(fresh, "--cores", "2", "--retries", "20")
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        killed = kill(victim, process, draw)
        print(f"{files:2} files and {seconds:.1f} s: {killed}")
        assert shards.items() <= fresh.times(SHARDS).items()
        shards = finished_shards(fresh)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert shards.items() <= fresh.times(SHARDS).items()
    shards = finished_shards(fresh)
    fresh.snakemake()
    assert shards.items() <= fresh.times(SHARDS).items()
    assert fresh.results() == finished.results()
    assert not half_written(fresh)
    assert fresh.nothing_to_do()


def test_half_written_files_of_a_killed_job_are_removed(own_copy, monkeypatch):
    monkeypatch.chdir(own_copy.folder)
    for folder in (RESULTS, Path("checkpoints/nasbench201")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".artifact.123.tmp").write_text("half a page")
    locks.claim_folder().close()
    assert not half_written(own_copy)


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
    study.edit("params.yaml", "epochs: 2", "epochs: 20")
    process = begin(study, str(METRICS))
    wait(study, process, study.path("logs/nasbench201/retrain.log").exists)
    yield study, process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_stage_is_named(retraining):
    study, process = retraining
    children(process)["stage"][0].kill()
    assert process.wait() != 0
    lines = errors(study.path("output.log").read_text())
    assert lines == ["error: retrain failed; logs/nasbench201/retrain.log says why"]
    assert not study.path(METRICS).exists()


def test_jobs_that_outlive_snakemake_are_waited_for(finished, retraining):
    """Else the old job could put its result, made with old parameters, in the place of the new one."""
    study, process = retraining
    process.kill()
    study.edit("params.yaml", "epochs: 20", "epochs: 2")
    output = study.snakemake(str(METRICS))
    assert "waiting for the jobs that a killed `snakemake` left behind" in output
    assert study.results() == finished.results()
    assert study.nothing_to_do()


# --- interrupted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["group", "driver"])
def test_ctrl_c_ends_a_run(finished, retraining, who):
    """A terminal sends SIGINT to the whole group. Snakemake alone waits until its jobs end."""
    study, process = retraining
    os.killpg(process.pid, signal.SIGINT) if who == "group" else process.send_signal(signal.SIGINT)
    assert process.wait(120) != 0
    lines = errors(study.path("output.log").read_text())
    assert [line for line in lines if "interrupted" in line] == (
        ["error: interrupted; run it again to go on"] if who == "group" else []
    )
    with study.path(".snakemake/gennas/jobs.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # no job is left
    assert not half_written(study)
    study.edit("params.yaml", "epochs: 20", "epochs: 2")
    study.snakemake(str(METRICS))
    assert study.results() == finished.results()
    assert study.nothing_to_do()


# --- disks ------------------------------------------------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[None]:
    """A mount, undone at the end; skip where this user may not mount."""
    done = subprocess.run(["mount", *arguments, folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs the right to mount, as root has it: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def small_disk(finished, tmp_path) -> Iterator[Study]:
    """A copy of the finished study on a disk of its own, with DVC's notes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
        yield finished.copy(disk / "study")


def leave_free(study: Study, kilobytes: int) -> None:
    """Make the disk of a study as large as what is on it, and some more."""
    disk = os.statvfs(study.folder)
    size = (disk.f_blocks - disk.f_bfree) * disk.f_frsize + 1024 * kilobytes
    subprocess.run(["mount", "-o", f"remount,size={size}", study.folder.parent], check=True)


def test_a_full_disk(finished, small_disk):
    """Full at the start, while a stage writes, while DVC copies; then there is space, and the run ends well."""
    study, benchmark = small_disk, RESULTS / "benchmark.parquet"
    lock = study.path("dvc.lock").read_bytes()
    md5 = {path: md5 for outs in finished_outputs(study).values() for path, md5 in outs.items()}[benchmark]
    study.path(Path(".dvc/cache/files/md5", md5[:2], md5[2:])).unlink()
    study.path(benchmark).unlink()
    for kilobytes, complaint in (
        (0, f"error: {study.folder}: its disk is full; free space on it and run it again"),
        (600, f"error: {benchmark}: cannot be written (No space left on device); free space on its disk"),
        (1900, "error: "),
    ):
        leave_free(study, kilobytes)
        code, output = study.run("snakemake", str(benchmark))
        assert code != 0 and errors(output)[0].startswith(complaint), output
        assert len(errors(output)) == (2 if kilobytes == 600 else 1), output  # a stage's, and which one it was
        assert study.path("dvc.lock").read_bytes() == lock
        assert not half_written(study)
    leave_free(study, 1 << 14)
    study.snakemake(str(benchmark))
    assert study.results() == finished.results()
    assert study.nothing_to_do()


def finished_outputs(study: Study) -> dict[str, dict[Path, str]]:
    """The MD5 of the outputs in dvc.lock."""
    stages = yaml.safe_load(study.path("dvc.lock").read_bytes())["stages"]
    return {name: {Path(out["path"]): out["md5"] for out in stage["outs"]} for name, stage in stages.items()}


def test_dvc_does_not_try_for_ever_to_write_to_a_full_disk(small_disk):
    script = "from workflow import bridge; bridge.dvc('commit', '--force', 'report@nasbench201')"
    shutil.rmtree(small_disk.path(".dvc/cache"))
    leave_free(small_disk, 0)
    process = small_disk.start("python", "-c", script)
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert output.splitlines()[-1].startswith("gennas.errors.InputError: "), output


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that not even root may write to."""
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield


def test_a_read_only_folder(finished, study):
    study.path(RESULTS / "correlation.parquet").unlink()
    for path in (study.folder, study.path("results")):
        with read_only(path):
            for command in (["snakemake"], ["python", "-m", "workflow.bridge", "sync"]):
                assert refusal(study, *command) == f"error: {path}: is read-only; make it writable"
    study.snakemake()
    assert study.results() == finished.results()
    assert study.nothing_to_do()


def test_a_folder_that_becomes_read_only_during_a_run(finished, retraining):
    study, process = retraining
    with read_only(study.path("results")):
        assert process.wait(120) != 0
    # Snakemake itself ends in a traceback then, since it removes empty folders.
    complaint = "cannot be written (Read-only file system); make its folder writable and run it again"
    assert f"error: {RESULTS}/retrain/history.parquet: {complaint}\n" in study.path("output.log").read_text()
    study.edit("params.yaml", "epochs: 20", "epochs: 2")
    study.snakemake(str(METRICS))
    assert study.results() == finished.results()
    assert study.nothing_to_do()


# --- damaged files ----------------------------------------------------------------------------------------------------

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "bit-flipped": lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:],
    "empty": lambda content: b"",
    "foreign": lambda content: b"something else\n" * 9,
}


@pytest.mark.parametrize("name", [*ARTIFACTS, "a shard"])
def test_each_damaged_artifact_is_refused(own_copy, monkeypatch, name):
    path = min(own_copy.folder.glob(SHARDS)) if name == "a shard" else own_copy.path(name)
    before, content = path.stat(), path.read_bytes()
    monkeypatch.chdir(own_copy.folder)
    checks.check_outputs()
    for damage in DAMAGE.values():
        path.write_bytes(damage(content))
        with pytest.raises(InputError) as refused:
            checks.check_outputs()
        assert (
            str(refused.value) == f"{path.relative_to(own_copy.folder)} changed outside of Snakemake; {records.REMEDY}"
        )
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_was_damaged_is_made_again(finished, study):
    """Every artifact of four stages, and two shards, each damaged in another way."""
    shards = sorted(study.folder.glob(SHARDS))
    names = [
        name
        for name in ARTIFACTS
        if {"retrain", "figures", "plots"} & {*Path(name).parts} or Path(name).suffix != ".parquet"
    ]
    paths = [study.path(name) for name in names if "search" not in name and "regret" not in name]
    paths += [
        study.path(RESULTS / "correlation.parquet"),
        study.path(RESULTS / "scores.parquet"),
        shards[0],
        shards[-1],
    ]
    for number, path in enumerate(paths):
        path.write_bytes([*DAMAGE.values()][number % len(DAMAGE)](path.read_bytes()))
    assert refusal(study, "snakemake").endswith(f" changed outside of Snakemake; {records.REMEDY}")
    study.sync()
    assert study.times(SHARDS).keys() == {path.relative_to(study.folder) for path in shards[1:-1]}
    study.snakemake()
    assert study.results() == finished.results()
    assert study.nothing_to_do()


def test_no_flipped_bit_of_a_table_is_read_as_another_value(finished, tmp_path):
    """What rots on the disk keeps its time: the pages of a table have checksums."""
    content = next(finished.folder.glob(SHARDS)).read_bytes()
    path = tmp_path / "table.parquet"
    path.write_bytes(content)
    table = artifacts.read_parquet(path, artifacts.SCORES)
    pages = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    refused = 0
    for position in range(4, pages, 3):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        try:
            assert artifacts.read_parquet(path, artifacts.SCORES).equals(table)
        except InputError as error:
            refused += 1
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    assert refused


def test_damaged_records_of_snakemake_cost_no_more_than_time(finished, study):
    """Cut by a full disk or a kill: of an artifact that DVC knows, and of a shard, which nobody else does."""
    for path, record in ((record_of(study, name), record) for name, record in (
        (RESULTS / "correlation.parquet", b'{"rule": "corr'), (next(iter(study.times(SHARDS))), b""),
    )):  # fmt: skip
        path.write_bytes(record)
    study.snakemake()
    assert study.results() == finished.results()


def record_of(study: Study, output: Path) -> Path:
    """The file in which Snakemake notes how an output was made."""
    names = {urlsafe_b64decode(path.name).decode(): path for path in study.folder.glob(".snakemake/metadata/*")}
    return names[str(output)]


# --- two at once, edits, the clock ------------------------------------------------------------------------------------


def test_a_second_run_is_refused_and_harms_nothing(finished, retraining):
    """`dvc repro` would remove what it calls stale, even what the first run has just made."""
    study, process = retraining
    before = study.results()
    assert refusal(study, "snakemake") == "error: another `snakemake` is at work in this folder; wait until it ends"
    code, output = study.run("dvc", "repro")
    assert code != 0 and any(refused in output for refused in DVC_REFUSES), output
    assert "retrain" in study.snakemake("-n")  # planning is always possible
    assert before.items() <= study.results().items()
    assert process.wait(120) == 0
    study.edit("params.yaml", "epochs: 20", "epochs: 2")
    study.snakemake(str(METRICS))
    assert study.results() == finished.results()
    assert study.nothing_to_do()


def test_beside_a_dvc_repro(study):
    """Another one is refused, and so is `snakemake`."""
    log, repro = study.path("logs/nasbench201/retrain.log"), ("dvc", "repro", "--single-item", "retrain@nasbench201")
    log.unlink()
    study.edit("params.yaml", "epochs: 2", "epochs: 20")
    first = study.start(*repro)
    end = time.monotonic() + 60
    while not log.exists():
        assert first.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    others = [study.start(*repro), study.start("snakemake")]
    by_dvc, by_snakemake = (process.communicate(timeout=120)[0] for process in others)
    assert all(process.returncode for process in others)
    assert any(refused in by_dvc for refused in DVC_REFUSES) and "Traceback" not in by_dvc, by_dvc
    assert len(errors(by_snakemake)) == 1, by_snakemake
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    study.sync()
    assert study.dvc_calls_stale() == {"report"}


@pytest.mark.parametrize("name", ["tasks/combo.yaml", "dvc.yaml", "workflow/rules/retrain.smk"])
def test_a_file_edited_during_a_run_is_not_blessed(own_copy, monkeypatch, name):
    """The run itself is in test_holes.py, with params.yaml and code."""
    monkeypatch.chdir(own_copy.folder)
    content, run = Path(name).read_bytes(), bridge.Bridge(is_main_process=True)
    run.check_unedited()
    own_copy.append(name, "\n# edited\n")
    with pytest.raises(InputError, match=f"^{name} was edited during the run: nothing was recorded with DVC"):
        run.check_unedited()
    Path(name).write_bytes(content)


def test_the_clock_set_back(finished, study):
    """What was made before is from tomorrow then."""
    for path in study.folder.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 86_400 * 10**9))
    for path in study.folder.glob(".snakemake/metadata/*"):
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, **{key: record[key] + 86_400 for key in ("starttime", "endtime")}}))
    line = refusal(study, "snakemake")
    assert "is from the future; set the clock right, or run `python -m workflow.bridge sync` first" in line
    study.sync()
    assert study.nothing_to_do()
    study.path(RESULTS / "correlation.parquet").unlink()
    assert study.snakemake_would_run() == {"correlate", "report"}
    study.snakemake()
    assert study.results() == finished.results()
    assert study.nothing_to_do()
