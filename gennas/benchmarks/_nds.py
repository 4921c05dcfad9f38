"""The files of NDS: where they come from, and how their entries become trained networks.

Source: Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019. A file lists the
networks that were sampled from one design space and trained on CIFAR-10, or on ImageNet (`_in`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from gennas.errors import InputError
from gennas.files.documents import read_json
from gennas.files.fetch import File
from gennas.files.values import count, percentage
from gennas.spaces import Trained

_ADDRESS = (
    "https://raw.githubusercontent.com/leeyeehoo/GenNAS-Zero/94f7b88e18ccf443ad9cf75f068d957fb926e393/"
    "data/download_data/nds_data/"
)
#: SHA-256 of a file, or SHA-1 of its git object.
_HASHES = {
    "DARTS": "32ef58bdaad7feb1197a67a9a21e363414094e97",
    "DARTS_in": "f84f1a08d081b84775e9efc9558a1e3e88ba12dbb794f096a887171817d96eee",
    "DARTS_fix-w-d": "0be244d635e043bfa3eb57bc015b26ad541f4c92",
    "DARTS_fix-w-d_in": "153602f266eab2ee301251bd5df2171afe26bf5fc003239354a6764818c2cf6a",
    "ENAS": "8cdef6b54f2665047ec8421d525d36b6d14c7645",
    "ENAS_in": "48866fdc4c3b111103c81f352396c362e6ef8ff7a74a53f0f6659a25127ab7a0",
    "ENAS_fix-w-d": "bb1a26b64ef420a5f4cca527a7b7540f8b734735",
    "PNAS": "42a0071f4a735fddda69a6debc5e12dd2c722255",
    "PNAS_in": "5c817abf4aeb75ffc89d3211ba954e55e781c926",
    "PNAS_fix-w-d": "c3e25719b12cb760f199575763a06cd12b486270",
    "Amoeba": "6b4faf64eab9e1c7accedb8c686582ba1472cd4d",
    "Amoeba_in": "5dced8e55a0b94cef63078d2fd98f8391fd6bbb6",
    "NASNet": "1fbcc92398bb160978a879412acdce8b843d8aac",
    "NASNet_in": "bd13358af03b85930989a08c160aac73efdb3b68",
    "ResNet": "f9f87024fee84d6e62a15d2eed025c1b98aa9ac8",
    "ResNeXt-A": "22a8319a9c3bbce2ed0937bea08e7ea9edc3396d",
    "ResNeXt-A_in": "59ad8289404798ab590a6bb2a8ab0b43ecb3b6ec7b42af933c9fb1f1ed4ffb1f",
    "ResNeXt-B": "dc0c6c58e8a599ee0824aac8a24454257e302602",
    "ResNeXt-B_in": "466b4df14f2fe44e86cbb0d9eea9f95443c5accd",
}
SIZE_LIMIT = 1 << 28  # bytes of a file
#: A training's curves: nearly all of a file, and of no use here; some have values that are not finite.
_CURVES = frozenset({"train_ep_loss", "train_ep_top1", "test_ep_top1", "train_it_loss", "train_it_top1"})


def _file(name: str) -> File:
    """One of NDS's files, which its authors publish as a member of one archive."""
    path, digest = f"{name}.json", _HASHES[name]
    return File(
        f"nds/{path}",
        _ADDRESS + path,
        sha256=digest if len(digest) == 64 else None,
        git_blob=digest if len(digest) == 40 else None,
        member=("nds/data.zip", f"nds_data/{path}"),
    )


def sources(name: str) -> dict[str, tuple[File, ...]]:
    """The sources of a design space, named after the data set it was trained on."""
    files = {"cifar10": name, "imagenet": f"{name}_in"}
    return {source: (_file(file),) for source, file in files.items() if file in _HASHES}


def read(source: str, paths: list[Path], parse: Callable[[Any], Any]) -> list[Trained]:
    """See `Space.read`; in the order of the file.

    `parse` makes an architecture of an entry's `net`, or says with a ValueError why it cannot. Its accuracy
    is that of the best epoch, as in the paper, and the mean over its trainings where there are several.
    """
    (path,) = paths
    runs: dict[Any, list[tuple[float, int]]] = {}
    for index, entry in enumerate(_entries(path)):
        try:
            architecture, accuracy, parameters = _run(entry, parse)
        except ValueError as error:
            raise InputError(f"{path}: entry {index}: {error}; get the file again") from error
        runs.setdefault(architecture, []).append((accuracy, parameters))
    return [
        Trained(architecture, {f"{source}_accuracy_percent": fmean(a for a, _ in of)}, parameters=of[0][1])
        for architecture, of in runs.items()
    ]


def _entries(path: Path) -> list[Any]:
    """A file's list, or the two lists that a file of repeated trainings has instead."""
    content = read_json(path, "get the file again", SIZE_LIMIT, finite=False, without=_CURVES)
    lists = list(content.values()) if isinstance(content, dict) and content.keys() == {"top", "mid"} else [content]
    if not (all(isinstance(entries, list) for entries in lists) and any(lists)):
        raise InputError(f"{path}: not a list of trained networks; get the file again")
    return [entry for entries in lists for entry in entries]


def _run(entry: Any, parse: Callable[[Any], Any]) -> tuple[Any, float, int]:
    """The architecture, accuracy in percent and parameters of an entry; a ValueError says what is wrong with it."""
    if not (isinstance(entry, dict) and {"net", "params", "min_test_top1"} <= entry.keys()):
        raise ValueError("not an object with net, params and min_test_top1")
    return (
        parse(entry["net"]),
        100 - percentage(entry["min_test_top1"], "min_test_top1"),
        count(entry["params"], "params"),
    )
