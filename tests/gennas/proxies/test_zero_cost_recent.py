"""Each recent zero-cost proxy against a slow implementation that shares nothing with it, or against a closed form."""

import copy
import math
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import varied
from torch import nn
from torch.nn.functional import cross_entropy

from gennas import spaces
from gennas.families.images import Classifier
from gennas.proxies import expressivity, nasi, progressivity, swap, trainability, vkdnw, zen, zico
from gennas.proxies.common.blocks import block_features, find_blocks, spectral_entropies
from gennas.proxies.common.untrained import Batch

SPACE = spaces.load("nasbench201")
CELL = (3, 1, 2, 4, 3, 2)  # every operation but none
NAMES = [name for name in spaces.NAMES if spaces.load(name).FAMILY == "images"]


def network(cell=CELL):
    torch.manual_seed(0)
    return Classifier(SPACE.build(cell, 0.125, 0.2), 10).train()


def batch(size=6):
    generator = torch.Generator().manual_seed(1)
    images, noise = torch.randn(2, size, 3, 8, 8, generator=generator)
    return Batch(images, noise, torch.randint(10, (size,), generator=generator))


def measured(proxy, cell=CELL):
    """A proxy's number, and the network as the proxy left it: with the weights that it drew."""
    net = network(cell)
    return proxy.measure(net, batch()), net


def gradient(net, images, labels):
    """Of the mean loss with respect to every parameter, in numpy."""
    net = copy.deepcopy(net)
    cross_entropy(net(images), labels).backward()
    return {name: p.grad.double().numpy() for name, p in net.named_parameters()}


# --- gradients -----------------------------------------------------------------------------------


def test_zico_is_the_sum_over_layers_of_the_log_of_the_summed_ratios():
    shown = batch()
    found, net = measured(zico)
    halves = [gradient(net, shown.images[part], shown.labels[part]) for part in (slice(0, 3), slice(3, 6))]
    expected = 0.0
    for name, weight in net.named_parameters():
        if weight.ndim > 1:
            pairs = zip(halves[0][name].flatten(), halves[1][name].flatten(), strict=True)
            expected += math.log(sum((abs(a) + abs(b)) / 2 / (abs(a - b) / 2) for a, b in pairs if a != b))
    assert found == pytest.approx(expected, rel=1e-3)


def test_zico_leaves_out_what_does_not_vary():
    gradients = torch.tensor([[1.0, 2.0, 5.0], [3.0, 2.0, 7.0]])
    assert zico.layer_score(gradients) == pytest.approx(math.log(2 / 1 + 6 / 1))
    assert zico.layer_score(torch.ones(2, 3)) == 0


def test_nasi_is_the_squared_norm_of_the_mean_gradient_on_noise():
    shown = batch()
    found, net = measured(nasi)
    squares = sum(float(np.square(g).sum()) for g in gradient(net, shown.noise, shown.labels).values())
    assert found == pytest.approx(squares, rel=1e-4)


def test_nasi_of_a_linear_network_is_the_trace_norm_of_its_kernel():
    """One image: |dL/dw|^2 = |p - y|^2 (|x|^2 + 1), of which the kernel of linear logits is the second factor."""
    linear = nn.Sequential(nn.Flatten(), nn.Linear(12, 10))
    image, label = torch.randn(1, 3, 2, 2), torch.tensor([3])
    residual = linear(image).softmax(1) - nn.functional.one_hot(label, 10)
    expected = (image.square().sum() + 1) * residual.square().sum()
    assert nasi.measure(linear, Batch(image, image, label)) == pytest.approx(float(expected.detach()), rel=1e-4)


# --- features ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", varied(NAMES))
def test_blocks_are_the_stem_and_what_the_stages_consist_of(name):
    space = spaces.load(name)
    backbone = space.build(space.random_architecture(np.random.default_rng(0)), 0.125, 0.4)
    blocks = [block for child in backbone.children() for block in find_blocks(child)]
    assert {type(block).__name__ for block in blocks} <= {"Sequential", "Cell", "Block", "Reduction"}
    inside = sum(p.numel() for block in blocks for p in block.parameters())
    assert inside == sum(p.numel() for p in backbone.parameters())
    features = block_features(SimpleNamespace(backbone=backbone, modules=backbone.modules), torch.randn(2, 3, 16, 16))
    assert len(features) == len(blocks) >= 4


@pytest.mark.parametrize("cell", [CELL, (1,) * 6, (0,) * 6])  # of skips, and of nothing
def test_blocks_of_nasbench201_are_those_of_the_released_code(cell):
    net = network(cell)
    features = block_features(net, batch().noise)
    assert [f.shape[1] for f in features] == [2, 2, 4, 4, 8, 8]
    taps = net.backbone(batch().noise)
    assert all(torch.equal(tap, feature) for tap, feature in zip(taps, features[1::2], strict=True))


