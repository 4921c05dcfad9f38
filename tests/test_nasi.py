"""NASI's search: its supernet is every cell's network, its gradients the trace norm's, and it minds its bound."""

from argparse import Namespace

import numpy as np
import pytest
import torch

from stages import params, search_architecture
from stages.classifier import Classifier
from stages.errors import InputError
from stages.proxies import nasi as proxy
from stages.proxies.common.untrained import CLASSES, Batch
from stages.search import nasi
from stages.spaces import nasbench201
from stages.truth import Truth

PROTOCOL = {"width": 0.125, "depth": 0.2, "batch_size": 3, "resolution": 8}
PARAMS = {"protocol": "toy", "steps": 3, "penalty": 2.0, "bound": 10.0}
CPU = torch.device("cpu")


def supernet():
    torch.manual_seed(0)
    return nasbench201.supernet(PROTOCOL["width"], PROTOCOL["depth"])


def one_hot(architecture):
    return torch.eye(len(nasbench201.OPERATIONS))[list(architecture)]


def cut_out(whole, architecture):
    """The network of one cell, with the supernet's weights."""
    network = nasbench201.build(architecture, PROTOCOL["width"], PROTOCOL["depth"])
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
    images, labels = nasi.draw_batch(PROTOCOL, torch.Generator().manual_seed(2))
    return network, images.to(dtype), labels


def test_the_trace_norm_is_the_proxys():
    network, images, labels = classifier_and_batch()
    network.backbone.choose(one_hot((3, 1, 2, 4, 3, 3)))
    ours = nasi.trace_norm(network, images, labels)
    assert float(ours.detach()) == pytest.approx(proxy.measure(network, Batch(images, images, labels)), rel=1e-4)


def test_its_gradient_is_that_of_finite_differences():
    network, images, labels = classifier_and_batch(torch.float64)
    choices = torch.rand(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def trace(choices):
        network.backbone.choose(choices)
        return nasi.trace_norm(network, images, labels)

    leaf = choices.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(trace(leaf), leaf)
    assert (gradient[:, 0] == 0).all()  # of `none`
    for place in [(0, 3), (2, 1), (5, 4)]:
        step = torch.zeros_like(choices)
        step[place] = 1e-5
        difference = (trace(choices + step) - trace(choices - step)).detach() / 2e-5
        assert float(gradient[place]) == pytest.approx(float(difference), rel=1e-4)


def answers(variant="nasi_fix", seed=0, **changes):
    return list(nasi.search(variant, nasbench201, PROTOCOL, {**PARAMS, **changes}, seed, CPU))


def test_a_search_is_a_function_of_its_seed():
    assert answers(seed=1) == answers(seed=1) != answers(seed=2)


def test_beyond_the_bound_the_gradient_turns_round():
    """A penalty of 2 turns R into bound * 2 - s: what one step likes best, it then likes least."""
    (drawn, trace, best), *_ = answers(penalty=0.0, steps=1)
    (same, _, worst), *_ = answers(penalty=2.0, bound=trace / 1e6, steps=1)
    assert drawn == same and all(one != other for one, other in zip(best, worst, strict=True))
    assert answers(penalty=2.0, bound=trace * 2, steps=1)[0][2] == best


def test_the_adaptive_bound_is_the_mean_of_those_met():
    """The first trace norm is its own mean: there is nothing to penalise; beyond, the variants differ."""
    free, adaptive = answers(penalty=0.0, steps=8), answers("nasi_ada", penalty=50.0, steps=8)
    assert adaptive[0] == free[0]
    assert [best for *_, best in adaptive] != [best for *_, best in free]


def test_the_stage_writes_every_step_of_both_variants():
    truth = Truth(
        {nasbench201.to_id(cell): float(i) for i, cell in enumerate(nasbench201.all_architectures())}, "x_percent"
    )
    args = Namespace(params={"seeds": 2, "nasi": PARAMS}, protocols={"toy": PROTOCOL}, seed=0)
    rows = list(search_architecture.run_nasi(args, nasbench201, truth))
    assert [(row["algorithm"], row["seed"], row["evaluation"]) for row in rows] == [
        (variant, seed, step) for variant in nasi.VARIANTS for seed in range(2) for step in (1, 2, 3)
    ]
    assert all(truth.of(row["best_architecture"])[1] == row["best_rank"] for row in rows)


def test_a_space_without_a_supernet_is_refused_by_name(tmp_path):
    section = {"search_architecture": {"nasi": PARAMS, "over": "space"}}
    with pytest.raises(InputError, match=r"nasbench101\.search_architecture\.nasi.*nasbench201"):
        params.check_nasi(section, tmp_path / "params.yaml", "nasbench101")
