"""Each zero-cost proxy against a slow implementation of its formula: finite differences, explicit sums, loops."""

import itertools
import math
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from gennas import proxies, spaces
from gennas.families.images import Classifier
from gennas.proxies.common.untrained import Batch
from gennas.scoring import Context, Protocol

IMAGES, CLASSES = 4, 3
STEP = 1e-6


class Backbone(nn.Module):
    """Two convolutions of two channels, a ReLU module and a ReLU function; one feature map, as spaces give it."""

    channels = (2,)

    def __init__(self, kernel):
        super().__init__()
        self.first = nn.Conv2d(3, 2, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(2, 2, kernel, padding=kernel // 2, bias=False)

    def forward(self, images):
        hidden = self.relu(self.norm(self.first(images)))
        return [torch.relu(self.second(hidden)) - hidden]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    images, noise = torch.randn(2, IMAGES, 3, 4, 4, generator=generator, dtype=torch.double)
    return Batch(images, noise, torch.tensor([0, 1, 2, 1]))


def classifier(kernel=3):
    torch.manual_seed(0)
    network = Classifier(Backbone(kernel), CLASSES).double().train()
    for norm in (network.norm, network.backbone.norm):  # neither the identity nor blind to scales
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
    return network


def measure(proxy, network, batch):
    return import_module(f"gennas.proxies.{proxy}").measure(network, batch)


def weights(network):
    """Those that the pruning proxies judge."""
    return [network.backbone.first.weight, network.backbone.second.weight, network.linear.weight]


@torch.no_grad()
def slopes(function, tensor):
    """The derivative of a function by each element of a tensor that it reads, by central differences."""
    flat, found = tensor.view(-1), []
    for index in range(len(flat)):
        value = flat[index].item()
        ends = []
        for step in (STEP, -STEP):
            flat[index] = value + step
            ends.append(float(function()))
        flat[index] = value
        found.append((ends[0] - ends[1]) / (2 * STEP))
    return torch.tensor(found, dtype=torch.double).view(tensor.shape)


def test_grad_norm_adds_the_lengths_of_the_gradients_layer_by_layer(batch):
    network = classifier()
    gradients = [slopes(lambda: cross_entropy(network(batch.images), batch.labels), w) for w in weights(network)]
    expected = sum(math.sqrt(float(g.square().sum())) for g in gradients)
    assert measure("grad_norm", network, batch) == pytest.approx(expected, rel=1e-6)


def test_snip_sums_what_each_weight_does_to_the_loss(batch):
    network = classifier()
    expected = 0.0
    for w in weights(network):
        gradient = slopes(lambda: cross_entropy(network(batch.images), batch.labels), w)
        expected += float((w.detach() * gradient).abs().sum())
    assert measure("snip", network, batch) == pytest.approx(expected, rel=1e-6)


def test_grasp_is_that_of_the_explicit_hessian(batch):
    network = classifier()
    names = ("backbone.first.weight", "backbone.second.weight", "linear.weight")
    shapes = [network.get_parameter(name).shape for name in names]
    flat = torch.cat([network.get_parameter(name).detach().flatten() for name in names])

    def loss(vector):
        parts = vector.split([shape.numel() for shape in shapes])
        values = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        return cross_entropy(functional_call(network, values, (batch.images,)), batch.labels)

    gradient = torch.autograd.functional.jacobian(loss, flat)
    hessian = torch.autograd.functional.hessian(loss, flat)
    assert measure("grasp", network, batch) == pytest.approx(float(-(hessian @ gradient) @ flat), rel=1e-9)


def test_fisher_scales_each_channel_of_each_image(batch):
    """The sum of a channel's activations times gradients is the loss's derivative by a factor of the channel."""
    network = classifier()
    expected = 0.0
    for layer in (network.backbone.first, network.backbone.second, network.linear):
        factors = torch.ones(IMAGES, layer.weight.shape[0], dtype=torch.double)
        hook = layer.register_forward_hook(
            lambda _layer, _inputs, out, f=factors: out * f.view(*f.shape, *[1] * (out.ndim - 2))
        )
        effects = slopes(lambda: cross_entropy(network(batch.images), batch.labels), factors)
        hook.remove()
        expected += layer.weight[0].numel() * float(effects.square().mean(0).sum()) / 2
    assert measure("fisher", network, batch) == pytest.approx(expected, rel=1e-6)


class Chain(nn.Module):
    """Convolutions of single pixels in a row."""

    channels = (2,)

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1, bias=False)
        )

    def forward(self, images):
        return [self.layers(images)]


