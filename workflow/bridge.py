"""Keep Snakemake and DVC in step, so that `snakemake` and `dvc repro` agree on what is stale.

Snakemake judges an output by its own record of the job that made it; DVC by content. So what
Snakemake made is committed to dvc.lock at the end of a run. When something else than a job has
changed results/ since (`dvc checkout`, `pull`, `exp apply`, `repro`), Snakemake's records are about
other files: it refuses to run until `python -m workflow.bridge sync` has mended them.

The bridge's own state is in .snakemake/gennas/, all of it safe to lose:
    dvc.lock    dvc.lock as it was when results/ and Snakemake's records last agreed with it
    unrecorded  the stages that were begun since, and not yet committed with DVC
    before      dvc.lock as it was before DVC began to write it; gone when DVC has done so
    run.lock    locked by the running Snakemake
    jobs.lock   locked by each of its jobs
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import yaml
from ruamel.yaml import YAML

from stages.errors import InputError

PARAMS, PIPELINE, LOCK = Path("params.yaml"), Path("dvc.yaml"), Path("dvc.lock")
RECORDS = Path(".snakemake")
STATE = RECORDS / "gennas"
AGREED, UNRECORDED, BEFORE = STATE / "dvc.lock", STATE / "unrecorded", STATE / "before"
RUN_LOCK, JOBS_LOCK = STATE / "run.lock", STATE / "jobs.lock"
#: Set for the Snakemake processes that `sync` starts itself.
SYNCING = "GENNAS_SYNC"
REMEDY = "run `python -m workflow.bridge sync` first"
#: Every job's shell begins so: a job that outlives a killed Snakemake keeps the lock until it ends.
JOB_PREFIX = (
    "set -euo pipefail; "  # as without a prefix
    f"exec 9<>{JOBS_LOCK}; python -S -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_SH)'; "
)


def content(path: Path) -> bytes:
    """What a file holds; nothing if it is not there."""
    return path.read_bytes() if path.is_file() else b""


def write(path: Path, data: bytes) -> None:
    """Replace a file at once, since a run may be killed at any moment."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def source_hashes() -> dict[Path, str]:
    """The hashes of what decides a result besides data: parameters, tasks, code, rules."""
    patterns = ("params.yaml", "tasks/*.yaml", "stages/**/*", "workflow/**/*.smk", "workflow/Snakefile")
    paths = {path for pattern in patterns for path in Path().glob(pattern)}
    files = {path for path in paths if path.is_file() and "__pycache__" not in path.parts}
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def dvc(*arguments: str) -> None:
    """Run DVC; its error in one line if it fails."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise InputError(f"dvc {arguments[0]} failed: {reason[-1] if reason else 'no message'}")


def recorded_outputs() -> dict[str, dict[Path, str]]:
    """The outputs in dvc.lock with their MD5, by stage; as they were, while DVC is writing it."""
    try:
        lock = yaml.safe_load(content(BEFORE if BEFORE.exists() else LOCK)) or {}
    except yaml.YAMLError as error:
        raise InputError(f"{LOCK}: not readable as YAML; settle the merge, or `git checkout {LOCK}`") from error
    stages = lock.get("stages", {})
    return {name: {Path(o["path"]): o["md5"] for o in stages[name].get("outs", [])} for name in stages}


def differences(one: Any, other: Any, key: str = "") -> Iterator[str]:
    """The keys below `key` under which two trees of values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in {**one, **other}:
            yield from differences(one.get(name), other.get(name), f"{key}.{name}".strip("."))
    elif one != other or type(one) is not type(other):
        yield f"{key}: Snakemake (YAML 1.1) reads {one!r}, DVC (YAML 1.2) reads {other!r}"


def check_yaml() -> None:
    """Refuse parameters that the two tools would read differently, such as 012, 12:30 and yes."""
    text = PARAMS.read_text(encoding="utf-8")
    for difference in differences(yaml.safe_load(text), YAML(typ="safe").load(text)):
        raise InputError(f"{PARAMS}: {difference}; write it in another way")


def check_declared(stage: str, inputs: Iterable[str]) -> None:
    """Refuse when a stage, `name@space`, reads a file that is not among its deps in dvc.yaml."""
    name, space = stage.split("@")
    deps = yaml.safe_load(PIPELINE.read_bytes())["stages"][name]["do"]["deps"]
    declared = {dep.replace("${item}", space) for dep in deps}
    missing = [path for path in inputs if declared.isdisjoint({path, *map(str, Path(path).parents)})]
    if missing:
        raise InputError(f"{PIPELINE}: add to the deps of {name}, which reads them: {', '.join(sorted(missing))}")


def job_time(path: Path) -> float | None:
    """The modification time that an output had when its job ended; None if Snakemake has no record."""
    name = urlsafe_b64encode(str(path).encode()).decode()
    try:
        record = json.loads((RECORDS / "metadata" / name).read_bytes())
    except (OSError, ValueError):
        return None
    time: float = record["endtime"]
    return time


def is_incomplete(path: Path) -> bool:
    """Whether the job that makes an output was killed; it runs again, whatever is there."""
    return (RECORDS / "incomplete" / urlsafe_b64encode(str(path).encode()).decode()).exists()


