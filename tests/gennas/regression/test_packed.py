"""Many networks trained as one, as on a GPU, against one after the other; here on the CPU, without recording."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import varied
from contexts import CONVOLUTIONS, NONE, SKIPS, SPACE, context, sequences
from torch import nn

from gennas import proxies, spaces
from gennas.errors import is_out_of_memory
from gennas.proxies import regression
from gennas.regression import packed
from gennas.regression.training import train
from gennas.spaces.common.packing import pack
from gennas.stats import spearman

#: Of a loss, relative to one-by-one training: what another order of summation does within a few iterations.
TOLERANCE = 1e-4


def scores_in_packs(ctx, architectures):
    return list(packed.make(ctx, regression.draw_task(ctx), regression.build)(architectures))


@pytest.mark.parametrize("message", ["", "cuDNN: unable to find an engine to execute this computation"])
def test_only_a_lack_of_memory_is_one(message):
    assert is_out_of_memory(torch.cuda.OutOfMemoryError(message)) and not is_out_of_memory(RuntimeError())
    assert is_out_of_memory(RuntimeError(message)) == bool(message)


@pytest.mark.parametrize("readout", ["training", "evaluation"])
@pytest.mark.parametrize("optimizer", [{}, {"optimizer": "adam", "learning_rate": 2e-4}], ids=["sgd", "adam"])
def test_packs_agree_with_one_by_one(readout, optimizer, monkeypatch):
    monkeypatch.setattr(packed, "PACK", 7)  # so that the last pack is smaller
    rng = np.random.default_rng(0)
    drawn = [SPACE.random_architecture(rng) for _ in range(13)]
    architectures = [CONVOLUTIONS, SKIPS, NONE, *drawn, CONVOLUTIONS]
    ctx = context(protocol={"readout": readout, "learning_rate": 0.02, **optimizer})
    one = np.array([s.score for s in proxies.make("regression", ctx)(architectures)])
    many = np.array([s.score for s in scores_in_packs(ctx, architectures)])
    assert many == pytest.approx(one, rel=TOLERANCE)
    assert np.ptp(one) > 100 * TOLERANCE * np.abs(one).max()


def test_packs_rank_as_one_by_one_training_does_at_the_reduced_protocol():
    """Over its 30 iterations rounding grows; the order of cells must not depend on it."""
    rng = np.random.default_rng(2)
    architectures = [SPACE.random_architecture(rng) for _ in range(16)]
    ctx = context(protocol={"iterations": 30, "resolution": 16, "width": 0.25, "readout_window": 5})
    one = [s.score for s in proxies.make("regression", ctx)(architectures)]
    assert spearman([s.score for s in scores_in_packs(ctx, architectures)], one) > 0.98


@pytest.mark.parametrize("name", varied(spaces.NAMES))
def test_every_space_can_be_trained_as_on_a_gpu(name):
    space = spaces.load(name)
    base = sequences() if space.FAMILY == "sequences" else context()
    ctx = replace(base, space=space, protocol=replace(base.protocol, iterations=2, resolution=16))
    rng = np.random.default_rng(1)
    architectures = [space.random_architecture(rng) for _ in range(3)]
    one = [s.score for s in proxies.make("regression", ctx)(architectures)]
    assert [s.score for s in scores_in_packs(ctx, architectures)] == pytest.approx(one, rel=TOLERANCE)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU, and nothing else records")
@pytest.mark.parametrize("make", [context, sequences])
def test_a_recorded_training_is_that_which_it_recorded(make):
    ctx = make(device=torch.device("cuda", 0), protocol={"iterations": 12, "learning_rate": 0.01})
    architectures = [ctx.space.random_architecture(np.random.default_rng(1))] * 2
    plain = replace(ctx, device=torch.device("cpu"))
    one = [s.score for s in proxies.make("regression", plain)(architectures)]
    assert [s.score for s in scores_in_packs(ctx, architectures)] == pytest.approx(one, rel=1e-2)


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
