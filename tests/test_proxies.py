"""One contract for every proxy; then the regression proxy against a plain reimplementation."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from stages import proxies, spaces
from stages.errors import InputError
from stages.proxies import regression
from stages.reproducibility import derive_seed

PROTOCOL = {
    "channels": 2,
    "cells": 1,
    "batch_size": 4,
    "resolution": 8,
    "target_channels": 8,
    "iterations": 5,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 4e-5,
    "readout": "training",
    "readout_window": 2,
}
COMBO = yaml.safe_load(Path("tasks/combo.yaml").read_text())
IMAGES = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
SPACE = spaces.load("nasbench201")
CONVOLUTIONS, SKIPS, NONE = (3,) * 6, (1,) * 6, (0,) * 6
KINDS = ["flops", "parameters", "regression"]


def context(**changes):
    protocol = {**PROTOCOL, **changes.pop("protocol", {})}
    values = {"seed": 1, "device": torch.device("cpu"), "task": COMBO, **changes}
    return proxies.Context(SPACE, protocol, IMAGES, **values)


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_depends_on_the_architecture_and_the_seed_only(kind):
    score = proxies.make(kind, context())
    first = [score(a) for a in (CONVOLUTIONS, SKIPS, NONE)]
    again = [proxies.make(kind, context())(a) for a in (NONE, SKIPS, CONVOLUTIONS)]
    assert first == again[::-1]
    assert all(s.status == "ok" and math.isfinite(s.score) for s in first)
    assert len({s.score for s in first}) > 1


def test_every_proxy_module_is_under_the_contract():
    helpers = {"__init__", "base", "signals", "tasks"}
    found = {path.stem for path in Path("stages/proxies").glob("*.py")} - helpers
    assert found == set(KINDS)


def test_an_unknown_proxy_is_named():
    with pytest.raises(InputError, match="'telepathy'"):
        proxies.make("telepathy", context())


def test_flops_and_parameters_of_known_networks():
    """By hand, all-none cell: the stem and the two reduction blocks, 2 operations per multiply-add."""
    macs = 32 * 32 * 27 * 16  # stem
    for side, c in ((16, 16), (8, 32)):
        macs += side * side * (9 * c * 2 * c + 9 * 2 * c * 2 * c + c * 2 * c)
    assert proxies.make("flops", context())(NONE).score == 2 * macs
    weights = 27 * 16 + 2 * 16
    weights += sum(9 * c * 2 * c + 9 * 2 * c * 2 * c + c * 2 * c + 4 * 2 * c for c in (16, 32))
    assert proxies.make("parameters", context())(NONE).score == weights


# --- regression ------------------------------------------------------------------------------


def plain_curve(architecture, ctx):
    """The protocol as the paper states it, with nothing shared, fused or fast."""
    images = regression.prepare_images(ctx)
    drawn = regression.draw_task(COMBO, ctx.protocol, images, derive_seed(ctx.seed, "task"))
    torch.manual_seed(derive_seed(ctx.seed, "weights"))
    backbone = SPACE.build(architecture, ctx.protocol["channels"], ctx.protocol["cells"])
    network = regression.RegressionNetwork(backbone, (8, 8, 8))
    velocity = [torch.zeros_like(p) for p in network.parameters()]
    curve = []
    for step in range(ctx.protocol["iterations"]):
        outputs = network(images + drawn.noise[step])
        loss = sum(
            weight * (output - target).square().mean()
            for weight, output, target in zip((0.25, 0.5, 1.0), outputs, drawn.targets, strict=True)
        )
        gradients = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)
        with torch.no_grad():
            for p, v, g in zip(network.parameters(), velocity, gradients, strict=True):
                if g is None:
                    continue
                g = g + (4e-5 * p if p.ndim > 1 else 0)
                v.mul_(0.9).add_(g)
                p.sub_(0.1 * v)
        curve.append(loss.item())
    return curve


@pytest.mark.parametrize("architecture", [CONVOLUTIONS, (3, 1, 0, 4, 2, 3)])
def test_training_follows_the_paper(architecture):
    ctx = context()
    found = proxies.make("regression", ctx)(architecture)
    expected = plain_curve(architecture, ctx)
    assert found.losses == pytest.approx(expected, rel=1e-3)
    assert found.score == pytest.approx(-np.mean(expected[-2:]), rel=1e-3)


def test_the_heads_resize_to_the_grid_and_scale_their_channels():
    network = regression.RegressionNetwork(SPACE.build(CONVOLUTIONS, 4, 1), (64, 48, 16))
    outputs = network(torch.randn(2, 3, 32, 32))
    assert [tuple(o.shape) for o in outputs] == [(2, 64, 8, 8), (2, 48, 8, 8), (2, 16, 8, 8)]
    task = {"channel_factors": [1.0, 0.75, 0.25]}
    assert regression.head_channels(task, {"target_channels": 64}) == (64, 48, 16)


def test_evaluation_readout_differs_from_training_readout():
    trained = proxies.make("regression", context())(CONVOLUTIONS)
    evaluated = proxies.make("regression", context(protocol={"readout": "evaluation"}))(CONVOLUTIONS)
    assert evaluated.losses == trained.losses
    assert evaluated.score != trained.score


def test_a_diverged_training_ranks_last_and_is_kept():
    found = proxies.make("regression", context(protocol={"learning_rate": 1e30}))(CONVOLUTIONS)
    assert found.status == "diverged"
    assert found.score == -math.inf
    assert len(found.losses) == 5


def test_weight_decay_spares_vectors():
    decayed, spared = regression.make_optimizer(SPACE.build(CONVOLUTIONS, 2, 1), PROTOCOL).param_groups
    assert {p.ndim for p in decayed["params"]} == {4} and decayed["weight_decay"] == 4e-5
    assert {p.ndim for p in spared["params"]} == {1} and spared["weight_decay"] == 0


def test_the_stages_of_a_task_may_be_written_in_any_order():
    reordered = {**COMBO, "signals": dict(reversed(COMBO["signals"].items()))}
    images = torch.zeros(4, 3, 8, 8)
    drawn, again = (regression.draw_task(task, PROTOCOL, images, 0).targets for task in (COMBO, reordered))
    assert all(map(torch.equal, drawn, again))


def test_repetitions_see_different_images():
    batches = [regression.prepare_images(context(seed=seed)) for seed in (0, 0, 1)]
    assert torch.equal(batches[0], batches[1]) and not torch.equal(batches[0], batches[2])


def test_noise_is_fresh_at_each_iteration_and_bounded():
    task = {**COMBO, "noise": {"kind": "uniform", "level": 0.3}}
    images = torch.zeros(4, 3, 8, 8)
    noise = torch.stack(regression.draw_task(task, PROTOCOL, images, 0).noise)
    assert noise.shape == (6, 4, 3, 8, 8)
    assert noise.abs().max() <= 0.3 and noise.abs().max() > 0.29
    assert not torch.equal(noise[0], noise[1])
