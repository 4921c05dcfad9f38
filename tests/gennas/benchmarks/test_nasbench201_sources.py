"""What is known of the cells of NAS-Bench-201: two sources that agree."""

from pathlib import Path

import pytest
from scipy.stats import spearmanr

from gennas import benchmarks
from gennas.benchmarks import nasbench201 as tables
from gennas.benchmarks import nasbench201_means
from gennas.errors import InputError
from gennas.spaces import nasbench201


@pytest.fixture(scope="module")
def analog():
    return benchmarks.load("nasbench201", ["analog-nasbench"])


def test_analog_nasbench_has_every_cell_and_target(analog):
    assert analog.ids == [nasbench201.to_id(cell) for cell in nasbench201.all_architectures()]
    assert analog.values("cifar10_accuracy_percent").max() == pytest.approx(94.0664)
    assert len(analog.targets) == 13 and len(analog.uncertainties) == 8
    assert set(analog.columns) == analog.targets.keys() | analog.uncertainties.keys()
    assert analog.uncertainties["cifar10_analog_drift_60_uncertainty_percent"] == "cifar10_analog_drift_60_percent"
    assert not any(network.labelled for network in analog.trained.values())


def test_analog_nasbench_agrees_with_nasbench201(analog, mirror):
    """Read with the right edge and operation order rho is .986; with the wrong one, .74."""
    paths = [mirror / file.path for file in tables.FILES["nasbench201"]]
    joined = benchmarks.join([analog, benchmarks.read("nasbench201", "nasbench201", paths)])
    assert joined.ids == analog.ids and len(joined.targets) == 16
    columns = ("cifar10_accuracy_percent", "cifar10_validation_accuracy_percent")
    assert spearmanr(*map(joined.values, columns)).statistic == pytest.approx(0.986, abs=0.002)


def test_the_means_are_those_of_nasbench201(mirror):
    """The optima are the benchmark's; the tables that were released with GenNAS rank alike."""
    paths = [mirror / file.path for file in nasbench201_means.FILES["nasbench201"]]
    means = benchmarks.read("nasbench201", "nasbench201-means", paths)
    other = benchmarks.read("nasbench201", "nasbench201", [mirror / file.path for file in tables.FILES["nasbench201"]])
    assert means.ids == other.ids and len(means.columns) == 6
    best = [means.values(f"{data}_validation_accuracy_percent").max() for data in nasbench201_means.DATA_SETS]
    assert best == pytest.approx([91.61, 73.49, 46.73], abs=0.005)  # as the benchmark states them
    for column in other.columns:
        assert spearmanr(means.values(column), other.values(column)).statistic > 0.98
    at_best = means.values("cifar100_validation_accuracy_percent").argmax()
    assert means.values("cifar100_test_accuracy_percent")[at_best] == pytest.approx(73.51, abs=0.01)


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
