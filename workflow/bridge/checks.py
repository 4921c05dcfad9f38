"""When a Snakemake must not begin: each check is one line that says why, and what to do."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from gennas.errors import InputError
from gennas.files.documents import read_yaml
from workflow.bridge.layout import Layout
from workflow.bridge.records import (
    AGREED,
    LOCK,
    PARAMS,
    PIPELINE,
    RECORDS,
    REMEDY,
    content,
    damaged,
    fan_out_files,
    is_incomplete,
    job_outputs,
    job_time,
    pipeline_stages,
    read_unrecorded,
    recorded_outputs,
)

#: Bytes without which a run does not start: Snakemake's log and records alone need about these.
LEAST_FREE = 1 << 18
#: Seconds by which the clock of a file server may be ahead.
TOLERANCE = 60


def check_writable(layout: Layout) -> None:
    """Refuse where nothing can be written, which Snakemake would report in many lines, or tracebacks."""
    for folder in (Path(), RECORDS, *layout.written_folders()):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise InputError(f"{folder.resolve()}: is read-only; make it writable")
        check_space(folder)


def check_space(*folders: Path) -> None:
    """Refuse when a disk is full."""
    for folder in folders:
        if folder.exists() and shutil.disk_usage(folder).free < LEAST_FREE:
            raise InputError(f"{folder.resolve()}: its disk is full; free space on it and run it again")


def check_clock(layout: Layout) -> None:
    """Refuse where every job would fail, since Snakemake refuses outputs that are older than their inputs."""
    for path in from_the_future(layout):
        raise InputError(f"{path}: is from the future; set the clock right, or {REMEDY}")


def from_the_future(layout: Layout) -> list[Path]:
    """Files that a job may read and that are newer than what it writes now: the clock was set back."""
    ahead = []
    for path in layout.files():
        with suppress(FileNotFoundError):  # a running job has renamed it
            if path.is_file() and path.stat().st_mtime > time.time() + TOLERANCE:
                ahead.append(path)
    return sorted(ahead)


def check_yaml() -> None:
    """Refuse parameters that the two tools would read differently, such as 012, 12:30 and yes."""
    by_snakemake = read_yaml(PARAMS)
    try:
        by_dvc = YAML(typ="safe").load(PARAMS.read_text(encoding="utf-8"))
    except Exception as error:  # a YAMLError, or whatever odd scalars raise
        raise InputError(f"{PARAMS}: DVC cannot read it ({error}); write it in another way") from error
    for difference in differences(by_snakemake, by_dvc):
        raise InputError(f"{PARAMS}: {difference}; write it in another way")


def differences(one: Any, other: Any, key: str = "") -> Iterator[str]:
    """The keys below `key` under which two trees of values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in {**one, **other}:
            yield from differences(one.get(name), other.get(name), f"{key}.{name}".strip("."))
    elif one != other or type(one) is not type(other):
        yield f"{key}: Snakemake (YAML 1.1) reads {one!r}, DVC (YAML 1.2) reads {other!r}"


def check_declared(stage: str, inputs: Iterable[str]) -> None:
    """Refuse when a stage, `name` or `name@item`, reads a file that is not among its deps in dvc.yaml."""
    name, _, item = stage.partition("@")
    declared = {dep.replace("${item}", item) for dep in pipeline_stages()[name].get("deps", [])}
    missing = [path for path in inputs if declared.isdisjoint({path, *map(str, Path(path).parents)})]
    if missing:
        raise InputError(f"{PIPELINE}: add to the deps of {name}, which reads them: {', '.join(sorted(missing))}")


def check_vouched(fan_out: Iterable[Path]) -> None:
    """Refuse when a run would gather fan-out files that no record of Snakemake's vouches for."""
    for path in damaged(set(fan_out) - job_outputs()):
        raise InputError(f"{path} was made outside of Snakemake; {REMEDY}")


def check_outputs() -> None:
    """Refuse when there are files that Snakemake's records are not about.

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
            left = job_time(path)
            if not path.exists() or is_incomplete(path) or path.lstat().st_mtime == left:
                continue
            if left is None and stage not in complete:
                continue
            if agreed and stage not in unrecorded and hashlib.md5(path.read_bytes()).hexdigest() == md5:
                continue
            raise InputError(f"{path} changed outside of Snakemake; {REMEDY}")
    for path in damaged(fan_out_files(outputs)):
        raise InputError(f"{path} changed outside of Snakemake; {REMEDY}")
