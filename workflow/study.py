"""Run a study of the folder studies/: `python -m workflow.study spaces`, or another one's name.

The study runs in runs/<name>/, a folder of its own with a copy of the pipeline and the study's
params.yaml, so that its results and those of the default study leave each other alone. Whatever
follows the name is handed to Snakemake (`--cores 8`, `--profile workflow/profiles/slurm`, `-n`). A
second call goes on where the first one stopped. At the end, what was found is written to
studies/<name>/: results.md, metrics.json, and dvc.lock, the record of every file's hash.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

from gennas.errors import InputError
from gennas.files.documents import read_json
from stages.report import summary
from stages.support import artifacts
from workflow.bridge.locks import locked

PROJECT = Path(__file__).parent.parent
STUDIES, RUNS = PROJECT / "studies", PROJECT / "runs"
#: What the pipeline is made of, besides params.yaml.
PIPELINE = ("gennas", "stages", "workflow", "tasks", "dvc.yaml", ".dvcignore", ".dvc/config", ".dvc/plots")


def prepare(folder: Path, params: Path) -> None:
    """Put the pipeline and a study's parameters into a folder; what has been computed there stays."""
    for name in PIPELINE:
        source, target = PROJECT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    shutil.copy2(params, folder / "params.yaml")


def configure_dvc(folder: Path) -> None:
    """The run is no git repository, and keeps its files in the project's cache."""
    for key, value in (("core.no_scm", "true"), ("cache.dir", str(PROJECT / ".dvc" / "cache"))):
        subprocess.run([sys.executable, "-m", "dvc", "config", "--local", key, value], cwd=folder, check=True)


def claim(folder: Path) -> IO[bytes]:
    """Refuse beside another call for the same study, whose code would be replaced under its feet."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return locked(folder / "study.lock")
    except BlockingIOError:
        raise InputError(f"{folder}: this study is already running; wait until it ends") from None


def is_complete(folder: Path) -> bool:
    """Whether Snakemake has nothing left to do: it may have been asked for a part, or only to plan."""
    plan = subprocess.run(["snakemake", "-n", "--quiet"], cwd=folder, capture_output=True, text=True)
    return plan.returncode == 0 and "Nothing to be done" in plan.stdout + plan.stderr


def publish(folder: Path, study: Path) -> None:
    """Write what was found beside the study's parameters."""
    sections = summary.read_study(folder)
    metrics = {space: read_json(folder / "results" / space / "metrics.json") for space in sections}
    artifacts.write_json(metrics, study / "metrics.json")
    artifacts.write_text(summary.markdown(folder, sections), study / "results.md")
    shutil.copy2(folder / "dvc.lock", study / "dvc.lock")


def run(name: str, arguments: list[str]) -> int:
    """Run a study; Snakemake's exit code."""
    study, folder = STUDIES / name, RUNS / name
    if not (study / "params.yaml").is_file():
        known = ", ".join(sorted(path.parent.name for path in STUDIES.glob("*/params.yaml")))
        raise InputError(f"{study / 'params.yaml'}: there is no such file; studies: {known}")
    with claim(folder) as lock:
        prepare(folder, study / "params.yaml")
        configure_dvc(folder)
        # Snakemake holds the lock, too: it may outlive this process.
        code = subprocess.run(["snakemake", *arguments], cwd=folder, pass_fds=[lock.fileno()]).returncode
        if code == 0 and is_complete(folder):
            publish(folder, study)
            print(f"tables     {study / 'results.md'}\nreports    {folder / 'results'}/*/report.html")
        elif code == 0:
            print(f"the study is not complete; nothing was written to {study}")
    return code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.usage = "%(prog)s [-h] name [arguments of Snakemake ...]"
    parser.add_argument("name", help="a folder of studies/")
    try:
        args, arguments = parser.parse_known_args()
        sys.exit(run(args.name, arguments))
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
