"""Faults, injected (docs/reliability.md has the table): either the final bytes are those of an undisturbed run, or the
error is one line and nothing is lost.

What concerns the bridge alone is tried on the feather workflow (tests/feather); what needs a stage, on the toy study.
"""

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
from conftest import PROJECT, RESULTS, SHARDS, Feather, Study

from gennas.errors import InputError
from stages.support import artifacts
from workflow.bridge import checks, layout, locks, records
from workflow.bridge.run import Bridge

METRICS = RESULTS / "retrain" / "metrics.json"
#: The feather workflow's last result, fan-out files and largest file.
TOTAL, PARTS, NUMBERS = Path("results/total.txt"), "results/a/parts/*.txt", Path("results/a/numbers.txt")
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
    folders = (study.path(folder) for folder in ("results", "checkpoints", "scratch"))
    return [path for folder in folders for path in folder.rglob(".*") if path.name != ".gitignore"]


@pytest.fixture(scope="module")
def own_copy(finished, tmp_path_factory) -> Study:
    """A copy of the finished study, for tests that leave no trace."""
    return finished.copy(tmp_path_factory.mktemp("copy") / "study")


# --- killed -----------------------------------------------------------------------------------------------------------


def finished_files(study: Study, pattern: str) -> dict[Path, int]:
    """The modification times of the fan-out files that Snakemake has noted as finished."""
    incomplete = {Path(urlsafe_b64decode(path.name).decode()) for path in study.folder.glob(".snakemake/incomplete/*")}
    return {path: time for path, time in study.times(pattern).items() if path not in incomplete}


def children(process: subprocess.Popen[str]) -> dict[str, list[psutil.Process]]:
    """A Snakemake's stages (or shells of the feather workflow), and the workers that stages fork from a server."""
    stages, workers = [], []
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                command = " ".join(child.cmdline())
                if "-m stages." in command or ("code/pause.sh" in command and "-c" in child.cmdline()):
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


def run_killed(study: Study, pattern: str, last: Path, moments: list[tuple[int, float, str]]) -> None:
    """Run a study to its end in spite of a kill at each moment: no finished fan-out file is computed again.

    A moment is a number of finished files, then some seconds, and a victim. Killed jobs and workers are tried again by
    the same Snakemake (`--retries`); a killed Snakemake is started again.
    """
    draw = random.Random(2022)
    kept: dict[Path, int] = {}
    process = None
    for files, seconds, victim in moments:
        if process is None or process.poll() is not None:
            process = begin(study, "--cores", "2", "--retries", "20")
        end = time.monotonic() + 300
        while process.poll() is None and len([*study.folder.glob(".snakemake/metadata/*")]) < files:
            assert time.monotonic() < end, study.path("output.log").read_text()
            time.sleep(0.02)
        if victim == "worker":
            wait(study, process, lambda: children(process)["worker"])  # noqa: B023
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        if process.poll() is not None:  # it has come to its end
            assert process.returncode == 0, study.path("output.log").read_text()
            study.path(last).unlink()
            process = begin(study, "--cores", "2", "--retries", "20")
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        print(f"{files:2} files and {seconds:.1f} s: {kill(victim, process, draw)}")
        assert kept.items() <= study.times(pattern).items()
        kept = finished_files(study, pattern)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert kept.items() <= study.times(pattern).items()
    kept = finished_files(study, pattern)
    assert kept  # else nothing was at stake
    study.snakemake()
    assert kept.items() <= study.times(pattern).items()
    assert not half_written(study)
    assert study.nothing_to_do()


def test_killed_at_8_random_moments(finished_feather, fresh_feather):
    """Every byte is the same in the end. A part takes a second, so that kills find some at work."""
    fresh_feather.edit("params.yaml", "power: 2, seconds: 0", "power: 2, seconds: 1")
    draw = random.Random(2021)
    times = sorted((draw.randrange(7), draw.uniform(0, 1.5)) for _ in range(8))
    victims = draw.sample(["driver", "stage", "group"], 8, counts=[3, 3, 2])
    moments = [(*moment, victim) for moment, victim in zip(times, victims, strict=True)]
    run_killed(fresh_feather, PARTS, TOTAL, moments)
    assert fresh_feather.results() == finished_feather.results()