def test_synflow_sums_the_paths_once_per_layer(batch):
    """Batch norm, signs, images and labels have no say."""
    torch.manual_seed(0)
    network = Classifier(Chain(), CLASSES)
    nn.init.uniform_(network.norm.weight, 2, 3)
    a, b, c = (
        w.detach().abs().double().flatten(1).T
        for w in (network.backbone.layers[0].weight, network.backbone.layers[3].weight, network.linear.weight)
    )
    paths = sum(
        float(a[i, j] * b[j, k] * c[k, n])
        for i, j, k, n in itertools.product(range(3), range(4), range(2), range(CLASSES))
    )
    before = [p.clone() for p in network.parameters()]
    assert measure("synflow", network, batch) == pytest.approx(3 * paths, rel=1e-6)
    single = Batch(batch.images[:, :, :1, :1], batch.noise, batch.labels)
    assert measure("synflow", network, single) == pytest.approx(3 * paths, rel=1e-6)
    assert all(map(torch.equal, before, network.parameters()))


def test_synflow_of_a_deep_network_is_finite(batch):
    """Single precision ends at 3e38."""
    torch.manual_seed(0)
    backbone = Chain()
    wide = [nn.Conv2d(32, 32, 3, padding=1, bias=False) for _ in range(30)]
    backbone.layers = nn.Sequential(nn.Conv2d(3, 32, 1), *wide, nn.Conv2d(32, 2, 1))
    for layer in wide:
        nn.init.uniform_(layer.weight, -1, 1)
    assert 3e38 < measure("synflow", Classifier(backbone, CLASSES), batch) < math.inf


def test_jacob_cov_compares_the_images_jacobians(batch):
    network = classifier()
    jacobians = slopes(lambda: network(batch.images).sum(), batch.images).flatten(1).numpy()
    centred = [row - row.mean() for row in jacobians]
    correlations = [[a @ b / math.sqrt((a @ a) * (b @ b)) for b in centred] for a in centred]
    values = np.linalg.eigvals(np.array(correlations)).real
    expected = -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in values)
    assert measure("jacob_cov", network, batch) == pytest.approx(expected, rel=1e-4)


def test_naswot_counts_the_units_that_two_images_share(batch):
    """Modules, in-place ones and functions alike."""
    network = classifier()
    with torch.no_grad():
        hidden = network.backbone.norm(network.backbone.first(batch.images))
        second = network.backbone.second(hidden.relu())
        last = network.norm(second.relu() - hidden.relu())
    active = [[bool(u > 0) for layer in (hidden, second, last) for u in layer[i].flatten()] for i in range(IMAGES)]
    kernel = [[sum(p == q for p, q in zip(a, b, strict=True)) for b in active] for a in active]
    assert kernel[0][0] == 3 * 2 * 4 * 4
    assert measure("naswot", network, batch) == pytest.approx(math.log(np.linalg.det(np.array(kernel))), rel=1e-9)


@pytest.mark.parametrize(("proxy", "status"), [("jacob_cov", "undefined"), ("naswot", "undefined"), ("snip", "ok")])
def test_a_network_that_ignores_its_images_ranks_last_where_the_formula_has_no_value(proxy, status):
    space = spaces.load("nasbench201")
    protocol = Protocol(0.125, 0.2, 4, time_limit=60, resolution=8)
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    context = Context(space, protocol, images, seed=1, device=torch.device("cpu"))
    (found,) = proxies.make(proxy, context)([(0,) * 6])
    assert found.status == status
    assert (found.score == -math.inf) == (status == "undefined")
