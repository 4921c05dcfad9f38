"""The table of trainings that comes with the library: whole, as its script makes it, or one line."""

import csv
from statistics import fmean, stdev

import pytest

from gennas import benchmarks
from gennas.benchmarks.imc_blocks_example import DATA_SETS
from gennas.errors import InputError
from measurements import imc_blocks

ID = "vgg-32|res-64|mvgg-16"
ROWS = [f"{ID},{data},{seed},{90 + seed}" for data in DATA_SETS for seed in range(3)]


def read(folder, rows, titles="architecture,dataset,seed,accuracy_percent"):
    path = folder / "table.csv"
    path.write_text("\n".join([titles, *rows]))
    return benchmarks.read("imc_blocks", "imc_blocks_example", [path])


def test_targets_are_means_and_uncertainties_standard_deviations(tmp_path):
    benchmark = read(tmp_path, ROWS)
    assert benchmark.ids == [ID]
    assert benchmark.columns == [
        *("digits_accuracy_percent", "digits_accuracy_uncertainty_percent"),
        *("cifar10_subset_accuracy_percent", "cifar10_subset_accuracy_uncertainty_percent"),
    ]
    assert [benchmark.values(column).tolist() for column in benchmark.columns] == [[91], [1], [91], [1]]


@pytest.mark.parametrize(
    "rows",
    [
        [*ROWS[:-1], ROWS[-1].replace("92", "nan")],
        [*ROWS[:-1], ROWS[-1].replace("92", "101")],
        [*ROWS[:-1], ROWS[-1].replace("cifar10_subset", "mnist")],
        [row.replace("vgg-32", "vgg-33") for row in ROWS],
        ROWS[:4],  # one training on a data set
        [ID],
    ],
)
def test_another_table_is_one_line_that_names_the_file(tmp_path, rows):
    with pytest.raises(InputError, match=r"table\.csv: not a table of trainings .*; get the file again") as error:
        read(tmp_path, rows)
    assert "\n" not in str(error.value)


def test_the_table_is_that_of_the_script(monkeypatch):
    """Every network that it draws, in that order, at once and without a mirror."""
    monkeypatch.delenv("GENNAS_MIRROR", raising=False)
    benchmark = benchmarks.load("imc_blocks", ["imc_blocks_example"])
    assert benchmark.ids == imc_blocks.draw() and len(benchmark.ids) == 64
    with imc_blocks.TABLE.open(newline="") as file:
        own = [float(row["accuracy_percent"]) for row in csv.DictReader(file) if row["dataset"] == "digits"][:3]
    assert benchmark.values("digits_accuracy_percent")[0] == pytest.approx(fmean(own))
    assert benchmark.values("digits_accuracy_uncertainty_percent")[0] == pytest.approx(stdev(own))


def test_the_script_goes_on_where_it_was_stopped(monkeypatch, tmp_path):
    trained = []

    def accuracy(*run):
        if len(trained) == 5:
            raise KeyboardInterrupt
        trained.append(run)
        return float(len(trained))

    monkeypatch.setattr(imc_blocks, "TABLE", tmp_path / "table.csv")
    monkeypatch.setattr(imc_blocks, "NETWORKS", 1)
    monkeypatch.setattr(imc_blocks, "accuracy", accuracy)
    monkeypatch.setattr("sys.argv", ["imc_blocks"])
    with pytest.raises(KeyboardInterrupt):
        imc_blocks.main()
    (last,) = {*[(imc_blocks.draw()[0], data, seed) for data in DATA_SETS for seed in range(3)]} - {*trained}
    monkeypatch.setattr(imc_blocks, "accuracy", lambda *run: 50.0 if run == last else pytest.fail("trained again"))
    imc_blocks.main()
    assert [float(row["accuracy_percent"]) for row in imc_blocks.read()] == [1, 2, 3, 4, 5, 50]