def test_expressivity_and_progressivity_follow_the_spectra():
    sums, net = measured(expressivity)
    smallest, _ = measured(progressivity)
    stages, entropies = net.backbone, []
    with torch.no_grad():
        features = [stages.stem(batch().noise)]
        for position in range(3):
            features.append(stages.stages[position](features[-1]))
            if position < 2:
                features.append(stages.reductions[position](features[-1]))
    for feature in features:
        samples = np.moveaxis(feature.double().numpy(), 1, -1).reshape(-1, feature.shape[1])
        shares = np.linalg.eigvalsh(np.cov(samples.T))
        shares = shares / shares.sum()
        entropies.append(-sum(share * math.log(share) for share in shares if share > 1e-12))
    assert sums == pytest.approx(sum(entropies), rel=1e-4)
    assert smallest == pytest.approx(min(np.diff(entropies)), rel=1e-3)


def test_entropy_of_uncorrelated_channels_of_equal_variance_is_the_log_of_their_number():
    signs = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])  # (C, positions)
    stem = nn.Sequential(nn.Identity())
    stem.register_parameter("unused", nn.Parameter(torch.zeros(1)))
    net = SimpleNamespace(backbone=nn.Sequential(stem), modules=list)
    (entropy,) = spectral_entropies(net, signs.view(1, 3, 2, 2) + 5)
    assert float(entropy) == pytest.approx(math.log(3), rel=1e-5)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_trainability_of_a_block_that_scales_its_channels(factor):
    """The exact Jacobian is factor times a permutation; the estimate comes close with many positions."""
    torch.manual_seed(0)
    before = torch.randn(64, 4, 16, 16, requires_grad=True)
    found = trainability.block_score(before, factor * before.flip(1))
    assert found == pytest.approx(2 - factor - 1 / factor, abs=0.1)


def test_trainability_of_blocks_without_a_jacobian():
    before = torch.randn(2, 4, 8, 8, requires_grad=True)
    assert trainability.block_score(before, before * 1.0) == -math.inf
    zeros = torch.zeros(2, 4, 8, 8)  # of a cell without operations, before or after another block
    for pair in (before, zeros), (zeros, before * 2):
        assert trainability.block_score(*pair) == pytest.approx(2 - 1e6, rel=1e-3)