@pytest.mark.full
def test_killed_at_20_random_moments(finished, fresh):
    """The same of real stages; the searches, which have workers, come early."""
    draw = random.Random(2021)
    times = sorted((draw.randrange(30), draw.uniform(0, 5)) for _ in range(16))
    times = [(0, draw.uniform(0, 1)) for _ in range(4)] + times
    victims = ["worker"] * 4 + draw.sample(["driver", "stage", "group"], 16, counts=[6, 5, 5])
    moments = [(*moment, victim) for moment, victim in zip(times, victims, strict=True)]
    run_killed(fresh, SHARDS, RESULTS / "report.html", moments)
    assert fresh.results() == finished.results()


def test_half_written_files_of_a_killed_job_are_removed(own_feather, monkeypatch):
    monkeypatch.chdir(own_feather.folder)
    for folder in (Path("results/a/parts"), Path("scratch/a")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".artifact.123.tmp").write_text("half a page")
    assert len(half_written(own_feather)) == 2
    locks.claim_folder(layout.read_layout()).close()
    assert not half_written(own_feather)


def test_a_run_killed_while_dvc_was_told_is_told_by_the_next(feather):
    """DVC empties dvc.lock to write it anew; then there is no job left that would lead to another commit."""
    state, lock = feather.path(".snakemake/bridge"), feather.path("dvc.lock")
    recorded = lock.read_bytes()
    (state / "unrecorded").write_text(" ".join(yaml.safe_load(recorded)["stages"]))
    (state / "before").write_bytes(b"")
    (state / "dvc.lock").unlink()
    lock.write_bytes(b"")
    feather.snakemake()
    assert yaml.safe_load(lock.read_bytes()) == yaml.safe_load(recorded)
    assert feather.nothing_to_do()


