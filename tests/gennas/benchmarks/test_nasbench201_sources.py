"""What is known of the cells of NAS-Bench-201: sources that agree."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from gennas import benchmarks
from gennas.benchmarks import hw_nas_bench, nasbench201_means
from gennas.benchmarks import nasbench201 as tables
from gennas.benchmarks._nasbench201 import by_index, read_csv
from gennas.errors import InputError
from gennas.spaces import nasbench201

SPACE = "nasbench201"


@pytest.fixture(scope="module")
def load(mirror):
    """A source by its name, read once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENNAS_MIRROR", str(mirror))
        yield cache(lambda source, space=SPACE: benchmarks.load(space, [source]))


@pytest.mark.parametrize("source", benchmarks.names(SPACE))
def test_every_source_has_every_cell_and_column(load, source):
    benchmark = load(source)
    assert benchmark.ids == [nasbench201.to_id(cell) for cell in nasbench201.all_architectures()]
    assert {*benchmark.columns} == benchmark.targets.keys() | benchmark.uncertainties.keys()
    assert not any(network.labelled for network in benchmark.trained.values())


def test_analog_nasbench_has_uncertainties(load):
    analog = load("analog_nasbench")
    assert analog.values("cifar10_accuracy_percent").max() == pytest.approx(94.0664)
    assert len(analog.targets) == 13 and len(analog.uncertainties) == 8
    assert analog.uncertainties["cifar10_analog_drift_60_uncertainty_percent"] == "cifar10_analog_drift_60_percent"


def test_analog_nasbench_agrees_with_nasbench201(load):
    """Read with the right edge and operation order rho is .986; with the wrong one, .74."""
    joined = benchmarks.join([load("analog_nasbench"), load("nasbench201")])
    assert len(joined.targets) == 16
    columns = ("cifar10_accuracy_percent", "cifar10_validation_accuracy_percent")
    assert spearmanr(*map(joined.values, columns)).statistic == pytest.approx(0.986, abs=0.002)


def test_the_means_are_those_of_nasbench201(load):
    """The optima are the benchmark's."""
    means = load("nasbench201_means")
    best = [means.values(f"{data}_validation_accuracy_percent").max() for data in nasbench201_means.DATA_SETS]
    assert best == pytest.approx([91.61, 73.49, 46.73], abs=0.005)  # as the benchmark states them
    at_best = means.values("cifar100_validation_accuracy_percent").argmax()
    assert means.values("cifar100_test_accuracy_percent")[at_best] == pytest.approx(73.51, abs=0.01)


@pytest.mark.parametrize(("source", "columns"), [("nasbench201", 6), ("nasbench360", 20)])
def test_sources_that_have_a_target_in_common_agree_on_it(load, source, columns):
    joined = benchmarks.join([load("nasbench201_means"), load(source)])
    assert len(joined.columns) == len(joined.targets) == columns


@pytest.mark.parametrize(
    ("index", "cell"),
    [
        (0, "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"),
        (9, "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"),
        (123, "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"),
    ],
)
def test_an_index_is_that_of_the_benchmark(index, cell):
    """Its own program asserts these three."""
    assert nasbench201.to_id(by_index()[index]) == cell


def test_hw_nas_bench_lists_cells_by_index(mirror):
    """Which shows that its tuples are decoded with the right operations and edges, too."""
    path = mirror / hw_nas_bench.FILES[SPACE][0].path
    assert list(read_csv(path, hw_nas_bench._read_row)) == list(by_index().values())


#: Of HW-NAS-Bench on CIFAR-10: how many cells are known; least, median and greatest.
MEASURED = {
    "edgegpu_latency_ms": (15625, 0.50, 5.31, 11.69),
    "edgegpu_energy_mj": (15625, 2.06, 23.95, 48.78),
    "raspi4_latency_ms": (15625, 0.01, 25.68, 98.89),
    "edgetpu_latency_ms": (10926, 0.35, 1.12, 2.24),
    "pixel3_latency_ms": (15625, 0.00, 10.68, 36.77),
    "eyeriss_latency_ms": (15625, 1.68, 5.12, 10.53),
    "eyeriss_energy_mj": (15625, 0.35, 1.03, 2.23),
    "fpga_latency_ms": (15625, 1.13, 3.72, 8.68),
    "fpga_energy_mj": (15625, 7.93, 26.07, 60.75),
}


@pytest.mark.parametrize("figure", MEASURED)
def test_what_hw_nas_bench_measured(load, figure):
    values = load("hw_nas_bench").values(f"cifar10_{figure}")
    known = values[~np.isnan(values)]
    assert (len(known), *np.quantile(known, (0, 0.5, 1))) == pytest.approx(MEASURED[figure], abs=0.006)


def test_what_nasbench360_measured(load):
    benchmark = load("nasbench360")
    ninapro, darcy = (benchmark.values(name) for name in ("ninapro_accuracy_percent", "darcy_relative_error"))
    dense = load("nasbench360", "nasbench201_dense")
    assert {*dense.columns} == {"darcy_relative_error"} and (dense.values("darcy_relative_error") == darcy).all()
    quantiles = (0.01, 0.25, 0.5, 0.75, 0.99, 1)
    assert np.quantile(ninapro, quantiles) == pytest.approx([64.8, 88.3, 90.0, 91.0, 93.3, 94.4], abs=0.06)
    assert np.quantile(1 - darcy, quantiles) == pytest.approx([0.747, 0.924, 0.946, 0.967, 0.982, 0.985], abs=6e-4)
    assert sorted(darcy)[-1] == pytest.approx(1.7998, abs=5e-5)  # stored as -.7998


def test_the_tasks_of_nasbench360_rank_cells_differently(load):
    names = ("cifar100_test_accuracy_percent", "ninapro_accuracy_percent", "darcy_relative_error")
    cifar100, ninapro, darcy = map(load("nasbench360").quality, names)
    rhos = [spearmanr(*pair).statistic for pair in ((cifar100, ninapro), (cifar100, darcy), (ninapro, darcy))]
    assert rhos == pytest.approx([0.280, 0.480, -0.008], abs=6e-4)


@pytest.mark.parametrize(
    "content", ["", "arch str\n|none~0|\n", "arch str,validation accuracy,test accuracy\n", "\x00", "a\n" * 3]
)
def test_foreign_means_are_one_line_that_names_the_file(tmp_path: Path, content):
    path = tmp_path / "nasbench201_cifar10.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"nasbench201_cifar10\.csv"):
        nasbench201_means.read("nasbench201", [path] * 3)


@pytest.mark.parametrize("content", ["{}", "[[[[0], [0, 0], [0, 0, 0]], 1.0]]", "[1, 2]"])
def test_a_foreign_table_is_one_line_that_names_the_file(tmp_path: Path, content):
    path = tmp_path / "cifar10valid.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"cifar10valid\.json"):
        tables.read("nasbench201", [path] * 3)
