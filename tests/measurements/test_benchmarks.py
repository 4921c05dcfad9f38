"""The yardstick of the benchmarks is the same proxy as the pipeline's, computed plainly."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gennas import proxies, spaces
from gennas.errors import InputError
from gennas.regression.genes import load_task
from gennas.scoring import Context, Protocol
from measurements import finals, measure, protocols, subjects, yardstick

PROTOCOL = Protocol(
    width=0.125, depth=0.2, batch_size=4, time_limit=60, resolution=16, target_channels=8, iterations=8,
    learning_rate=0.05, weight_decay=1e-3, readout="evaluation",
)  # fmt: skip


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201"])
def test_without_noise_both_compute_the_same_scores(name):
    space, rng = spaces.load(name), np.random.default_rng(0)
    task = load_task("single") | {"noise": {"kind": "uniform", "level": 0.0}}
    images = rng.integers(256, size=(8, 32, 32, 3), dtype=np.uint8)
    context = Context(space, PROTOCOL, images, 1, torch.device("cpu"), {"task": task})
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


def test_the_front_holds_what_no_cheaper_protocol_equals():
    rows = [{"seconds": s, "rho": rho} for s, rho in [(3, 0.9), (1, 0.5), (2, 0.4), (2.5, 0.8), (4, 0.9)]]
    assert [row["seconds"] for row in protocols.front(rows)] == [1, 2.5, 3]


def test_the_finals_are_judged_by_every_repetition_and_by_their_mean():
    scores = {0: (3.0, 2.0, 1.0), 1: (0.0, 2.0, 2.5)}  # of cells whose true ranks are 1, 5 and 9
    rows = [
        {"judge": "deep", "repetition": repetition, "seconds": 0.5, "rank": rank, "score": score}
        for repetition, own in scores.items()
        for rank, score in zip((1, 5, 9), own, strict=True)
    ]
    assert finals.table(rows).splitlines()[2:] == ["| deep | 0.50 | 1.00, -1.00 | -0.50 | 5, 9, 1 |"]


def test_a_recorded_training_is_the_pipelines_and_can_be_read_in_every_way():
    space, rng = spaces.load("nasbench201"), np.random.default_rng(0)
    images = rng.integers(256, size=(8, 32, 32, 3), dtype=np.uint8)
    protocol = replace(PROTOCOL, iterations=10)
    context = Context(space, protocol, images, 1, torch.device("cpu"), {"task": load_task("single")})
    architecture = space.random_architecture(rng)
    training, evaluation = protocols.record(context, architecture, cosine=False)
    (score,) = proxies.make("regression", context)([architecture])
    assert training.sum(axis=1) == pytest.approx(score.losses, rel=1e-5)
    read = {(n, name): x for n, name, (x,) in protocols.readouts(training[None], evaluation[None], cosine=False)}
    assert read[10, "evaluation, all stages"] == pytest.approx(-score.score, rel=1e-5)
    assert read[10, "training, last 5, all stages"] == pytest.approx(training[5:].sum() / 5)
    assert read[10, "training, last 1, last stage"] == pytest.approx(training[9, 2])


def test_what_is_measured_goes_between_its_comments(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x --><!-- end of x -->\nb\n<!-- y -->old<!-- end of y -->")
    subjects.show(page, "x", r"\1 new")
    assert page.read_text() == "a\n<!-- x -->\n\n\\1 new\n\n<!-- end of x -->\nb\n<!-- y -->old<!-- end of y -->"
    with pytest.raises(InputError, match=r"page\.md: has no <!-- z -->"):
        subjects.show(page, "z", "nowhere to go")