def end(process: subprocess.Popen[str]) -> None:
    """Kill a Snakemake and its jobs, if they are still there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def under_way(
    workflow: Study | Feather, log: str, target: Path, old: str, new: str
) -> Iterator[tuple[Study | Feather, subprocess.Popen[str]]]:
    """A workflow with another parameter, of which the job with that log is running, and the Snakemake at it."""
    workflow.path(log).unlink()
    workflow.edit("params.yaml", old, new)
    process = begin(workflow, str(target))
    try:
        wait(workflow, process, workflow.path(log).exists)
        yield workflow, process
    finally:
        end(process)


@pytest.fixture
def retraining(study):
    """A study whose architecture is being retrained, and the Snakemake at it."""
    with under_way(study, "logs/nasbench201/retrain.log", METRICS, "epochs: 2", "epochs: 20") as running:
        yield running


@pytest.fixture
def totalling(feather):
    """A feather workflow whose last job waits for a file `go`, and the Snakemake at it."""
    old, new = "total: { factor: 1, seconds: 0 }", "total: { factor: 2, seconds: 60 }"
    with under_way(feather, "logs/total.log", TOTAL, old, new) as running:
        yield running


def restore_total(finished: Feather, feather: Feather) -> None:
    """Put the parameters back, run, and compare."""
    feather.path("go").unlink(missing_ok=True)
    feather.edit("params.yaml", "total: { factor: 2, seconds: 60 }", "total: { factor: 1, seconds: 0 }")
    feather.snakemake(str(TOTAL))
    assert feather.results() == finished.results()


def test_a_killed_job_is_named(totalling):
    feather, process = totalling
    children(process)["stage"][0].kill()
    assert process.wait() != 0
    lines = errors(feather.path("output.log").read_text())
    assert lines == ["error: total failed; logs/total.log says why"]
    assert not feather.path(TOTAL).exists()


def test_jobs_that_outlive_snakemake_are_waited_for(finished_feather, totalling):
    """Else the old job could put its result, made with old parameters, in the place of the new one."""
    feather, process = totalling
    process.kill()
    feather.edit("params.yaml", "total: { factor: 2, seconds: 60 }", "total: { factor: 1, seconds: 0 }")
    following = begin(feather, str(TOTAL))
    wait(feather, following, lambda: "waiting for the jobs that a killed" in feather.path("output.log").read_text())
    time.sleep(0.5)
    assert following.poll() is None
    feather.path("go").touch()
    assert following.wait(60) == 0, feather.path("output.log").read_text()
    assert feather.results() == finished_feather.results()


# --- interrupted ------------------------------------------------------------------------------------------------------


def no_job_is_left(study: Study) -> None:
    with study.path(".snakemake/bridge/jobs.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not half_written(study)


@pytest.mark.parametrize("who", ["group", "driver"])
def test_ctrl_c_ends_a_run(finished_feather, totalling, who):
    """A terminal sends SIGINT to the whole group. Snakemake alone waits until its jobs end."""
    feather, process = totalling
    os.killpg(process.pid, signal.SIGINT) if who == "group" else process.send_signal(signal.SIGINT)
    if who == "driver":
        time.sleep(0.5)
        assert process.poll() is None
        feather.path("go").touch()
    assert process.wait(120) != 0
    errors(feather.path("output.log").read_text())
    no_job_is_left(feather)
    restore_total(finished_feather, feather)


def test_ctrl_c_ends_a_stage_in_one_line(finished, retraining):
    """What it has trained so far is kept, and gone on with."""
    study, process = retraining
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) != 0
    lines = errors(study.path("output.log").read_text())
    assert [line for line in lines if "interrupted" in line] == ["error: interrupted; run it again to go on"]
    no_job_is_left(study)
    study.edit("params.yaml", "epochs: 20", "epochs: 2")
    study.snakemake(str(METRICS))
    assert study.results() == finished.results()


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


@contextmanager
def on_small_disk(study: Study, disk: Path) -> Iterator[Study]:
    """A copy of a study on a disk of its own, with DVC's notes."""
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
        yield study.copy(disk / "study")


def leave_free(study: Study, kilobytes: int) -> None:
    """Make the disk of a study as large as what is on it, and some more."""
    disk = os.statvfs(study.folder)
    size = (disk.f_blocks - disk.f_bfree) * disk.f_frsize + 1024 * kilobytes
    subprocess.run(["mount", "-o", f"remount,size={size}", study.folder.parent], check=True)


def fill_disk(finished: Study, study: Study, target: Path, complaints: list[str]) -> None:
    """Full at the start, while a job writes, while DVC copies; then there is space, and the run ends well."""
    lock = study.path("dvc.lock").read_bytes()
    md5 = {path: md5 for outs in finished_outputs(study).values() for path, md5 in outs.items()}[target]
    study.path(Path(".dvc/cache/files/md5", md5[:2], md5[2:])).unlink()
    study.path(target).unlink()
    for kilobytes, complaint in zip((0, 600, 1900), complaints, strict=True):
        leave_free(study, kilobytes)
        code, output = study.run("snakemake", str(target))
        assert code != 0 and any(line.startswith(complaint) for line in errors(output)), output
        assert len(errors(output)) <= (2 if kilobytes == 600 else 1), output  # a stage's, and which one it was
        assert study.path("dvc.lock").read_bytes() == lock
        assert not half_written(study)
    leave_free(study, 1 << 14)
    study.snakemake(str(target))
    assert study.results() == finished.results()
    assert study.nothing_to_do()


def test_a_full_disk(finished_feather, tmp_path):
    with on_small_disk(finished_feather, tmp_path / "disk") as study:
        full = f"error: {study.folder}: its disk is full; free space on it and run it again"
        fill_disk(finished_feather, study, NUMBERS, [full, "error: draw failed; logs/a/draw.log", "error: dvc "])


