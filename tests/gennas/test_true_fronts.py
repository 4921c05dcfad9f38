"""Fronts, hypervolumes and costs against those that others computed from the same tables."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from gennas import benchmarks
from gennas.costs import Costs, imc
from gennas.spaces import nasbench201
from gennas.stats import front, spearman

SOURCES = ["analog-nasbench", "nasbench201-means", "hw-nas-bench"]


@pytest.fixture(scope="module")
def reference(mirror):
    """A folder beside the mirror, of facts that were worked out before."""
    folder = mirror.parent / "reference"
    if not folder.is_dir():
        pytest.skip("needs shared/reference beside the benchmark files")
    return folder


@pytest.fixture(scope="module")
def benchmark(mirror):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENNAS_MIRROR", str(mirror))
        return benchmarks.load("nasbench201", SOURCES)


@pytest.fixture(scope="module")
def modelled(reference):
    """Energy (µJ), latency (ms) and crossbars of each cell by another implementation of the model."""
    return {row["architecture"]: row for row in pq.read_table(reference / "imc_model_nasbench201.parquet").to_pylist()}


def column(name):
    """Our name of a column of theirs."""
    kind, _, rest = name.partition("_")
    if kind == "anb":
        return f"cifar10_{rest}_percent".replace("baseline_accuracy", "accuracy")
    if name.endswith("_test"):
        return f"{name.removesuffix('_test').replace('ImageNet16-120', 'imagenet16_120')}_test_accuracy_percent"
    return f"{name}_{'ms' if name.endswith('latency') else 'mj'}"


def test_true_fronts_are_those_of_another_implementation(reference, benchmark):
    """All fronts of accuracy against a latency or an energy that was measured."""
    known = json.loads((reference / "true_fronts.json").read_text())
    compared = 0
    for title, members in known.items():
        quality, cost = title.split(" / ")
        data = quality.removesuffix("_test").replace("ImageNet16-120", "imagenet16_120")
        device = cost.removeprefix("hw_cifar10_") if cost.startswith("hw_") else cost
        if quality.startswith("nb360") or cost.startswith("imc"):
            continue
        spent = column(f"{'cifar10' if quality.startswith('anb') else data}_{device}")
        points = np.column_stack([benchmark.quality(column(quality)), benchmark.quality(spent)])
        points = points[np.isfinite(points).all(axis=1)]
        found = {(one[0], -one[1]) for one in points[front(points)].round(6).tolist()}
        assert found == {(round(one["quality"], 6), round(one["cost"], 6)) for one in members}, title
        compared += 1
    assert compared == 32


class Classifier(nn.Module):
    """A network of the space with the classifier of the benchmark, which the model of reference counts."""

    def __init__(self, cell):
        super().__init__()
        self.features, self.linear = nasbench201.build(cell), nn.Linear(64, 10)

    def forward(self, images):
        return self.linear(self.features(images)[-1].mean((2, 3)))


def test_in_memory_computing_costs_what_another_implementation_says(modelled, every):
    """A drawn cell of each kind that differs, but for the cells whose output is constant: these cost nothing here."""
    cells = [cell for cell in nasbench201.all_architectures() if nasbench201.alive(cell)[-1] >= 0]
    drawn = np.random.default_rng(0).permutation(cells).tolist()
    kinds = list({nasbench201.alive(tuple(cell)): tuple(cell) for cell in drawn}.values())
    for cell in kinds if every else kinds[::5]:
        row = modelled[nasbench201.to_id(cell)]
        expected = (row["imc_energy_uj"], row["imc_latency_ms"], row["imc_crossbars"])
        assert imc.cost(Classifier(cell).eval(), torch.zeros(1, 3, 32, 32)) == pytest.approx(expected, rel=1e-6)


def test_cells_alike_in_what_is_alive_cost_the_same(modelled):
    """So that 56 networks stand for all cells."""
    found = {}
    for cell in nasbench201.all_architectures():
        row = modelled[nasbench201.to_id(cell)]
        found.setdefault(nasbench201.alive(cell), set()).add(
            (round(row["imc_energy_uj"], 9), round(row["imc_latency_ms"], 9))
        )
    assert len(found) == 56 and all(len(own) == 1 for own in found.values())


@pytest.mark.parametrize(
    "constants", [{"adc_pj": 20.0}, {"adc_pj": 0.7}, {"crossbar_rows": 64}, {"crossbar_rows": 256}]
)
def test_the_order_of_energies_hardly_depends_on_the_constants(constants):
    """MNSIM's converters, ZigZag's, and smaller and larger crossbars."""
    ids = [nasbench201.to_id(cell) for cell in nasbench201.all_architectures()[:: 15_625 // 12]]
    plain, other = (Costs(nasbench201, ["imc_energy"], {"imc": own})(ids)[:, 0] for own in ({}, constants))
    assert spearman(plain, other) >= 0.99 and not np.allclose(plain, other)
