"""Keep Snakemake and DVC in step, so that `snakemake` and `dvc repro` agree on what is stale.

Snakemake judges an output by its own record of the job that made it; DVC by content. What
Snakemake runs is therefore committed to dvc.lock at the end of the run, and a stamp (the hash of
dvc.lock) says which lock the files in results/ belong to. When DVC has changed them since
(checkout, pull, repro, exp apply), Snakemake's record is about other files: it refuses to run
until `python -m workflow.bridge sync` has brought its record up to date.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import yaml

from stages.errors import InputError

STAMP = Path(".snakemake/gennas-dvc-stamp")
LOCK = Path("dvc.lock")
#: Set for the Snakemake processes that `sync` starts itself.
SYNCING = "GENNAS_SYNC"
REMEDY = "run `python -m workflow.bridge sync`"


def digest(paths: Iterable[Path]) -> str:
    """One hash over names and contents; a missing file counts as such."""
    total = hashlib.sha256()
    for path in paths:
        content = path.read_bytes() if path.is_file() else b"missing"
        total.update(f"{path} {hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def sources() -> list[Path]:
    """What decides a result besides data: parameters, tasks, code, rules."""
    patterns = ("params.yaml", "tasks/*.yaml", "stages/**/*", "workflow/**/*.smk", "workflow/Snakefile")
    return sorted(path for pattern in patterns for path in Path().glob(pattern) if "__pycache__" not in path.parts)


def dvc(*arguments: str) -> str:
    """Run DVC; its error in one line if it fails."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise InputError(f"dvc {arguments[0]} failed: {reason[-1] if reason else 'no message'}")
    return done.stdout


def outputs(stage_names: Iterable[str] | None = None) -> list[Path]:
    """The outputs recorded in dvc.lock, of all stages or of some."""
    stages = (yaml.safe_load(LOCK.read_text()) or {}).get("stages", {}) if LOCK.is_file() else {}
    chosen = stages if stage_names is None else [name for name in stage_names if name in stages]
    return [Path(out["path"]) for name in chosen for out in stages[name].get("outs", [])]


def write_stamp() -> None:
    STAMP.parent.mkdir(exist_ok=True)
    STAMP.write_text(digest([LOCK]))


class Bridge:
    """What a Snakemake run does for DVC; nothing when DVC itself started it."""

    def __init__(self) -> None:
        self.active = not (os.environ.get("DVC_STAGE") or os.environ.get(SYNCING))
        self.sources = digest(sources())

    def check(self) -> None:
        """Refuse when results/ holds files that Snakemake's record is not about."""
        if not self.active:
            return
        if STAMP.is_file():
            moved = STAMP.read_text() != digest([LOCK]) and any(map(Path.exists, outputs()))
        else:
            moved = any(path.exists() and path.name not in GIT_TRACKED for path in outputs())
        if moved:
            raise InputError(f"dvc.lock or results/ changed outside of Snakemake; {REMEDY} first")

    def start(self) -> None:
        """Claim results/ before the first job, so that a killed run can go on."""
        if self.active:
            write_stamp()

    def record(self, stages: list[str]) -> None:
        """Commit the finished stages, and no others, to dvc.lock and DVC's cache."""
        if not self.active or not stages:
            return
        if digest(sources()) != self.sources:
            raise InputError(
                "params.yaml, a task or the code was edited during the run: its results were not "
                "recorded with DVC; run snakemake again"
            )
        dvc("commit", "--force", "--quiet", "--no-relink", *stages)
        write_stamp()


#: Outputs that a fresh clone has, because git tracks them (metrics).
GIT_TRACKED = ("metrics.json", "best.json")


def stale_stages() -> list[str]:
    """The stages DVC would run."""
    return [name.removeprefix("dvc.yaml:") for name in json.loads(dvc("status", "--json"))]


def sync() -> None:
    """After DVC changed results/: remove what it calls stale, let Snakemake adopt the rest."""
    stale = stale_stages()
    for path in outputs(stale):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    kept = [path for path in outputs() if path.exists()]
    files = [str(f) for path in kept for f in ([path] if path.is_file() else sorted(path.glob("**/*.parquet")))]
    if files:
        command = ["snakemake", "--touch", "--forceall", "--quiet", "all", "--cores", "1", "--", *files]
        subprocess.run(command, check=True, env={**os.environ, SYNCING: "1"})
    write_stamp()
    print(f"in step with dvc.lock: {len(kept)} outputs adopted, {len(stale)} stages to run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["sync"], help="bring Snakemake's record in step with results/")
    parser.parse_args()
    try:
        sync()
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