@pytest.mark.full
def test_a_full_disk_under_a_stage(finished, tmp_path):
    """The stage says in one line which file could not be written."""
    with on_small_disk(finished, tmp_path / "disk") as study:
        full, benchmark = "No space left on device); free space on its disk", RESULTS / "benchmark.parquet"
        complaints = [f"error: {study.folder}: its disk is full", f"error: {benchmark}: cannot be written ({full}", ""]
        fill_disk(finished, study, benchmark, complaints)


def finished_outputs(study: Study) -> dict[str, dict[Path, str]]:
    """The MD5 of the outputs in dvc.lock."""
    stages = yaml.safe_load(study.path("dvc.lock").read_bytes())["stages"]
    return {name: {Path(out["path"]): out["md5"] for out in stage["outs"]} for name, stage in stages.items()}


def test_dvc_does_not_try_for_ever_to_write_to_a_full_disk(finished_feather, tmp_path):
    script = "from workflow.bridge import run; run.dvc('commit', '--force', 'draw@a')"
    with on_small_disk(finished_feather, tmp_path / "disk") as study:
        shutil.rmtree(study.path(".dvc/cache"))
        leave_free(study, 0)
        process = study.start("python", "-c", script)
        output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert ".errors.InputError: " in output.splitlines()[-1], output


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that not even root may write to."""
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield


def test_a_read_only_folder(finished_feather, feather):
    feather.path(TOTAL).unlink()
    for path in (feather.folder, feather.path("results")):
        with read_only(path):
            for command in (["snakemake"], ["python", "-m", "workflow.bridge", "sync"]):
                assert refusal(feather, *command) == f"error: {path}: is read-only; make it writable"
    feather.snakemake()
    assert feather.results() == finished_feather.results()


def test_a_folder_that_becomes_read_only_during_a_run(finished_feather, totalling):
    feather, process = totalling
    with read_only(feather.path("results")):
        feather.path("go").touch()
        assert process.wait(120) != 0
    restore_total(finished_feather, feather)


@pytest.mark.full
def test_a_folder_that_becomes_read_only_under_a_stage(finished, retraining):
    study, process = retraining
    with read_only(study.path("results")):
        assert process.wait(120) != 0
    # Snakemake itself ends in a traceback then, since it removes empty folders.
    complaint = "cannot be written (Read-only file system); make its folder writable and run it again"
    assert f"error: {RESULTS}/retrain/history.parquet: {complaint}\n" in study.path("output.log").read_text()
    study.edit("params.yaml", "epochs: 20", "epochs: 2")
    study.snakemake(str(METRICS))
    assert study.results() == finished.results()


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


def test_what_was_damaged_is_made_again(finished_feather, feather):
    """Every artifact of two stages, and two fan-out files, each damaged in another way."""
    names = ["results/a/squares.txt", "results/total.txt", "results/total.json", "results/a/parts/0.txt"]
    paths = [feather.path(name) for name in [*names, "results/a/parts/2.txt"]]
    for number, path in enumerate(paths):
        path.write_bytes([*DAMAGE.values()][number % len(DAMAGE)](2 * path.read_bytes() + bytes(60)))
    assert refusal(feather, "snakemake").endswith(f" changed outside of Snakemake; {records.REMEDY}")
    feather.sync()
    assert feather.times(PARTS).keys() == {Path("results/a/parts/1.txt")}
    assert feather.path(NUMBERS).exists()  # what is whole is kept
    feather.snakemake()
    assert feather.results() == finished_feather.results()
    assert feather.nothing_to_do()


def test_a_fan_out_file_that_no_job_has_made_is_not_gathered(feather):
    """There is no record of it, neither of its own job nor of one that gathered it."""
    feather.edit("params.yaml", "parts: 3", "parts: 4")
    feather.path("results/a/parts/3.txt").write_text("961\n")
    line = f"error: results/a/parts/3.txt was made outside of Snakemake; {records.REMEDY}"
    assert refusal(feather, "snakemake") == line
    for name in ("results/a/squares.txt", "results/total.txt"):
        feather.path(name).unlink()  # nothing that could be adopted leads to it
    feather.sync()
    assert len(feather.times(PARTS)) == 3
    feather.snakemake()
    assert feather.path("results/a/squares.txt").read_text().splitlines()[-1] == "1600"


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


def test_damaged_records_of_snakemake_cost_no_more_than_time(finished_feather, feather):
    """Cut by a full disk or a kill: of an artifact that DVC knows, and of a fan-out file, which nobody else does."""
    for name, record in (("results/total.txt", b'{"rule": "tot'), ("results/a/parts/1.txt", b"")):
        record_of(feather, name).write_bytes(record)
    feather.snakemake()
    assert feather.results() == finished_feather.results()


def record_of(study: Study, output: str) -> Path:
    """The file in which Snakemake notes how an output was made."""
    names = {urlsafe_b64decode(path.name).decode(): path for path in study.folder.glob(".snakemake/metadata/*")}
    return names[output]


# --- two at once, edits, the clock ------------------------------------------------------------------------------------


def test_a_second_run_is_refused_and_harms_nothing(finished_feather, totalling):
    """`dvc repro` would remove what it calls stale, even what the first run has just made."""
    feather, process = totalling
    before = feather.results()
    assert refusal(feather, "snakemake") == "error: another `snakemake` is at work in this folder; wait until it ends"
    code, output = feather.run("dvc", "repro")
    assert code != 0 and any(refused in output for refused in DVC_REFUSES), output
    assert feather.snakemake_would_run() == {"total"}  # planning is always possible
    assert before.items() <= feather.results().items()
    feather.path("go").touch()
    assert process.wait(120) == 0
    restore_total(finished_feather, feather)


def test_beside_a_dvc_repro(feather):
    """Another one is refused, and so is `snakemake`."""
    log, repro = feather.path("logs/total.log"), ("dvc", "repro", "--single-item", "total")
    log.unlink()
    feather.edit("params.yaml", "total: { factor: 1, seconds: 0 }", "total: { factor: 2, seconds: 60 }")
    first = feather.start(*repro)
    end = time.monotonic() + 60
    while not log.exists():
        assert first.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    others = [feather.start(*repro), feather.start("snakemake")]
    by_dvc, by_snakemake = (process.communicate(timeout=120)[0] for process in others)
    assert all(process.returncode for process in others)
    assert any(refused in by_dvc for refused in DVC_REFUSES) and "Traceback" not in by_dvc, by_dvc
    assert len(errors(by_snakemake)) == 1, by_snakemake
    feather.path("go").touch()
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    feather.sync()
    assert feather.nothing_to_do()


@pytest.mark.parametrize("name", ["gennas/regression/tasks/combo.yaml", "dvc.yaml", "workflow/rules/retrain.smk"])
def test_a_file_edited_during_a_run_is_not_blessed(own_copy, monkeypatch, name):
    """The run itself is in test_holes.py, with params.yaml and code."""
    monkeypatch.chdir(own_copy.folder)
    content, run = Path(name).read_bytes(), Bridge(layout.read_layout(), is_main_process=True)
    run.check_unedited()
    own_copy.append(name, "\n# edited\n")
    with pytest.raises(InputError, match=f"^{name} was edited during the run: nothing was recorded with DVC"):
        run.check_unedited()
    Path(name).write_bytes(content)


def test_the_clock_set_back(finished_feather, feather):
    """What was made before is from tomorrow then."""
    for path in feather.folder.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 86_400 * 10**9))
    for path in feather.folder.glob(".snakemake/metadata/*"):
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, **{key: record[key] + 86_400 for key in ("starttime", "endtime")}}))
    line = refusal(feather, "snakemake")
    assert "is from the future; set the clock right, or run `python -m workflow.bridge sync` first" in line
    feather.sync()
    assert feather.times(PARTS).keys() == finished_feather.times(PARTS).keys()
    assert feather.nothing_to_do()
    feather.path(TOTAL).unlink()
    assert feather.snakemake_would_run() == {"total"}
    feather.snakemake()
    assert feather.results() == finished_feather.results()
    assert feather.nothing_to_do()
