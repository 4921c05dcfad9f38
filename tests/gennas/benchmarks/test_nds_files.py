"""The files of NDS: every network once with its accuracy, or one line that says what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gennas import spaces
from gennas.benchmarks import Trained, _nds, nds_cifar10, nds_imagenet
from gennas.errors import InputError
from gennas.files.fetch import File

CIFAR10_ONLY = {"nds_enas_fix", "nds_pnas_fix", "nds_resnet"}
SPACES = [name for name in spaces.NAMES if name.startswith("nds_")]
ENTRY = {"net": "a", "params": 10, "min_test_top1": 5.5, "test_ep_top1": [9.0, 5.5], "train_ep_loss": [float("nan")]}


def parse(net: Any) -> str:
    if not isinstance(net, str):
        raise ValueError(f"{net!r} is not a string")
    return net


def read(path: Path) -> list[Trained]:
    return _nds.read(parse, path, "cifar10_accuracy_percent")


def write(folder: Path, content: Any) -> Path:
    path = folder / "DARTS.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_every_space_has_its_files():
    assert len(SPACES) == 11
    assert set(nds_cifar10.FILES) == {*SPACES} and set(nds_imagenet.FILES) == {*SPACES} - CIFAR10_ONLY


def test_a_file_is_also_a_member_of_the_official_archive():
    (file,) = nds_imagenet.FILES["nds_resnext_a"]
    assert isinstance(file, File)
    assert file.path == "nds/ResNeXt-A_in.json"
    assert file.member == ("nds/data.zip", "nds_data/ResNeXt-A_in.json")
    assert file.url is not None and file.url.startswith("https://") and file.url.endswith("/ResNeXt-A_in.json")


def test_hashes_are_those_of_the_mirror(mirror):
    files = [file for source in (nds_cifar10, nds_imagenet) for (file,) in source.FILES.values()]
    found = [file for file in files if (mirror / file.path).is_file()]
    assert found and all(file.fits(mirror / file.path) for file in found)


def test_entries_become_trained_networks_in_order(tmp_path):
    path = write(tmp_path, [ENTRY, ENTRY | {"net": "b", "min_test_top1": 10}, ENTRY | {"min_test_top1": 6.5}])
    a, b = read(path)
    assert (a.architecture, b.architecture) == ("a", "b")
    assert a.targets == {"cifar10_accuracy_percent": 94.0}  # the mean of its two trainings
    assert b.targets == {"cifar10_accuracy_percent": 90}
    assert (a.parameters, a.status, a.labelled) == (10, "ok", False)


def test_a_file_of_repeated_trainings_has_two_lists(tmp_path):
    path = write(tmp_path, {"top": [ENTRY], "mid": [ENTRY | {"net": "b"}]})
    assert [trained.architecture for trained in read(path)] == ["a", "b"]


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in ENTRY.items() if name != key}


@pytest.mark.parametrize(
    "content, complaint",
    [
        ("", "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
        ('[{"net": "a"', "not readable as JSON"),
        ({}, "not a list of trained networks"),
        ([], "not a list of trained networks"),
        ("3", "not a list of trained networks"),
        ({"top": [], "mid": []}, "not a list of trained networks"),
        ({"top": [ENTRY], "mid": 1}, "not a list of trained networks"),
        ({"top": [ENTRY]}, "not a list of trained networks"),
        ([ENTRY, 1], "entry 1: not an object"),
        ([ENTRY, without("net")], "entry 1: not an object"),
        ([ENTRY, without("params")], "entry 1: not an object"),
        ([ENTRY | {"net": 1}], "entry 0: 1 is not a string"),
        ([ENTRY | {"params": 1.5}], r"entry 0: params is 1\.5"),
        ([ENTRY | {"params": True}], "entry 0: params is True"),
        ([ENTRY | {"params": 0}], "entry 0: params is 0"),
        ([ENTRY | {"min_test_top1": float("nan")}], "entry 0: min_test_top1 is nan, not a number from 0 to 100"),
        ([ENTRY | {"min_test_top1": 100.5}], r"entry 0: min_test_top1 is 100\.5"),
        ([ENTRY | {"min_test_top1": -1}], "entry 0: min_test_top1 is -1"),
        ([ENTRY | {"min_test_top1": "5.5"}], r"entry 0: min_test_top1 is '5\.5'"),
        ([ENTRY | {"min_test_top1": False}], "entry 0: min_test_top1 is False"),
    ],
)
def test_anything_else_is_one_line_that_names_the_file(tmp_path, content, complaint):
    with pytest.raises(InputError, match=rf"DARTS\.json: {complaint}.*; get the file again") as error:
        read(write(tmp_path, content))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_text_is_one_line(tmp_path):
    path = tmp_path / "DARTS.json"
    path.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(InputError, match=r"DARTS\.json: not readable as JSON"):
        read(path)


@settings(max_examples=30)
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_gets_through_otherwise(tmp_path_factory, content):
    path = write(tmp_path_factory.getbasetemp(), json.dumps(content))
    with pytest.raises(InputError):
        read(path)
