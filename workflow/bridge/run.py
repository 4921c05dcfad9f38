"""What a Snakemake run does for DVC."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from gennas.errors import InputError
from workflow.bridge.checks import check_clock, check_outputs, check_space, check_writable, check_yaml
from workflow.bridge.layout import Layout
from workflow.bridge.locks import claim_folder, locked_for_dvc, restore_lock
from workflow.bridge.records import AGREED, BEFORE, LOCK, content, hashes, read_unrecorded, write, write_unrecorded

#: Set for the Snakemake process that `sync` starts itself.
SYNCING = "BRIDGE_SYNC"
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
    errors = [line.removeprefix("ERROR: ") for line in output.split("\n") if line.startswith("ERROR: ")]
    # `dvc commit` ends well when a file could not be copied to the cache, and has said so in a line.
    if process.returncode or errors:
        reason = errors[0] if errors else "no message"
        raise InputError(f"dvc {arguments[0]} failed: {reason}; fix that and run it again")


class Bridge:
    """The bridge of one Snakemake process."""

    def __init__(self, layout: Layout, is_main_process: bool) -> None:
        """Nothing is done in a job's own Snakemake, nor, but for the lock, in one that DVC or sync started."""
        self.layout = layout
        self.syncing = SYNCING in os.environ
        self.active = is_main_process and not self.syncing and "DVC_STAGE" not in os.environ
        self.sources = hashes(layout.source_files())
        self.lock_for_dvc = ExitStack()

    def check(self) -> None:
        """Refuse when Snakemake would judge by records that are about other files."""
        if self.active:
            check_writable(self.layout)
            check_clock(self.layout)
            check_yaml()
            check_outputs()

    def start(self, stages: Iterable[str]) -> None:
        """Before the first job: lock the folder, and note the stages, so that a killed run can go on."""
        if not self.syncing:
            self.run_lock = claim_folder(self.layout)
        if self.active:
            atexit.register(self.lock_for_dvc.close)
            self.lock_for_dvc.enter_context(locked_for_dvc(self.layout))
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
            self.run_lock = claim_folder(self.layout)
            self.record(finished)

    def check_unedited(self) -> None:
        """Refuse when DVC would credit the results to a file that was edited since the run began."""
        now = hashes(self.layout.source_files())
        edited = sorted(path for path in now.keys() | self.sources if now.get(path) != self.sources.get(path))
        if edited:
            raise InputError(
                f"{edited[0]} was edited during the run: nothing was recorded with DVC; run snakemake again"
            )