def check_outputs() -> None:
    """Refuse when results/ holds files that Snakemake's records are not about.

    A killed run is no reason: what its jobs made bears the time that Snakemake noted. Nor is a file
    that was only touched. Nor are the metrics of a fresh clone, which git brings: with another
    output missing, their stage runs in any case.
    """
    outputs, unrecorded = recorded_outputs(), read_unrecorded()
    agreed = content(AGREED) == content(LOCK)
    complete = {stage for stage, paths in outputs.items() if all(path.exists() for path in paths)}
    if complete and not agreed and not unrecorded:
        raise InputError(f"{LOCK} changed outside of Snakemake; {REMEDY}")
    for stage, paths in outputs.items():
        for path, md5 in paths.items():
            time = job_time(path)
            if not path.exists() or is_incomplete(path) or path.lstat().st_mtime == time:
                continue
            if time is None and stage not in complete:
                continue
            if agreed and stage not in unrecorded and hashlib.md5(path.read_bytes()).hexdigest() == md5:
                continue
            raise InputError(f"{path} changed outside of Snakemake; {REMEDY}")


def read_unrecorded() -> set[str]:
    return set(content(UNRECORDED).decode().split())


def write_unrecorded(stages: Iterable[str]) -> None:
    write(UNRECORDED, " ".join(sorted(stages)).encode())


def locked(path: Path, wait: bool = False) -> IO[bytes]:
    """A file that this process alone has locked; the kernel unlocks it when the process ends, or is killed."""
    handle = path.open("ab")
    fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def claim_folder() -> IO[bytes]:
    """Refuse beside another run; wait for the jobs that outlived a killed one, whose results may be old."""
    try:
        run = locked(RUN_LOCK)
    except BlockingIOError:
        raise InputError("another `snakemake` is at work in this folder; wait until it ends") from None
    try:
        locked(JOBS_LOCK).close()
    except BlockingIOError:
        print("waiting for the jobs that a killed `snakemake` left behind", file=sys.stderr)
        locked(JOBS_LOCK, wait=True).close()
    restore_lock()
    for half_written in Path().glob("results/**/.*.tmp"):
        half_written.unlink()
    return run


def restore_lock() -> None:
    """Undo a commit that did not come to its end: DVC was killed, and had emptied dvc.lock to write it anew."""
    if BEFORE.exists():
        LOCK.unlink(missing_ok=True)
        if content(BEFORE):
            write(LOCK, content(BEFORE))
        BEFORE.unlink()


class Bridge:
    """What a Snakemake run does for DVC."""

    def __init__(self, is_main_process: bool) -> None:
        """Nothing is done in a job's own Snakemake, nor, but for the lock, in one that DVC or sync started."""
        STATE.mkdir(parents=True, exist_ok=True)
        self.syncing = SYNCING in os.environ
        self.active = is_main_process and not self.syncing and "DVC_STAGE" not in os.environ
        self.sources = source_hashes()

    def check(self) -> None:
        """Refuse when Snakemake would judge by records that are about other files."""
        if self.active:
            check_yaml()
            check_outputs()

    def start(self, stages: Iterable[str]) -> None:
        """Before the first job: lock the folder, and note the stages, so that a killed run can go on."""
        if not self.syncing:
            self.run_lock = claim_folder()
        if self.active:
            write_unrecorded(read_unrecorded() | set(stages))

    def record(self, stages: Iterable[str]) -> None:
        """Commit finished stages, and no others, to dvc.lock and DVC's cache."""
        finished = sorted(stages)
        if not (self.active and finished):
            return
        self.check_unedited()
        write(BEFORE, content(LOCK))
        try:
            dvc("commit", "--force", "--quiet", "--no-relink", *finished)
            self.check_unedited()  # DVC has read the files once more
        except InputError:
            restore_lock()
            raise
        BEFORE.unlink()
        write(AGREED, content(LOCK))
        write_unrecorded(read_unrecorded() - set(finished))

    def record_rest(self, stages: Iterable[str]) -> None:
        """Commit what a run that was killed had finished, when there is nothing else to do."""
        finished = read_unrecorded() & set(stages)
        if self.active and finished:
            self.run_lock = claim_folder()
            self.record(finished)

    def check_unedited(self) -> None:
        """Refuse when DVC would credit the results to a file that was edited since the run began."""
        now = source_hashes()
        edited = sorted(path for path in now.keys() | self.sources if now.get(path) != self.sources.get(path))
        if edited:
            raise InputError(
                f"{edited[0]} was edited during the run: nothing was recorded with DVC; run snakemake again"
            )


def snakemake(*arguments: str) -> str:
    """Run Snakemake past the bridge's checks."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, SYNCING: "1"})
    if done.returncode:
        raise InputError(f"snakemake failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return done.stdout


def stale_others(outputs: set[Path]) -> list[Path]:
    """Files that Snakemake alone keeps, the shards, and would make again."""
    rows = [line.split("\t") for line in snakemake("--summary").splitlines()[1:]]
    stale = {Path(row[0]) for row in rows if row[-1] == "update pending"}
    return sorted(path for path in stale - outputs if path.exists())


def remove(paths: Iterable[Path]) -> None:
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def sync() -> None:
    """After something else changed results/: remove what is stale, let Snakemake adopt the rest."""
    from dvc.repo import Repo  # here, since it is slow to import and every Snakemake imports this module

    with Repo() as repo:
        stale = repo.status().keys()
        outputs = {stage.addressing: [Path(str(out)) for out in stage.outs] for stage in repo.index.stages}
    remove(path for stage in stale for path in outputs[stage])
    every = {path for paths in outputs.values() for path in paths}
    # Adopting marks everything as fresh, stale shards too: they have to go before.
    remove(stale_others(every))
    adopted = sorted(path for path in every if path.exists())
    if adopted:
        snakemake("--touch", "--forceall", "--", *map(str, adopted))
    write(AGREED, content(LOCK))
    write_unrecorded([])
    print(f"in step with {LOCK}: {len(adopted)} outputs adopted, {len(stale)} stages to run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["sync"], help="bring Snakemake's records in step with results/")
    parser.parse_args()
    STATE.mkdir(parents=True, exist_ok=True)
    try:
        with claim_folder():
            sync()
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
