"""Who may work on a study's files: one Snakemake at a time and its jobs, or DVC. A lock ends with its holder."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gennas.errors import InputError
from gennas.files.atomic import writing
from workflow.bridge.layout import Layout
from workflow.bridge.records import BEFORE, LOCK, STATE, content

RUN_LOCK, JOBS_LOCK = STATE / "run.lock", STATE / "jobs.lock"
#: Every job's shell begins so: a job that outlives a killed Snakemake keeps the lock until it ends.
JOB_PREFIX = (
    "set -euo pipefail; "  # as without a prefix
    f"exec 9<>{JOBS_LOCK}; python -S -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_SH)'; "
)


def locked(path: Path, wait: bool = False) -> IO[bytes]:
    """A file that this process alone has locked; the kernel unlocks it when the process ends, or is killed."""
    handle = path.open("ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:  # such as Lustre mounted without them
        raise InputError(
            f"{path.resolve()}: this file system has no locks ({error.strerror}); work on one that has"
        ) from error
    return handle


def claim_folder(layout: Layout) -> IO[bytes]:
    """Refuse beside another run; wait for the jobs that outlived a killed one, whose results may be old."""
    with writing(STATE):
        STATE.mkdir(parents=True, exist_ok=True)
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
    for folder in layout.written_folders():
        for half_written in folder.glob("**/.*.tmp"):
            half_written.unlink()
    return run


def restore_lock() -> None:
    """Undo a commit that did not come to its end: DVC was killed, and had emptied dvc.lock to write it anew."""
    if content(BEFORE):
        BEFORE.replace(LOCK)  # on a full disk, too
    elif BEFORE.exists():
        LOCK.unlink(missing_ok=True)
        BEFORE.unlink()


@contextmanager
def locked_for_dvc(layout: Layout) -> Iterator[None]:
    """Let `dvc repro` refuse to begin: it would remove what this run has made, before its own Snakemake is refused."""
    from dvc.fs import localfs  # here, like all of DVC, for the sake of Snakemake's start
    from dvc.lock import LockError
    from dvc.rwlock import _edit_rwlock, rwlock  # DVC has no public way; `second_run` of test_faults.py would notice

    folder, results = Path(".dvc/tmp").resolve(), [str(path.resolve()) for path in layout.result_folders()]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with _edit_rwlock(str(folder), localfs, False) as held:
                for path in results:  # a killed one's, whose process DVC takes for alive if it is a zombie
                    if held["write"].get(path, {}).get("cmd") == "snakemake":
                        del held["write"][path]
            with rwlock(str(folder), localfs, "snakemake", [], results, False):
                yield
        except LockError:
            raise InputError("a `dvc` command is at work in this folder; wait until it ends") from None
