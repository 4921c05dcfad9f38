"""Texts in three parts, for language models: scikit-learn's descriptions of its data sets, or a folder's files."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import numpy as np

from gennas.errors import InputError

#: Names of texts, and what a folder of one's own has to hold.
DECLARATION = {
    "labelled": {"descriptions": "scikit-learn's descriptions of its data sets"},
    "folder": "a folder with train.txt, valid.txt and test.txt",
}
SIZE_LIMIT = 64 << 20  # bytes per file; more would not fit into a job's memory
#: scikit-learn's descriptions of its data sets, split by lines, whatever the study's seed.
DESCRIPTIONS, TEST_SHARE, SPLIT_SEED = "descriptions", 0.1, 0
FOLDER = DECLARATION["folder"]


def read_texts(dataset: str, validation_share: float) -> dict[str, str]:
    """The text by part: the descriptions, or a folder's files, which have their own validation part."""
    return descriptions(validation_share) if dataset == DESCRIPTIONS else read_folder(Path(dataset))


def find_file(folder: Path, part: str) -> Path:
    """The one file of a folder whose name contains `part`, hidden files aside."""
    found = sorted(path for path in folder.iterdir() if part in path.name and path.name[0] != "." and path.is_file())
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"dataset: {folder}: needs one file with {part!r} in its name, found {names}; choose {FOLDER}")
    return found[0]


def read_text(path: Path) -> str:
    """A file's text, which has words."""
    if path.stat().st_size > SIZE_LIMIT:
        raise InputError(f"dataset: {path}: larger than {SIZE_LIMIT >> 20} MiB; shorten it")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"dataset: {path}: not UTF-8 (at byte {error.start}); convert it") from error
    if not text.strip():
        raise InputError(f"dataset: {path}: empty; write words into it, one sentence a line")
    return text


def read_folder(folder: Path) -> dict[str, str]:
    """The texts of a folder by part."""
    if not folder.is_dir():
        raise InputError(f"dataset: there is no folder {folder}; choose {DESCRIPTIONS}, or {FOLDER}")
    names = {"train": "train", "validation": "valid", "test": "test"}
    try:
        return {part: read_text(find_file(folder, name)) for part, name in names.items()}
    except OSError as error:
        raise InputError(f"dataset: {error.filename}: {error.strerror}; make it readable") from error


def normalised(line: str) -> str:
    """Lower-cased words without punctuation and N for every number, as in the usual Penn Treebank."""
    words: list[str] = re.findall(r"[a-z]+|[0-9][0-9.,]*", line.lower())
    return " ".join("N" if word[0].isdigit() else word for word in words)


def descriptions(validation_share: float) -> dict[str, str]:
    """scikit-learn's descriptions of its data sets, some 6,600 tokens, by part."""
    folder = resources.files("sklearn.datasets.descr")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".rst")), key=lambda file: file.name)
    lines = [normalised(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line]
    order = np.random.default_rng(SPLIT_SEED).permutation(len(lines))
    test, rest = np.split(order, [round(TEST_SHARE * len(lines))])
    held_out, kept = np.split(rest, [min(max(1, round(validation_share * len(rest))), len(rest) - 1)])
    parts = {"train": kept, "validation": held_out, "test": test}
    return {part: "\n".join(lines[index] for index in sorted(indices)) for part, indices in parts.items()}
