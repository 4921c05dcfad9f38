"""`python -m workflow.bridge sync`: bring Snakemake's records in step with the results, and with dvc.lock."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from gennas.errors import InputError
from workflow.bridge.checks import check_writable, from_the_future
from workflow.bridge.layout import Layout, read_layout
from workflow.bridge.locks import claim_folder
from workflow.bridge.records import (
    AGREED,
    LOCK,
    content,
    damaged,
    fan_out_files,
    recorded_outputs,
    write,
    write_unrecorded,
)
from workflow.bridge.run import SYNCING


def adopt(outputs: Iterable[Path]) -> None:
    """Let Snakemake take for its own what is there; first, by bridge.smk, it removes stale fan-out files."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", "--touch", "--forceall"]
    done = subprocess.run(
        [*command, "--", *map(str, outputs)], capture_output=True, text=True, env={**os.environ, SYNCING: "1"}
    )
    if done.returncode:
        raise InputError(f"snakemake failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")


def remove(paths: Iterable[Path]) -> None:
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def sync(layout: Layout) -> None:
    """After something else changed the results: remove what is stale, let Snakemake adopt the rest."""
    from dvc.repo import Repo  # here, since it is slow to import and `--help` does without

    with Repo() as repo:
        stale = repo.status().keys()
        outputs = {stage.addressing: [Path(str(out)) for out in stage.outs] for stage in repo.index.stages}
    remove(path for stage in stale for path in outputs[stage])
    # Adopting marks everything as fresh: what is damaged has to go before.
    remove(damaged(fan_out_files(recorded_outputs())))
    for path in from_the_future(layout):
        path.touch()
    if any(path.is_file() for folder in layout.result_folders() for path in folder.rglob("*")):
        adopt(sorted(chain.from_iterable(outputs.values())))
    write(AGREED, content(LOCK))
    write_unrecorded([])
    adopted = sum(path.exists() for path in chain.from_iterable(outputs.values()))
    print(f"in step with {LOCK}: {adopted} outputs adopted, {len(stale)} stages to run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["sync"], help="bring Snakemake's records in step with the results")
    parser.parse_args()
    try:
        layout = read_layout()
        check_writable(layout)
        with claim_folder(layout):
            sync(layout)
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
