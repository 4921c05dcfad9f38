"""NASI's search: its supernet is every cell's network, its gradients the trace norm's, and it minds its bound."""

import math

import numpy as np
import pytest
import torch

from gennas.families.images import Classifier
from gennas.proxies.common.untrained import CLASSES, draw_noise
from gennas.scoring import Protocol
from gennas.searches import nasi
from gennas.searches.base import SearchContext
from gennas.searches.candidates import OfSpace
from gennas.spaces import nasbench201
from gennas.spaces.common.nasbench201.cell import OPERATIONS
from gennas.spaces.nasbench201.supernet import build as build_supernet
from stages import search_architecture
from stages.support import artifacts

PROTOCOL = Protocol(0.125, 0.2, 3, 60, resolution=8)
OPTIONS = {"steps": 3, "mu": 2.0, "nu": 10.0}


def supernet():
    torch.manual_seed(0)
    return build_supernet(PROTOCOL.width, PROTOCOL.depth)


def one_hot(architecture):
    return torch.eye(len(OPERATIONS))[list(architecture)]


def cut_out(whole, architecture):
    """The network of one cell, with the supernet's weights."""
    network = nasbench201.build(architecture, PROTOCOL.width, PROTOCOL.depth)
    network.stem.load_state_dict(whole.stem.state_dict())
    network.reductions.load_state_dict(whole.reductions.state_dict())
    for stage, mixed_stage in zip(network.stages, whole.stages, strict=True):
        for cell, mixed in zip(stage, mixed_stage, strict=True):
            by_place = dict(zip(mixed.places, mixed.operations, strict=True))
            chosen = [by_place[place] for place in enumerate(architecture) if place in by_place]
            for operation, source in zip(cell.operations, chosen, strict=True):
                operation.load_state_dict(source.state_dict())
    return network


@pytest.mark.parametrize("seed", range(6))
def test_one_hot_choices_make_the_network_of_one_cell(seed):
    architecture = nasbench201.random_architecture(np.random.default_rng(seed))
    whole, images = supernet(), torch.randn(2, 3, 8, 8)
    whole.choose(one_hot(architecture))
    expected = cut_out(whole, architecture)(images)
    for ours, theirs in zip(whole(images), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def classifier_and_batch(dtype=torch.float32):
    torch.manual_seed(1)
    network = Classifier(supernet(), CLASSES).to(dtype).train()
    images, labels = draw_noise((3, 3, 8, 8), torch.Generator().manual_seed(2))
    return network, images.to(dtype), labels


def test_its_gradient_is_that_of_finite_differences():
    network, images, labels = classifier_and_batch(torch.float64)
    choices = torch.rand(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def trace(choices):
        network.backbone.choose(choices)
        return nasi.trace_norm(network, images, labels, create_graph=True)

    leaf = choices.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(trace(leaf), leaf)
    assert (gradient[:, 0] == 0).all()  # of `none`
    for place in [(0, 3), (2, 1), (5, 4)]:
        step = torch.zeros_like(choices)
        step[place] = 1e-5
        difference = (trace(choices + step) - trace(choices - step)).detach() / 2e-5
        assert float(gradient[place]) == pytest.approx(float(difference), rel=1e-4)


def answers(seed=0, **changes):
    """What is drawn, its trace norm and the answer, at each step."""
    context = SearchContext(
        OfSpace(nasbench201), seed, {**OPTIONS, **changes}, protocol=PROTOCOL, device=torch.device("cpu"),
        supernet=lambda: build_supernet(PROTOCOL.width, PROTOCOL.depth),
    )  # fmt: skip
    return list(nasi.search(context))


def test_a_search_is_a_function_of_its_seed():
    assert answers(seed=1) == answers(seed=1) != answers(seed=2)


def test_every_architecture_is_drawn_from_the_same_distribution():
    """Algorithm 1 takes all gradients at logits of zero: what it has learnt does not change what it draws."""
    drawn = [[architecture for architecture, *_ in answers(mu=mu, steps=6)] for mu in (0.0, 50.0)]
    assert drawn[0] == drawn[1] and len({*drawn[0]}) > 1


LIKED, OTHER = (1, 2, 3, 4, 3, 2), (4, 3, 2, 1, 1, 1)


def answer(monkeypatch, liked, bases, scales=None, **changes):
    """The last answer, where the trace norm is base + scale * (the edges that have the operation liked), by step."""
    steps = iter(zip(liked, bases, scales or [1.0] * len(bases), strict=True))

    def trace_norm(network, images, labels, create_graph):
        architecture, base, scale = next(steps)
        return base + scale * (one_hot(architecture) * network.backbone.choices).sum()

    monkeypatch.setattr(nasi, "trace_norm", trace_norm)
    return answers(steps=len(bases), **changes)[-1][2]


def test_the_answer_has_what_raises_the_trace_norm_up_to_nu(monkeypatch):
    def found(nu):
        return answer(monkeypatch, [LIKED] * 3, [100.0] * 3, nu=nu, mu=2.0)

    assert found(nu=200.0) == LIKED
    assert all(one != other for one, other in zip(found(nu=50.0), LIKED, strict=True))


@pytest.mark.parametrize(
    ("bases", "exceeds"),
    [
        ([1e5, 0.0] + [6e4] * 20, True),  # above the mean, but not the median
        ([0.0, 1e5] + [3e4] * 20, False),  # below the mean, but above the least
        ([0.0, math.inf] + [6e4] * 20, True),  # what is not finite does not count
        ([1e5, math.nan] + [3e4] * 20, False),
    ],
)
def test_the_adaptive_nu_is_the_mean_of_those_so_far(monkeypatch, bases, exceeds):
    found = answer(monkeypatch, [LIKED] * 22, bases, nu="mean", mu=2.0)
    if exceeds:
        assert all(one != other for one, other in zip(found, LIKED, strict=True))
    else:
        assert found == LIKED


def test_one_large_gradient_does_not_silence_those_before_it(monkeypatch):
    """Equation 18 divides each by the largest so far."""
    liked, scales = [*[LIKED] * 20, OTHER], [*[1.0] * 20, 1000.0]
    assert answer(monkeypatch, liked, [0.0] * 21, scales, mu=0.0) == LIKED


def test_a_gradient_that_is_not_finite_counts_for_nothing(monkeypatch):
    scales = [1.0, math.inf, 1.0]
    assert answer(monkeypatch, [LIKED, OTHER, LIKED], [0.0] * 3, scales, mu=0.0) == LIKED


def test_a_unit_has_a_row_for_each_step(tmp_path):
    path = tmp_path / "unit.parquet"
    protocol = {"width": 0.125, "depth": 0.2, "batch_size": 3, "time_limit": 60, "resolution": 8}
    search_architecture.unit(
        steps=path, benchmark=[], images=[], scores=[], labelled=[], prior=[], vectors=[],
        checkpoint=tmp_path / "none.pt", space="nasbench201", name="bounded",
        search={"kind": "nasi", **OPTIONS}, candidates="space", objectives=[], protocol=protocol,
        target="any", constants={}, seed=0, repetition=1,
    )  # fmt: skip
    rows = artifacts.read_parquet(path, artifacts.STEPS).to_pylist()
    assert [(row["search"], row["kind"], row["seed"], row["evaluation"]) for row in rows] == [
        ("bounded", "nasi", 1, step) for step in (1, 2, 3)
    ]
    for row in rows:
        assert len(row["scores"]) == 1 and row["queries"] == 0
        assert nasbench201.from_id(row["architecture"]) and nasbench201.from_id(row["best_architecture"])
