"""The files of NAS-Bench-101: the tables released with GenNAS, and the benchmark's own."""

import base64
import json
import struct
from collections import Counter

import numpy as np
import pytest
from helpers import record
from hypothesis import given
from hypothesis import strategies as st

from gennas.benchmarks import gennas_nasbench101, nasbench101
from gennas.benchmarks._nasbench101 import from_matrix
from gennas.errors import InputError
from gennas.spaces.nasbench101.cell import OPERATIONS, from_id, random_architecture, to_id

TABLES = gennas_nasbench101.FILES["nasbench101"]
CELL = "conv3x3-bn-relu~0|maxpool3x3~1|conv3x3-bn-relu~2|conv3x3-bn-relu~0|conv1x1-bn-relu~0+3+4|output~2+5"
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def trained(mirror):
    return gennas_nasbench101.read("nasbench101", [mirror / file.path for file in TABLES])


def test_the_papers_cells_are_distinct_and_the_labelled_ones_apart(trained):
    assert len({network.architecture for network in trained}) == len(trained) == 2500 + 20 + 500 - 5
    assert Counter(tuple(network.targets) for network in trained) == {
        ("cifar10_test_accuracy_percent",): 2500 + 20 - 5,
        ("imagenet_accuracy_percent",): 500 - 5,
        ("cifar10_test_accuracy_percent", "imagenet_accuracy_percent"): 5,
    }
    labelled = [network for network in trained if network.labelled]
    assert len(labelled) == 20 and not any("imagenet_accuracy_percent" in network.targets for network in labelled)


def test_accuracies_are_in_percent(trained):
    first = trained[0]
    assert to_id(first.architecture) == (
        "maxpool3x3~0|conv1x1-bn-relu~0+1|maxpool3x3~0+2|conv3x3-bn-relu~3|conv1x1-bn-relu~4|output~1+5"
    )
    assert first.targets == {"cifar10_test_accuracy_percent": pytest.approx(90.79527)}


def test_the_accuracies_are_of_the_test_set(trained):
    """Runs that failed predict one class: 999 of 9,984 test images, but 949 of the validation images."""
    accuracies = [network.targets.get("cifar10_test_accuracy_percent", 100) for network in trained]
    assert [round(a * 99.84) for a in accuracies if a < 20] == [999] * 21


def test_the_files_list_cells_in_our_order_of_vertices(mirror):
    """It decides which vertices get a channel more, so the networks are those that were trained."""
    for file in TABLES:
        for (matrix, names), _ in json.loads((mirror / file.path).read_text()):
            architecture = from_matrix(matrix, names)
            assert tuple(names[1:-1]) == tuple(OPERATIONS[op] for op in architecture.operations)
            assert {(s, t) for s, row in enumerate(matrix) for t, bit in enumerate(row) if bit} == {*architecture.edges}


def cell_row(accuracy=0.9, names=("input", "output"), matrix=((0, 1), (0, 0))):
    return [[matrix, names], accuracy]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}x",
        "[1, 2]",
        "[" * 100_000,
        "\xff",
        json.dumps([cell_row(), cell_row()]),
        json.dumps([cell_row(accuracy=None)]),
        json.dumps([cell_row(accuracy=10**400)]),
        json.dumps([cell_row(names=["input", "conv9x9", "output"])]),
        json.dumps([cell_row(names=7)]),
        json.dumps([cell_row(names=[])]),
        json.dumps([cell_row(matrix=[[0, 1]])]),
        json.dumps([cell_row(matrix=[[0, 0], [0, 0]])]),
        json.dumps([cell_row(matrix=[[0, 1], [1, 0]])]),
        json.dumps([cell_row(matrix=[[0, 2], [0, 0]])]),
        json.dumps([cell_row(matrix="ab")]),
    ],
    ids=range(16),
)
def test_a_foreign_table_is_one_line_that_names_the_file(tmp_path, content):
    path = tmp_path / "cells.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(
        InputError, match=r"cells\.json: not (a table of NAS-Bench-101 cells|readable as JSON)"
    ) as caught:
        gennas_nasbench101.read("nasbench101", [path] * 3)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def field(number, value):
    """A field of a message: a double, a varint, or a message."""
    if isinstance(value, float):
        return bytes([number << 3 | 1]) + struct.pack("<d", value)
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(value):
    rest, low = divmod(value, 128)
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def metrics(validation, test, parameters=8_555_530):
    """A ModelMetrics message: before, halfway, after training."""
    accuracies = ((0.1, 0.1), (0.5, 0.5), (validation, test))
    evaluations = [
        b"".join(field(n, x) for n, x in enumerate((54.0 * i, 1.0, 1.0, *pair), start=1))
        for i, pair in enumerate(accuracies)
    ]
    return b"".join(field(1, evaluation) for evaluation in evaluations) + field(2, parameters) + field(3, 9.0)


