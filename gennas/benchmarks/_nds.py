"""The files of NDS: where they come from, and how their entries become trained networks.

Source: Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019. A file lists the
networks that were sampled from one design space and trained on CIFAR-10, or on ImageNet (`_in`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from gennas import spaces
from gennas.benchmarks import Trained
from gennas.errors import InputError
from gennas.files.documents import read_json
from gennas.files.fetch import File
from gennas.files.values import count, percentage
from gennas.spaces.common.nds import anynet, genotypes

_ADDRESS = (
    "https://raw.githubusercontent.com/leeyeehoo/GenNAS-Zero/94f7b88e18ccf443ad9cf75f068d957fb926e393/"
    "data/download_data/nds_data/"
)
#: What the files of a space are called.
_NAMES = {
    "nds_amoeba": "Amoeba",
    "nds_darts": "DARTS",
    "nds_darts_fix": "DARTS_fix-w-d",
    "nds_enas": "ENAS",
    "nds_enas_fix": "ENAS_fix-w-d",
    "nds_nasnet": "NASNet",
    "nds_pnas": "PNAS",
    "nds_pnas_fix": "PNAS_fix-w-d",
    "nds_resnet": "ResNet",
    "nds_resnext_a": "ResNeXt-A",
    "nds_resnext_b": "ResNeXt-B",
}
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


def files(suffix: str = "") -> dict[str, tuple[File, ...]]:
    """The file of each space, where there is one whose name ends so."""
    return {space: (_file(name + suffix),) for space, name in _NAMES.items() if name + suffix in _HASHES}


def read(parse: Callable[[Any], Any], path: Path, target: str) -> list[Trained]:
    """In the order of the file.

    An accuracy is that of the best epoch, as in the paper, and the mean over its trainings where there are several.
    """
    runs: dict[Any, list[tuple[float, int]]] = {}
    for index, entry in enumerate(_entries(path)):
        try:
            architecture, accuracy, parameters = _run(entry, parse)
        except ValueError as error:
            raise InputError(f"{path}: entry {index}: {error}; get the file again") from error
        runs.setdefault(architecture, []).append((accuracy, parameters))
    return [
        Trained(architecture, {target: fmean(a for a, _ in of)}, parameters=of[0][1])
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


def parser(space_name: str) -> Callable[[Any], Any]:
    """What makes an architecture of an entry's `net`, or says with a ValueError why it cannot."""
    space: Any = spaces.load(space_name)
    return partial(parse_anynet if isinstance(space, anynet.AnyNetSpace) else parse_cells, space)


def parse_cells(space: genotypes.CellSpace, net: Mapping[str, Any]) -> genotypes.Architecture:
    """The architecture of a file's `net`. Raises ValueError for one that is not of the space."""
    try:
        genotype = net["genotype"]
        normal, reduce = (tuple((op, source) for op, source in genotype[kind]) for kind in ("normal", "reduce"))
        concatenated = [genotype["normal_concat"], genotype["reduce_concat"]]
        raw = genotypes.Architecture(normal, reduce, net["width"], net["depth"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a network of normal and reduction cells ({error!r})") from error
    architecture = space.from_id(space.to_id(raw))
    if architecture != raw:  # "16" for 16
        raise ValueError("a network with values of other types")
    for cell, nodes in zip((architecture.normal, architecture.reduce), concatenated, strict=True):
        if nodes != list(genotypes.output_nodes(cell, space.loose)):
            raise ValueError(
                f"a cell concatenates {nodes} instead of {list(genotypes.output_nodes(cell, space.loose))}"
            )
    return architecture


def parse_anynet(space: anynet.AnyNetSpace, net: Any) -> anynet.Architecture:
    """The architecture of a file's `net`. Raises ValueError for one that is not of the space.

    Its `num_gs` are numbers of groups, as its parameters show (the code that GenNAS uses takes them for widths
    of groups); its first stage has no bottleneck (a multiplier of 0 or 1).
    """
    ratio = {1 / ratio: ratio for ratio in space.ratios}
    try:
        columns = [net["ds"], net["ws"]]
        if space.bottlenecks:
            columns += [[net["bot_muls"][0] or 1, *(ratio[value] for value in net["bot_muls"][1:])], net["num_gs"]]
        first, *stages = (anynet.Stage(*fields) for fields in zip(*columns, strict=True))
        block, strides = net["block_type"], net["ss"]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"not a network of {space.name} ({error!r})") from error
    if block != space.block or strides not in ([1, 1, 2, 2], [8, 1, 2, 2]) or first != anynet.Stage(1, first.width):
        raise ValueError(f"not a stem and stages of {space.block} with strides 1, 2 and 2")
    raw = anynet.Architecture(first.width, tuple(stages))
    architecture = space.from_id(space.to_id(raw))
    if architecture != raw:  # "16" for 16
        raise ValueError("a network with values of other types")
    return architecture
