"""Keep Snakemake and DVC in step, so that `snakemake` and `dvc repro` agree on what is stale.

Snakemake judges an output by its own record of the job that made it; DVC by content. So what
Snakemake made is committed to dvc.lock at the end of a run. When something else than a job has
changed results/ since (`dvc checkout`, `pull`, `exp apply`, `repro`), Snakemake's records are about
other files: it refuses to run (`workflow.checks`) until `python -m workflow.bridge sync` has mended
them. `workflow.records` says what is noted where, `workflow.locks` who waits for whom.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from gennas.errors import InputError
from workflow.checks import check_clock, check_outputs, check_space, check_writable, check_yaml, from_the_future
from workflow.locks import claim_folder, locked_for_dvc, restore_lock
from workflow.records import (
    AGREED,
    BEFORE,
    LOCK,
    content,
    damaged_shards,
    read_unrecorded,
    source_hashes,
    write,
    write_unrecorded,
)

#: Set for the Snakemake processes that `sync` starts itself.
SYNCING = "GENNAS_SYNC"
#: How often to look whether DVC still has space.
SECONDS = 5


def dvc(*arguments: str) -> None:
    """Run DVC; its error in one line if it fails.

    Where DVC keeps its notes on files, it tries for ever to write what a full disk refuses: it is stopped then.
    """
    from dvc.dirs import site_cache_dir  # here, like all of DVC, for the sake of Snakemake's start

    command = [sys.executable, "-m", "dvc", *arguments]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while True:
        try:
            output, _ = process.communicate(timeout=SECONDS)
            break
        except subprocess.TimeoutExpired:
            try:
                check_space(Path(), Path(site_cache_dir()))
            except InputError:
                process.kill()
                process.communicate()
                raise
    if process.returncode:
        lines = output.split("\n")
        reason = next((line for line in lines if line.startswith("ERROR: ")), "ERROR: no message")
        raise InputError(f"dvc {arguments[0]} failed: {reason.removeprefix('ERROR: ')}; mend that and run it again")


class Bridge:
    """What a Snakemake run does for DVC."""

    def __init__(self, is_main_process: bool) -> None:
        """Nothing is done in a job's own Snakemake, nor, but for the lock, in one that DVC or sync started."""
        self.syncing = SYNCING in os.environ
        self.active = is_main_process and not self.syncing and "DVC_STAGE" not in os.environ
        self.sources = source_hashes()
        self.lock_for_dvc = ExitStack()

    def check(self) -> None:
        """Refuse when Snakemake would judge by records that are about other files."""
        if self.active:
            check_writable()
            check_clock()
            check_yaml()
            check_outputs()

    def start(self, stages: Iterable[str]) -> None:
        """Before the first job: lock the folder, and note the stages, so that a killed run can go on."""
        if not self.syncing:
            self.run_lock = claim_folder()
        if self.active:
            atexit.register(self.lock_for_dvc.close)
            self.lock_for_dvc.enter_context(locked_for_dvc())
            write_unrecorded(read_unrecorded() | set(stages))

    def record(self, stages: Iterable[str]) -> None:
        """Commit finished stages, and no others, to dvc.lock and DVC's cache."""
        finished = sorted(stages)
        self.lock_for_dvc.close()
        if not (self.active and finished):
            return
        self.check_unedited()
        write(BEFORE, content(LOCK))
        try:
            dvc("commit", "--force", "--no-relink", *finished)  # quiet, it would not even name an error
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
    # Adopting marks everything as fresh, stale and damaged shards too: they have to go before.
    remove(damaged_shards())
    for path in from_the_future():
        path.touch()
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
    try:
        check_writable()
        with claim_folder():
            sync()
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
