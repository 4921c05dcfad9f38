"""Many networks trained as one, as on a GPU, against one after the other; here on the CPU, without recording."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_proxies import CONVOLUTIONS, NONE, SKIPS, SPACE, context
from torch import nn

from stages import proxies, spaces
from stages.proxies import packed, regression
from stages.proxies.training import train
from stages.spaces.common.packing import pack

#: Of a loss, relative to one-by-one training: what another order of summation does within a few iterations.
TOLERANCE = 1e-4


def scores_in_packs(ctx, architectures):
    return list(packed.make(ctx, regression.draw_task(ctx), regression.build)(architectures))


@pytest.mark.parametrize("readout", ["training", "evaluation"])
@pytest.mark.parametrize("optimizer", [{}, {"optimizer": "adam", "learning_rate": 2e-4}], ids=["sgd", "adam"])
def test_packs_agree_with_one_by_one(readout, optimizer, monkeypatch):
    """In score to the tolerance; in rank wherever the scores are further apart."""
    monkeypatch.setattr(packed, "PACK", 7)  # so that the last pack is smaller
    rng = np.random.default_rng(0)
    drawn = [SPACE.random_architecture(rng) for _ in range(13)]
    architectures = [CONVOLUTIONS, SKIPS, NONE, *drawn, CONVOLUTIONS]
    ctx = context(protocol={"readout": readout, "learning_rate": 0.02, **optimizer})
    one = np.array([s.score for s in proxies.make("regression", ctx)(architectures)])
    many = np.array([s.score for s in scores_in_packs(ctx, architectures)])
    assert many == pytest.approx(one, rel=TOLERANCE)
    apart = np.abs(one[:, None] - one) > 2 * TOLERANCE * np.abs(one).max()
    assert apart.any()
    assert np.array_equal(np.sign(one[:, None] - one)[apart], np.sign(many[:, None] - many)[apart])


@pytest.mark.parametrize("name", [name for name in spaces.NAMES if name != "nasbench_nlp"])
def test_every_space_of_images_can_be_trained_as_on_a_gpu(name):
    space = spaces.load(name)
    ctx = replace(context(), space=space, protocol={**context().protocol, "iterations": 2, "resolution": 16})
    architecture = space.random_architecture(np.random.default_rng(1))
    (one,), (other,) = proxies.make("regression", ctx)([architecture]), scores_in_packs(ctx, [architecture])
    assert other.score == pytest.approx(one.score, rel=TOLERANCE)


def test_a_training_that_diverges_leaves_its_pack_alone():
    ctx = context()
    task = regression.draw_task(ctx)
    healthy, poisoned = (regression.build(ctx, CONVOLUTIONS) for _ in range(2))
    with torch.no_grad():
        next(poisoned.parameters()).fill_(math.nan)
    (good, bad), _ = packed.train_pack([healthy, poisoned], task, ctx.protocol)
    alone = train(regression.build(ctx, CONVOLUTIONS), task, ctx.protocol, {})
    assert good == pytest.approx(alone.losses, rel=TOLERANCE)
    assert all(map(math.isnan, bad))


def test_a_pack_too_large_for_the_memory_is_split(monkeypatch):
    tried, whole = [], packed.train_pack

    def of_three_at_most(networks, *rest):
        tried.append(len(networks))
        if len(networks) > 3:
            raise torch.cuda.OutOfMemoryError
        return whole(networks, *rest)

    ctx, architectures = context(), [CONVOLUTIONS, SKIPS, NONE, CONVOLUTIONS, SKIPS]
    expected = scores_in_packs(ctx, architectures)
    monkeypatch.setattr(packed, "train_pack", of_three_at_most)
    found = scores_in_packs(ctx, architectures)
    assert tried == [5, 2, 3]
    assert [s.score for s in found] == pytest.approx([s.score for s in expected], rel=TOLERANCE)


def test_no_architectures_have_no_scores():
    assert scores_in_packs(context(), []) == []


def test_what_cannot_be_packed_is_named():
    with pytest.raises(TypeError, match="PReLU"):
        pack([nn.PReLU(), nn.PReLU()])


def test_packed_modules_map_each_networks_channels_by_itself():
    parts = [nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.BatchNorm2d(6)) for _ in range(3)]
    inputs = torch.randn(2, 12, 8, 8)
    expected = torch.cat([part(x) for part, x in zip(parts, inputs.chunk(3, 1), strict=True)], 1)
    assert torch.allclose(pack(parts)(inputs), expected, atol=1e-5)
