"""What is known of the cells of NAS-Bench-Graph, and that its pickles are not trusted."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from gennas import benchmarks
from gennas.benchmarks import Benchmark
from gennas.benchmarks import nasbench_graph as tables
from gennas.errors import InputError
from gennas.files.fetch import fetch
from gennas.spaces.nasbench_graph.sizes import SIZES

SPACE = "nasbench_graph"
ENTRY = {"valid_perf": 0.5, "perf": 0.25, "latency": 0.002, "para": 1.5}


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    return benchmarks.load(SPACE, ["nasbench-graph"])


def test_every_cell_is_there_by_its_id(benchmark):
    assert len(benchmark.ids) == 26206
    assert benchmark.ids == sorted(benchmark.ids, key=int)
    assert benchmark.columns == [*benchmark.targets] and len(benchmark.columns) == 3 * len(SIZES) == 27


#: Test accuracy, or area under the ROC curve, in percent: least, median, greatest.
MEASURED = {
    "cora": (9.2, 78.5, 83.1), "citeseer": (13.8, 65.4, 71.6), "pubmed": (32.9, 74.0, 78.6), "cs": (1.8, 86.5, 91.3),
    "physics": (29.3, 89.3, 93.0), "photo": (17.0, 88.0, 92.8), "computers": (43.7, 76.8, 85.6),
    "arxiv": (36.1, 70.5, 72.4), "proteins": (67.0, 76.9, 79.3),
}  # fmt: skip


@pytest.mark.parametrize("data", MEASURED)
def test_what_was_measured(benchmark, data):
    (test, validation, latency) = (name for name in benchmark.columns if name.startswith(f"{data}_"))
    values = benchmark.values(test)
    known = ~np.isnan(values)
    assert known.sum() == (2021 if data == "proteins" else 26206)
    assert np.quantile(values[known], (0, 0.5, 1)) == pytest.approx(MEASURED[data], abs=0.06)
    assert all((np.isnan(benchmark.values(name)) == ~known).all() for name in (validation, latency))
    assert np.nanmin(benchmark.values(latency)) > 0.3 and np.nanmax(benchmark.values(latency)) < 600  # milliseconds


@pytest.mark.parametrize(("data", "cell", "accuracy"), [("cora", "77016", 83.13), ("arxiv", "81344", 72.39)])
def test_the_best_cells(benchmark, data, cell, accuracy):
    values = benchmark.values(f"{data}_test_accuracy_percent")
    assert benchmark.ids[values.argmax()] == cell
    assert values.max() == pytest.approx(accuracy, abs=0.005)


@pytest.mark.parametrize(
    ("columns", "rho"),
    [
        (("cora_validation_accuracy_percent", "cora_test_accuracy_percent"), 0.73),
        (("arxiv_validation_accuracy_percent", "arxiv_test_accuracy_percent"), 0.97),
        (("cora_test_accuracy_percent", "arxiv_test_accuracy_percent"), 0.21),
        (("cora_test_accuracy_percent", "citeseer_test_accuracy_percent"), 0.75),
    ],
)
def test_data_sets_agree_as_much_as_is_known(benchmark, columns, rho):
    assert spearmanr(*map(benchmark.values, columns)).statistic == pytest.approx(rho, abs=0.006)


def test_parameters_are_those_on_cora(benchmark):
    """Of which 77016 has, by hand: two matrices of `graph`, one each of `fc`, `gat` and `gcn`; the other layers."""
    dimension, inputs, classes = 256, 1433, 7
    first, read = inputs * dimension + dimension, dimension * dimension
    cell = first + (read + 3 * dimension) + (read + dimension) + (2 * read + dimension) + 8 * dimension
    joined = 2 * read + dimension
    assert benchmark.trained["77016"].parameters == cell + joined + dimension * classes + classes
    counts = np.array([network.parameters for network in benchmark.trained.values()])
    accuracy = benchmark.values("cora_test_accuracy_percent")
    assert spearmanr(counts, accuracy).statistic == pytest.approx(0.15, abs=0.006)


# --- files that are none ----------------------------------------------------------------------------


def read_file(tmp_path: Path, content: bytes) -> Benchmark:
    path = tmp_path / "cora.bench"
    path.write_bytes(content)
    return benchmarks.read(SPACE, "nasbench_graph", [path] * len(SIZES))


def dumped(value: Any) -> bytes:
    """A pickle whose scalars name numpy as it was when the benchmark was made."""
    return pickle.dumps(value, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def test_plain_numbers_and_scalars_of_numpy_are_read(tmp_path):
    table = read_file(tmp_path, dumped({1: ENTRY, 1111: {**ENTRY, "perf": np.float64(0.125)}}))
    assert table.ids == ["1", "1111"]
    assert table.values("cora_test_accuracy_percent").tolist() == [25, 12.5]
    assert table.values("proteins_validation_roc_auc_percent").tolist() == [50, 50]
    assert table.values("cora_latency_ms").tolist() == [2, 2]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([ENTRY], "no attribute 'items'"),
        ({1: [0.5]}, "list indices"),
        ({1: {"perf": 0.5}}, "'valid_perf'"),
        ({1: {**ENTRY, "perf": "0.5"}}, "perf is '0.5', not a number from 0 to 1"),
        ({1: {**ENTRY, "perf": True}}, "perf is True"),
        ({1: {**ENTRY, "perf": float("nan")}}, "perf is nan"),
        ({1: {**ENTRY, "valid_perf": 50.5}}, "valid_perf is 50.5"),
        ({1: {**ENTRY, "latency": -1.0}}, "latency is -1.0"),
        ({1: {**ENTRY, "latency": 10**400}}, "latency is 1000"),
        ({1: {**ENTRY, "perf": np.float32(0.5)}}, "numbers of another kind, 'f4'"),
        ({1: {**ENTRY, "perf": np.zeros(1)}}, "asks for numpy"),
        ({8888: ENTRY}, "skips all"),
        ({81118: ENTRY}, "another id"),
        ({"one": ENTRY}, "not an id"),
        ({1.0: ENTRY}, "not an id"),
        ({True: ENTRY}, "not an id"),
    ],
)
def test_a_foreign_table_is_one_line_that_names_the_file(tmp_path, content, complaint):
    with pytest.raises(InputError, match=r"cora\.bench: ") as error:
        read_file(tmp_path, dumped(content))
    assert complaint in str(error.value) and "\n" not in str(error.value)


def big_endian() -> bytes:
    """A table whose scalars say that their bytes are the other way round."""
    return dumped({1: {**ENTRY, "perf": np.float64(0.5)}}).replace(b"X\x01\x00\x00\x00<", b"X\x01\x00\x00\x00>")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a readable pickle"),
        (b"PK\x03\x04", "not a readable pickle"),
        (big_endian(), "numbers in another byte order"),
        (
            dumped({1: {**ENTRY, "perf": np.float64(0.5)}}).replace(b"X\x02\x00\x00\x00f8", b"X\x02\x00\x00\x00i8"),
            "'i8'",
        ),
        (b"\x80\x03cos\nsystem\nX\x04\x00\x00\x00true\x85R.", "asks for os.system"),
        (b"\x80\x03cnumpy.core.multiarray\nscalar\nNC\x08" + bytes(8) + b"\x86R.", "a number of the kind None"),
    ],
)
def test_a_foreign_pickle_is_one_line_that_names_the_file(tmp_path, content, complaint):
    with pytest.raises(InputError, match=r"cora\.bench: ") as error:
        read_file(tmp_path, content)
    assert complaint in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999999])
def test_a_truncated_table_is_one_line_that_names_the_file(tmp_path, kept):
    whole = fetch(tables.FILES[SPACE][-1]).read_bytes()
    with pytest.raises(InputError, match=r"cora\.bench: not a readable pickle"):
        read_file(tmp_path, whole[: int(kept * len(whole))])
