"""Costs against closed forms, and against torch's own counter."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gennas import catalogue, costs, spaces
from gennas.costs import Costs, flops, imc, intensity, memory_traffic, parameters
from gennas.costs.fusion import nothing_fused
from gennas.errors import InputError
from gennas.spaces import nasbench101, nasbench201


@pytest.mark.parametrize(
    ("channels", "side", "kernel", "expected"),
    [(16, 32, 3, 33.6), (32, 16, 3, 46.1), (64, 8, 3, 26.2), (16, 32, 1, 4.0)],
)
def test_a_convolution_costs_its_closed_form(channels, side, kernel, expected):
    layer = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
    image = torch.zeros(1, channels, side, side)
    weights = kernel**2 * channels**2
    assert parameters.cost(layer, image) == (weights,)
    assert flops.cost(layer, image) == (2 * side**2 * weights,)
    assert memory_traffic.cost(layer, image) == (4 * (2 * side**2 * channels + weights),)
    assert intensity.cost(layer, image) == pytest.approx((expected,), abs=0.05)


@pytest.mark.parametrize("layer", [nn.AvgPool2d(3, 1, 1), nn.MaxPool2d(3, 1, 1)])
def test_pooling_reads_and_writes(layer):
    image = torch.zeros(1, 16, 32, 32)
    assert memory_traffic.cost(layer, image) == (4 * 2 * 16 * 32**2,) and flops.cost(layer, image) == (0,)


def test_what_is_computed_on_the_way_is_free():
    image = torch.zeros(1, 3, 8, 8)
    alone = nn.Conv2d(3, 3, 3)
    fused = nn.Sequential(nn.ReLU(), alone, nn.BatchNorm2d(3), nn.Identity()).eval()
    assert memory_traffic.cost(fused, image) == memory_traffic.cost(alone, image)
    assert intensity.cost(nn.ReLU(), image) == (0,)


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "nds_resnet"])
def test_operations_are_those_that_torch_counts(name):
    space = spaces.load(name)
    network = space.build(space.random_architecture(np.random.default_rng(1))).eval()
    image = torch.zeros(space.INPUT_SHAPE)
    with torch.no_grad(), nothing_fused(network), FlopCounterMode(display=False) as counter:
        network(image)
    assert flops.cost(network, image) == (counter.get_total_flops(),) > (0,)


@pytest.mark.parametrize("kind", catalogue.names("costs"))
def test_a_cost_measures_what_it_declares(kind):
    """Positive numbers, the same each time, and alike for architectures that the space says cost the same."""
    declared, cell = catalogue.declaration("costs", kind), (3, 1, 2, 3, 0, 2)
    names = list(declared["units"])
    first = costs.measure(nasbench201, cell, names)
    assert first == costs.measure(nasbench201, cell, names) and min(first) > 0
    assert all(costs.kind_of(name) == kind and costs.unit(name) for name in names)
    alike = getattr(nasbench201, declared["alike"])
    other = next(one for one in nasbench201.all_architectures() if one != cell and alike(one) == alike(cell))
    assert costs.measure(nasbench201, other, names) == pytest.approx(first)


def test_a_name_is_of_one_module(monkeypatch):
    assert {"flops", "imc_energy"} <= {*costs.names()}
    with pytest.raises(InputError, match=r"^'imc' is no cost \(known: flops, imc_crossbars, .*parameters\)$"):
        costs.kind_of("imc")
    monkeypatch.setattr(catalogue, "declaration", lambda room, kind: {"units": {"weight": "kg"}})
    with pytest.raises(InputError, match=r"^gennas/costs/imc.py: flops measures 'weight', too; rename one of them$"):
        costs.names()


def test_a_pass_measures_all_that_its_module_can(monkeypatch):
    passes = []
    monkeypatch.setattr(imc, "cost", lambda network, inputs, **constants: passes.append(constants) or (1.0, 2.0, 3.0))
    names, constants = ["imc_crossbars", "parameters", "imc_energy"], {"imc": {"adc_pj": 0.7}, "flops": {}}
    found = costs.measure(nasbench201, (1,) * 6, names, constants)
    assert (found[0], found[2]) == (3.0, 1.0) and passes == [{"adc_pj": 0.7}]


def test_measuring_draws_no_random_numbers():
    torch.default_generator.manual_seed(3)
    costs.measure(nasbench201, (3,) * 6, ["flops"])
    drawn = torch.rand(1)
    torch.default_generator.manual_seed(3)
    assert drawn == torch.rand(1)


def test_cells_with_the_same_layers_cost_the_same():
    """So that NAS-Bench-201 has 210 networks to measure instead of 15,625."""
    rng, names = np.random.default_rng(2), ["parameters", "flops", "memory_traffic"]
    for _ in range(3):
        cell = nasbench201.random_architecture(rng)
        other = tuple(rng.permutation(cell).tolist())
        assert costs.measure(nasbench201, cell, names) == costs.measure(nasbench201, other, names)
    assert len({*map(nasbench201.layers, nasbench201.all_architectures())}) == 210


def test_costs_of_ids_are_measured_once(monkeypatch):
    measured = []

    def measure(space, architecture, names, constants):
        measured.append(architecture)
        return (1.0, 2.0)

    monkeypatch.setattr(costs, "measure", measure)
    find = Costs(nasbench101, ["flops", "parameters"])
    ids = [nasbench101.to_id(nasbench101.random_architecture(np.random.default_rng(seed))) for seed in (0, 1, 0)]
    assert find(ids).tolist() == find(ids).tolist() == [[1.0, 2.0]] * 3 and len(measured) == 2
    assert find([]).shape == (0, 2)
