"""What Snakemake, DVC and the bridge between them have noted about the files of a study.

The bridge's own state is in .snakemake/bridge/, all of it safe to lose:
    dvc.lock    dvc.lock as it was when the results and Snakemake's records last agreed with it
    unrecorded  the stages that were begun since, and not yet committed with DVC
    before      dvc.lock as it was before DVC began to write it; gone when DVC has done so
    run.lock    locked by the running Snakemake
    jobs.lock   locked by each of its jobs
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gennas.errors import InputError
from gennas.files.atomic import writing
from gennas.files.documents import parse_yaml

PARAMS, PIPELINE, LOCK = Path("params.yaml"), Path("dvc.yaml"), Path("dvc.lock")
RECORDS = Path(".snakemake")
STATE = RECORDS / "bridge"
AGREED, UNRECORDED, BEFORE = STATE / "dvc.lock", STATE / "unrecorded", STATE / "before"
REMEDY = "run `python -m workflow.bridge sync` first"


def content(path: Path) -> bytes:
    """What a file holds; nothing if it is not there."""
    return path.read_bytes() if path.is_file() else b""


def write(path: Path, data: bytes) -> None:
    """Replace a file at once, since a run may be killed at any moment."""
    temporary = path.with_suffix(".tmp")
    with writing(path):
        temporary.write_bytes(data)
        temporary.replace(path)


def read_unrecorded() -> set[str]:
    return set(content(UNRECORDED).decode().split())


def write_unrecorded(stages: Iterable[str]) -> None:
    write(UNRECORDED, " ".join(sorted(stages)).encode())


def hashes(paths: Iterable[Path]) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@cache
def pipeline_stages() -> dict[str, dict[str, Any]]:
    """The stages in dvc.yaml, by their name without `@`: what each says for one item, if there are several."""
    stages = yaml.safe_load(PIPELINE.read_bytes())["stages"]
    return {name: stage.get("do", stage) for name, stage in stages.items()}


def record_file(kind: str, path: Path) -> Path:
    """Where Snakemake notes something of an output."""
    return RECORDS / kind / urlsafe_b64encode(str(path).encode()).decode()


def job_record(path: Path) -> dict[str, Any]:
    """Snakemake's record of the job that made an output; empty if it has none."""
    try:
        record: dict[str, Any] = json.loads(record_file("metadata", path).read_bytes())
    except (OSError, ValueError):
        return {}
    return record


def job_time(path: Path) -> float | None:
    """The modification time that an output had when its job ended; None if Snakemake has no record."""
    return job_record(path).get("endtime")


def is_incomplete(path: Path) -> bool:
    """Whether the job that makes an output was killed; it runs again, whatever is there."""
    return record_file("incomplete", path).exists()


def recorded_outputs() -> dict[str, dict[Path, str]]:
    """The outputs in dvc.lock with their MD5, by stage; as they were, while DVC is writing it."""
    try:
        lock = parse_yaml(content(BEFORE if BEFORE.exists() else LOCK).decode("utf-8")) or {}
        stages = lock.get("stages", {})
        return {name: {Path(o["path"]): o["md5"] for o in stages[name].get("outs", [])} for name in stages}
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(f"{LOCK}: not a lock file of DVC; settle the merge, or `git checkout {LOCK}`") from error


def job_outputs() -> set[Path]:
    """Every output of which Snakemake has a record, even a damaged one."""
    return {Path(urlsafe_b64decode(path.name).decode()) for path in (RECORDS / "metadata").glob("*")}


def fan_out_files(recorded: dict[str, dict[Path, str]]) -> set[Path]:
    """The outputs that Snakemake alone keeps: those that are not among what DVC has a record of."""
    return job_outputs().difference(*recorded.values())


def damaged(paths: Iterable[Path]) -> list[Path]:
    """The files that are neither as their job left them nor as a job that gathered them read them."""
    there = [path for path in paths if path.exists() and not is_incomplete(path)]
    doubtful = sorted(path for path in there if path.lstat().st_mtime != job_time(path))
    if not doubtful:
        return []
    gathered: dict[Path, set[str]] = {path: set() for path in doubtful}
    for record in map(job_record, job_outputs()):
        for name, checksum in (record.get("input_checksums") or {}).items():
            gathered.get(Path(name), set()).add(checksum)
    return [path for path, digest in hashes(doubtful).items() if f"sha256:{digest}" not in gathered[path]]