@pytest.mark.parametrize(("size", "stride"), [(4, 1), (4, 2), (5, 2)])
def test_the_mean_outer_product_merges_the_positions_that_become_one(size, stride):
    small = -(-size // stride)
    gradient, signs = torch.randn(2, 3, size, size), torch.randn(2, 4, small, small)
    expected = np.zeros((3 * stride**2, 4))
    for b, y, x in np.ndindex(2, size, size):
        offset = (y % stride) * stride + x % stride
        rows = np.arange(3) * stride**2 + offset
        expected[rows] += np.outer(gradient[b, :, y, x], signs[b, :, y // stride, x // stride])
    assert trainability.mean_outer(gradient, signs).numpy() == pytest.approx(expected / (2 * small**2), abs=1e-5)


def test_trainability_is_the_mean_over_blocks():
    found, _ = measured(trainability)
    torch.manual_seed(0)
    again = Classifier(SPACE.build(CELL, 0.125, 0.2), 10).train()
    features = block_features(again, batch().noise)
    scores = []
    for before, after in pairwise(features):
        signs = torch.randint(2, after.shape) * 2.0 - 1
        (g,) = torch.autograd.grad(after, before, signs, retain_graph=True)
        norm = np.linalg.svd(trainability.mean_outer(g, signs).numpy(), compute_uv=False).max()
        scores.append(2 - norm - 1 / norm)
    assert found == pytest.approx(np.mean(scores), rel=1e-4)


# --- perturbations and activity --------------------------------------------------------------------


def test_zen_is_the_change_of_the_features_times_what_the_norms_divided_by():
    found, net = measured(zen)
    scales, hooks = [], []
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            hooks.append(norm.register_forward_hook(lambda _m, inputs, _o: scales.append(channel_variance(inputs[0]))))
    before = net.features(batch().noise)
    for hook in hooks:
        hook.remove()
    torch.manual_seed(0)
    zen.measure(fresh := Classifier(SPACE.build(CELL, 0.125, 0.2), 10).train(), batch())  # draws the same weights
    assert all(map(torch.equal, fresh.parameters(), net.parameters()))
    torch.manual_seed(0)
    drawn = Classifier(SPACE.build(CELL, 0.125, 0.2), 10)
    zen.redraw(drawn, zen.normal_)
    change = 0.01 * torch.randn(batch().noise.shape)
    after = net.features(batch().noise + change)
    differences = [float((a - b).abs().sum()) for a, b in zip(after.detach(), before.detach(), strict=True)]
    assert found == pytest.approx(math.log(np.mean(differences)) + sum(map(math.log, scales)) / 2, rel=1e-4)
    assert 0.9 < np.concatenate([p.detach().flatten() for p in net.parameters() if p.ndim > 1]).std() < 1.1


def test_zen_ignores_a_branch_that_sees_no_input():
    dead = (0, 3, 0, 0, 3, 3)  # a convolution from node 1, into which nothing goes
    assert math.isfinite(measured(zen, dead)[0])
    assert measured(zen, (0,) * 6)[0] == -math.inf  # no image reaches the output


def channel_variance(values):
    """The mean over channels of the unbiased variance."""
    return float(np.mean([channel.flatten().double().numpy().var(ddof=1) for channel in values.detach().unbind(1)]))


def test_swap_counts_the_patterns_of_units():
    found, net = measured(swap)
    units = []  # of each image, whether every unit is active
    relus = {name: [] for name, module in net.named_modules() if isinstance(module, nn.ReLU)}
    for name, module in net.named_modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _m, _i, output, name=name: relus[name].append(output))
    net.norm.register_forward_hook(lambda _m, _i, output: relus.setdefault("head", []).append(output.relu()))
    net(batch().images)
    for image in range(6):
        units.append([bool(v > 0) for outputs in relus.values() for o in outputs for v in o[image].flatten()])
    assert found == len(set(zip(*units, strict=True)))


@pytest.mark.parametrize("images", [1, 31, 32, 62, 70])
def test_patterns_are_counted_exactly_whatever_the_size_of_the_batch(images):
    generator = torch.Generator().manual_seed(images)
    active = torch.rand(images, 50, generator=generator) < 0.5
    active[:, 10:20] = active[:, :10]
    active[-1, 20] = ~active[-1, 0]
    active[:-1, 20] = active[:-1, 0]
    assert swap.count_patterns(active) == len(set(map(tuple, active.t().tolist())))


# --- Fisher information ------------------------------------------------------------------------------


def test_the_fisher_information_is_that_of_the_predicted_classes():
    """By its definition: the mean over images and classes of the gradient of the log-probability, squared."""
    _, net = measured(vkdnw)
    images = batch(2).noise
    parameters = list(net.parameters())
    expected = np.zeros((len(parameters),) * 2)
    for image in images:
        logits = net(image[None])[0]
        probabilities = logits.softmax(0).detach().double() * 0.95 + 0.005
        jacobian = np.array(
            [[float(g.flatten()[0]) for g in torch.autograd.grad(y, parameters, retain_graph=True)] for y in logits]
        )
        mean = probabilities.numpy() @ jacobian
        for share, row in zip(probabilities.numpy(), jacobian, strict=True):
            expected += share * np.outer(row - mean, row - mean) / len(images)
    found = vkdnw.fisher(net, images).numpy()
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-4 * np.abs(expected).max())


def test_the_entropy_is_of_the_deciles():
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(11, 11)))
    spectrum = np.arange(11.0)  # whose deciles are 1 to 9
    shares = np.arange(1, 10) / 45
    found = vkdnw.decile_entropy(torch.from_numpy(rotation @ np.diag(spectrum) @ rotation.T))
    assert found == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-6)
    assert vkdnw.decile_entropy(torch.eye(5)) == pytest.approx(math.log(9), rel=1e-6)
    assert vkdnw.decile_entropy(torch.zeros(5, 5)) == 0


def test_vkdnw_orders_by_depth_first():
    """A layer more outweighs any entropy but one of log 9 to 0, and layers come in threes."""
    found, net = measured(vkdnw)
    layers = len(list(net.parameters()))
    assert 0 < found - layers < math.log(9)
    assert measured(vkdnw, (3,) * 6)[0] > found


def test_vkdnw_takes_layers_at_equal_distances(monkeypatch):
    _, net = measured(vkdnw)
    whole = vkdnw.fisher(net, batch(2).noise)
    monkeypatch.setattr(vkdnw, "LAYERS", 3)
    last = len(whole) - 1
    some = [0, round(last / 2), last]
    assert torch.allclose(vkdnw.fisher(net, batch(2).noise), whole[some][:, some], rtol=1e-3, atol=1e-6)
