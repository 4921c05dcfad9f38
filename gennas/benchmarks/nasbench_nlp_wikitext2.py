"""NAS-Bench-NLP's trainings on WikiText-2, of some of its cells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gennas.benchmarks import Trained, _nasbench_nlp
from gennas.files.fetch import File

DECLARATION = {"spaces": ["nasbench_nlp"]}
FILES: Mapping[str, tuple[File, ...]] = {
    "nasbench_nlp": (
        File(
            "nasbench-nlp-wikitext2/logs.zip",
            _nasbench_nlp.RELEASE + "train_logs_wikitext-2/logs.zip",
            git_blob="7177f880232265cf4e16da0c907379ebaa35d568",
        ),
    ),
}
TARGETS = _nasbench_nlp.targets("wikitext2")


def read(space: str, paths: list[Path]) -> list[Trained]:
    """In the order of the logs."""
    return _nasbench_nlp.read(paths[0], "wikitext2", parameters=False)