def run(architecture, message, epochs=108):
    """A record as the benchmark writes it; its base64 has line ends."""
    vertices = range(architecture.output + 1)
    adjacency = "".join(str(int((s, t) in architecture.edges)) for s in vertices for t in vertices)
    names = ",".join(["input", *(OPERATIONS[op] for op in architecture.operations), "output"])
    row = ["0" * 32, epochs, adjacency, names, base64.encodebytes(message).decode()]
    return record(json.dumps(row).encode())


FIRST, SECOND = from_id(CELL), from_id("output~0")


def test_the_official_file_is_read_as_means_over_runs(tmp_path):
    path = tmp_path / "nasbench.tfrecord"
    path.write_bytes(
        run(FIRST, metrics(0.924, 0.921))
        + run(SECOND, metrics(0.5, 0.25, parameters=227_274))
        + run(FIRST, metrics(0.3, 0.3), epochs=36)
        + run(FIRST, metrics(0.926, 0.919))
    )
    first, second = nasbench101.read("nasbench101", [path])
    assert first.architecture == FIRST and first.parameters == 8_555_530
    assert first.targets == {
        "cifar10_validation_accuracy_percent": pytest.approx(92.5),
        "cifar10_test_accuracy_percent": pytest.approx(92.0),
    }
    assert second.architecture == SECOND and second.parameters == 227_274
    assert second.targets["cifar10_test_accuracy_percent"] == 25


@given(seed=seeds)
def test_every_cell_is_read_from_the_official_file(tmp_path_factory, seed):
    path = tmp_path_factory.getbasetemp() / "one.tfrecord"
    architecture = random_architecture(np.random.default_rng(seed))
    path.write_bytes(run(architecture, metrics(0.5, 0.5)))
    assert [network.architecture for network in nasbench101.read("nasbench101", [path])] == [architecture]


def foreign(*row):
    return record(json.dumps(row).encode())


MESSAGE = base64.b64encode(metrics(0.5, 0.5)).decode()


@pytest.mark.parametrize(
    "content",
    [
        record(b""),
        record(b"\xff\xfe"),
        record(b"[" * 4000),
        record(b"7"),
        foreign("hash", 108),
        foreign("hash", 108, "0100", "input,output", "no base64!"),
        foreign("hash", 108, "0100", "input,output", None),
        foreign("hash", 108, "0100", "input,output", ""),
        foreign("hash", 108, "0100", 7, MESSAGE),
        foreign("hash", 108, "", "", MESSAGE),
        foreign("hash", 108, "010", "input,output", MESSAGE),
        foreign("hash", 108, "01x0", "input,output", MESSAGE),
        foreign("hash", 108, "0000", "input,output", MESSAGE),
        run(SECOND, metrics(0.5, 0.5)[:-20]),
        run(SECOND, metrics(0.5, 0.5, parameters=2.5)),
        run(SECOND, metrics(0.5, 0.5, parameters=2**60)),
        run(SECOND, metrics(0.5, b"x")),
    ],
    ids=range(17),
)
def test_a_foreign_record_is_one_line_that_names_it(tmp_path, content):
    path = tmp_path / "foreign.tfrecord"
    path.write_bytes(run(FIRST, metrics(0.5, 0.5)) + content)
    with pytest.raises(InputError, match=r"foreign\.tfrecord: record 2 is no NAS-Bench-101 run") as caught:
        nasbench101.read("nasbench101", [path])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("content", [b"", run(FIRST, metrics(0.5, 0.5), epochs=36)], ids=["empty", "other epochs"])
def test_a_file_without_full_trainings_is_one_line(tmp_path, content):
    path = tmp_path / "short.tfrecord"
    path.write_bytes(content)
    with pytest.raises(InputError, match="has no run of 108 epochs"):
        nasbench101.read("nasbench101", [path])
