"""What Snakemake, DVC and the bridge between them have noted about the files of a study.

The bridge's own state is in .snakemake/gennas/, all of it safe to lose:
    dvc.lock    dvc.lock as it was when results/ and Snakemake's records last agreed with it
    unrecorded  the stages that were begun since, and not yet committed with DVC
    before      dvc.lock as it was before DVC began to write it; gone when DVC has done so
    run.lock    locked by the running Snakemake
    jobs.lock   locked by each of its jobs
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gennas.errors import InputError
from gennas.files.atomic import writing
from gennas.files.documents import parse_yaml

PARAMS, PIPELINE, LOCK = Path("params.yaml"), Path("dvc.yaml"), Path("dvc.lock")
RECORDS = Path(".snakemake")
STATE = RECORDS / "gennas"
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


def sources() -> set[Path]:
    """The files of `source_hashes`."""
    patterns = (
        "params.yaml",
        "dvc.yaml",
        "tasks/*.yaml",
        "gennas/**/*",
        "stages/**/*",
        "workflow/**/*.smk",
        "workflow/Snakefile",
    )
    paths = {path for pattern in patterns for path in Path().glob(pattern)}
    # What editors keep beside an open file is none of it.
    own = {path for path in paths if not path.name.startswith(".") and not path.name.endswith("~")}
    return {path for path in own if path.is_file() and "__pycache__" not in path.parts}


def source_hashes() -> dict[Path, str]:
    """The hashes of what decides a result besides data, or what DVC records of it: parameters, tasks, code, rules."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sources()}


def job_record(path: Path) -> dict[str, Any]:
    """Snakemake's record of the job that made an output; empty if it has none."""
    name = urlsafe_b64encode(str(path).encode()).decode()
    try:
        record: dict[str, Any] = json.loads((RECORDS / "metadata" / name).read_bytes())
    except (OSError, ValueError):
        return {}
    return record


def job_time(path: Path) -> float | None:
    """The modification time that an output had when its job ended; None if Snakemake has no record."""
    return job_record(path).get("endtime")


def is_incomplete(path: Path) -> bool:
    """Whether the job that makes an output was killed; it runs again, whatever is there."""
    return (RECORDS / "incomplete" / urlsafe_b64encode(str(path).encode()).decode()).exists()


def recorded_outputs() -> dict[str, dict[Path, str]]:
    """The outputs in dvc.lock with their MD5, by stage; as they were, while DVC is writing it."""
    try:
        lock = parse_yaml(content(BEFORE if BEFORE.exists() else LOCK).decode("utf-8")) or {}
        stages = lock.get("stages", {})
        return {name: {Path(o["path"]): o["md5"] for o in stages[name].get("outs", [])} for name in stages}
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(f"{LOCK}: not a lock file of DVC; settle the merge, or `git checkout {LOCK}`") from error


def damaged_shards() -> list[Path]:
    """The shards that are neither as their job left them nor as the jobs that gathered them read them."""
    damaged = []
    for path in sorted(Path().glob("results/*/scores/*/shard-*.parquet")):
        if not is_incomplete(path) and path.lstat().st_mtime != job_time(path):
            space = path.parents[2]
            records = [job_record(space / name) for name in ("scores.parquet", "aggregates.parquet")]
            gathered = {k: v for record in records for k, v in (record.get("input_checksums") or {}).items()}
            if gathered.get(str(path)) != f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}":
                damaged.append(path)
    return damaged
