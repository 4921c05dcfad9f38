"""The files of NAS-Bench-360 and HW-NAS-Bench, as tables of three cells: figures, gaps, and what is refused."""

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gennas.benchmarks import _nasbench201, hw_nas_bench, nasbench360
from gennas.errors import InputError

SPACE = "nasbench201"
#: Cells as HW-NAS-Bench writes them, and ours, in order.
CELLS = {
    "(1, 1, 1, 1, 1, 1)": (0, 0, 0, 0, 0, 0),
    "(0, 0, 0, 0, 0, 0)": (1, 1, 1, 1, 1, 1),
    "(2, 3, 4, 0, 1, 2)": (3, 2, 1, 4, 0, 3),
}
finite = st.floats(0, 1e6)


@pytest.fixture(scope="module", autouse=True)
def three_cells():
    """A space of these cells alone, so that tables of all are small."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (_nasbench201, hw_nas_bench, nasbench360):
            patch.setattr(module, "all_architectures", lambda: list(CELLS.values()))
        yield


# --- HW-NAS-Bench -----------------------------------------------------------------------------

FIGURES = [figure.rpartition("_")[0] for figure in hw_nas_bench.FIGURES]
ROWS = [{"net": net, **dict.fromkeys(FIGURES, 0.5), "eyeriss_arithmetic_intensity": -7} for net in CELLS]


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@given(values=st.lists(finite | st.just(-1), min_size=len(FIGURES), max_size=len(FIGURES)))
def test_a_network_that_did_not_compile_has_no_figure(tmp_path_factory, values):
    folder = tmp_path_factory.getbasetemp()
    other = write_csv(folder / "other.csv", ROWS)
    path = write_csv(folder / "one.csv", [*ROWS[:2], ROWS[2] | dict(zip(FIGURES, values, strict=True))])
    trained = {network.architecture: network.targets for network in hw_nas_bench.read(SPACE, [other, path, other])}
    assert list(trained) == list(CELLS.values())
    stated = dict(zip(hw_nas_bench.FIGURES, values, strict=True))
    of_cell = trained[3, 2, 1, 4, 0, 3]
    assert {name: x for name, x in of_cell.items() if name.startswith("cifar100_")} == {
        f"cifar100_{figure}": x for figure, x in stated.items() if x != -1
    }
    assert {x for name, x in of_cell.items() if not name.startswith("cifar100_")} == {0.5}


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (ROWS[1:], "2 architectures, not the 3"),
        ([*ROWS, ROWS[0]], r"\|none~0\|.* is listed twice"),
        ([ROWS[0] | {"edgetpu_latency": -2}], "edgetpu_latency_ms is -2.0, not a number from 0 to inf"),
        ([ROWS[0] | {"fpga_energy": "nan"}], "fpga_energy_mj is nan"),
        ([ROWS[0] | {"fpga_energy": ""}], "could not convert string to float"),
        ([ROWS[0] | {"net": "(0, 0, 0, 0, 0, 5)"}], "is not a cell"),
        ([ROWS[0] | {"net": "(0, 0, 0)"}], "shorter"),
        ([{"net": "(0, 0, 0, 0, 0, 0)"}], "edgegpu_latency"),
        ([{"net": "0" * 200_000}], "field larger than field limit"),
    ],
)
def test_other_tables_of_devices_are_one_line_that_names_the_file(tmp_path, rows, complaint):
    good, path = write_csv(tmp_path / "good.csv", ROWS), write_csv(tmp_path / "hw_cifar100.csv", rows)
    with pytest.raises(InputError, match=rf"hw_cifar100\.csv: .*{complaint}.*; get the file again"):
        hw_nas_bench.read(SPACE, [good, path, good])


# --- NAS-Bench-360 ----------------------------------------------------------------------------

STATED = {"cifar100": 70.0, "ninapro": 90.0, "darcy": -0.75}
RUNS = [("pi5", runtime) for runtime in ("litert", "onnx", "torchmobile")] + [("pixel", "litert")]
ENTRIES = [
    {
        "arch_idx": index, "device": device, "framework": runtime, "task": task, "accuracy": accuracy - index,
        "lat_ms_median": 10.0 + index, "energy_mj": None if device == "pixel" else 20.0 + index,
    }
    for index in range(3) for task, accuracy in STATED.items() for device, runtime in RUNS
]  # fmt: skip


def write_parquet(path, entries):
    pq.write_table(pa.Table.from_pylist(entries), path)
    return path


@settings(max_examples=20)
@given(st.permutations(ENTRIES))
def test_rows_of_a_cell_become_its_targets_in_whatever_order_they_are(tmp_path_factory, entries):
    path = write_parquet(tmp_path_factory.getbasetemp() / "permuted.parquet", entries)
    trained = nasbench360.read(SPACE, [path])
    assert [network.architecture for network in trained] == list(CELLS.values())
    for index, cell in _nasbench201.by_index().items():
        (targets,) = (network.targets for network in trained if network.architecture == cell)
        assert targets.keys() == nasbench360.TARGETS.keys()
        assert targets["ninapro_accuracy_percent"] == 90 - index
        assert targets["cifar100_test_accuracy_percent"] == 70 - index
        assert targets["darcy_relative_error"] == 1.75 + index
        assert {x for name, x in targets.items() if name.endswith("latency_ms")} == {10 + index}
        assert {x for name, x in targets.items() if name.endswith("energy_mj")} == {20 + index}


def test_networks_of_a_value_per_pixel_have_darcys_error_alone(tmp_path):
    trained = nasbench360.read("nasbench201_dense", [write_parquet(tmp_path / "dataset.parquet", ENTRIES)])
    assert {network.architecture: network.targets for network in trained} == {
        cell: {"darcy_relative_error": 1.75 + index} for index, cell in _nasbench201.by_index().items()
    }


def changed(position, **values):
    return [*ENTRIES[:position], ENTRIES[position] | values, *ENTRIES[position + 1 :]]


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([entry for entry in ENTRIES if entry["arch_idx"]], "2 architectures, not the 3"),
        (ENTRIES[1:], "has no cifar100_pi5_litert_energy_mj"),
        (changed(0, accuracy=71.0), "cifar100_test_accuracy_percent 71.0 and 70.0"),
        (changed(0, accuracy=170.0), "cifar100_test_accuracy_percent is 170.0, not a number from 0 to 100"),
        (changed(0, lat_ms_median=-1.0), "cifar100_pi5_litert_latency_ms is -1.0, not a number from 0 to inf"),
        (changed(0, energy_mj=None), "cifar100_pi5_litert_energy_mj is None"),
        (changed(0, arch_idx=-1), "KeyError"),
        (changed(0, task="fsd50k"), "KeyError.*fsd50k"),
        (changed(8, accuracy=1.5), "darcy_relative_error is -0.5"),
        ([{"arch_idx": 0}], "device"),
    ],
)
def test_other_tables_of_tasks_are_one_line_that_names_the_file(tmp_path, entries, complaint):
    path = write_parquet(tmp_path / "dataset.parquet", entries)
    with pytest.raises(InputError, match=rf"dataset\.parquet: .*{complaint}.*; get the file again"):
        nasbench360.read(SPACE, [path])


def test_what_is_no_parquet_is_one_line(tmp_path):
    path = tmp_path / "dataset.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"dataset\.parquet: not a readable Parquet file .*; get the file again"):
        nasbench360.read(SPACE, [path])
