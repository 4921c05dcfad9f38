"""The yardstick of the benchmarks is the same proxy as the pipeline's, computed plainly."""

import numpy as np
import pytest
import torch
from conftest import PROJECT

from benchmarks import measure, yardstick
from stages import proxies, spaces, study
from stages.proxies import Context

PROTOCOL = {
    "width": 0.125, "depth": 0.2, "batch_size": 4, "resolution": 16, "target_channels": 8, "iterations": 8,
    "optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-3, "readout": "evaluation",
    "readout_window": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201"])
def test_without_noise_both_compute_the_same_scores(name):
    space, rng = spaces.load(name), np.random.default_rng(0)
    task = study.read_task(PROJECT / "tasks" / "single.yaml") | {"noise": {"kind": "uniform", "level": 0.0}}
    images = rng.integers(256, size=(8, 32, 32, 3), dtype=np.uint8)
    context = Context(space, PROTOCOL, images, 1, torch.device("cpu"), task)
    plain, pipeline = yardstick.make(context), proxies.make("regression", context)
    for _ in range(3):
        architecture = space.random_architecture(rng)
        (one,), (other,) = plain([architecture]), pipeline([architecture])
        assert one.score == pytest.approx(other.score, rel=1e-3)


def test_the_table_compares_architecture_by_architecture():
    rows = [
        {"space": "s", "engine": engine, "architecture": f"a{i}", "quality": float(i), "score": sign * float(i),
         "seconds": seconds * (i + 1), "memory_mb": 10.0}
        for engine, sign, seconds in (("plain", 1, 3.0), ("fast", -1, 1.0))
        for i in range(20)
    ]  # fmt: skip
    plain, fast = measure.table(rows).splitlines()[2:]
    assert plain.startswith("| s | plain | 31.50 [") and "| 1.0 | 1.000 [" in plain
    assert fast.startswith("| s | fast | 10.50 [") and "| 3.0 | -1.000 [" in fast
