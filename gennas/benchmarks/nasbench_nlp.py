"""NAS-Bench-NLP: 14,322 trainings on Penn Treebank.

`parameters` are those of its language model: also 10,000 embeddings and biases of the decoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gennas.benchmarks import Trained, _nasbench_nlp
from gennas.files.fetch import File

DECLARATION = {"spaces": ["nasbench_nlp"]}
FILES: Mapping[str, tuple[File, ...]] = {
    "nasbench_nlp": (
        File(
            "nasbench-nlp-official/logs.zip",
            _nasbench_nlp.RELEASE + "train_logs_single_run/logs.zip",
            git_blob="53e2e0dc72a1c22519b240e6d3fc77b513de7ea8",
            repacked=File(
                "nasbench-nlp/logs.zip", None, sha256="4542874806491cb31509abd28bbc820f4234e1a17239b1e3c44da3f5ac5fa14f"
            ),
        ),
    ),
}
TARGETS = _nasbench_nlp.targets("ptb")


def read(space: str, paths: list[Path]) -> list[Trained]:
    """In the order of the logs."""
    return _nasbench_nlp.read(paths[0], "ptb", parameters=True)
