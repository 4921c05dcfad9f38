"""One contract for every proxy; then the regression proxy, on images and sequences, against plain reimplementations."""

import copy
import math
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from contexts import (
    CHAIN,
    COMBO,
    CONVOLUTIONS,
    DEEP,
    GATED,
    NLP,
    NONE,
    OPTIONS,
    PROTOCOL,
    RECURRENT,
    RNN,
    SKIPPING,
    SKIPS,
    SPACE,
    WIDE,
    context,
    graphs,
    sequences,
)  # fmt: skip

from gennas import catalogue, proxies, spaces
from gennas.errors import InputError
from gennas.families.images import Classifier, inputs
from gennas.proxies import regression, short_training
from gennas.proxies.common.untrained import make_untrained
from gennas.regression import images as image_regression
from gennas.regression import sequences as sequence_regression
from gennas.regression.training import make_optimizer
from gennas.scoring import Protocol
from gennas.seeds import derive_seed

#: Kinds that draw nothing; and in networks this small every ReLU has a pattern of its own, whatever the draw.
SEEDLESS = ["depth", "flops", "leaves", "parameters", "swap"]
#: What scores the proxies of each family are asked for.
FAMILIES = {
    "graphs": (graphs, (WIDE, CHAIN, SKIPPING)),
    "images": (context, (CONVOLUTIONS, SKIPS, NONE)),
    "sequences": (sequences, (RNN, GATED, DEEP)),
}
#: Every proxy with every family that it declares.
EVERY = [(kind, family) for family in FAMILIES for kind in catalogue.names("proxies", family)]


def score(kind, ctx, architecture):
    """A proxy's score of one architecture."""
    (found,) = proxies.make(kind, ctx)([architecture])
    return found


# --- the contract ------------------------------------------------------------------------------


def test_every_module_is_a_proxy_of_known_families_and_options():
    modules = {path.stem for path in Path(proxies.__file__).parent.glob("[a-z]*.py")}
    assert set(catalogue.names("proxies")) == modules == {kind for kind, _ in EVERY}
    for kind in modules:
        declared = catalogue.declaration("proxies", kind)
        assert declared["families"] and {*declared["families"]} <= {*catalogue.names("families")}
        assert {*declared.get("options", {})} <= {*OPTIONS}
        assert all({"description", "$ref"} & option.keys() for option in declared.get("options", {}).values())


@pytest.mark.parametrize(("kind", "family"), EVERY)
def test_a_score_depends_on_the_architecture_and_the_seed_only(kind, family):
    """Nor does it depend on the state of the global generators, or on other architectures; and it is finite or last."""
    make, architectures = FAMILIES[family]
    first = list(proxies.make(kind, make())(architectures))
    assert (first == list(proxies.make(kind, make(seed=2))(architectures))) == (kind in SEEDLESS)
    for draw in (torch.manual_seed, np.random.seed, random.seed):
        draw(12345)
    again = [score(kind, make(), architecture) for architecture in architectures[::-1]]
    assert first == again[::-1]
    assert first[0].status == "ok"
    assert all(math.isfinite(s.score) if s.status == "ok" else s.score == -math.inf for s in first)
    assert len({s.score for s in first}) > 1


@pytest.mark.parametrize("kind", catalogue.names("proxies", "images"))
@pytest.mark.parametrize(("space", "resolution"), [("nasbench201", [52, 16]), ("nasbench201_dense", [11, 9])])
def test_a_proxy_scores_networks_on_images_that_are_no_squares(kind, space, resolution):
    ctx = context(space=spaces.load(space), protocol={"resolution": resolution, "iterations": 2})
    assert inputs(ctx).shape == (4, 3, *resolution)
    (found,) = proxies.make(kind, ctx)([(2, 1, 2, 1, 4, 2)])
    assert found.status == "ok" and math.isfinite(found.score)


@pytest.mark.parametrize(("kind", "family"), EVERY)
def test_a_proxy_leaves_numpys_and_pythons_generators_and_its_context_alone(kind, family):
    make, architectures = FAMILIES[family]
    ctx = make()
    images, options = ctx.images.copy(), copy.deepcopy(dict(ctx.options))
    numpys, pythons = np.random.get_state()[1].tolist(), random.getstate()
    score(kind, ctx, architectures[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == (numpys, pythons)
    assert np.array_equal(ctx.images, images) and ctx.options == options


@pytest.mark.parametrize(("kind", "family"), EVERY)
def test_only_options_that_are_declared_are_read(kind, family):
    declared = catalogue.declaration("proxies", kind).get("options", {})
    make, architectures = FAMILIES[family]
    ctx = make()
    least = replace(ctx, options={name: ctx.options[name] for name in declared})
    assert score(kind, least, architectures[0]) == score(kind, ctx, architectures[0])


@pytest.mark.parametrize(("kind", "family"), EVERY)
def test_a_proxy_that_trains_says_so(kind, family):
    """It has a loss per iteration, and is refused a protocol that has none."""
    declared = catalogue.declaration("proxies", kind)
    make, architectures = FAMILIES[family]
    assert bool(score(kind, make(), architectures[0]).losses) == bool(declared.get("trains"))
    untrained = replace(make(), protocol=Protocol(0.125, 0.2, 4, 60, resolution=make().protocol.resolution))
    if declared.get("trains"):
        with pytest.raises(InputError, match=f"{kind} trains networks, and its protocol has no iterations"):
            proxies.make(kind, untrained)
    else:
        assert score(kind, untrained, architectures[0]) == score(kind, make(), architectures[0])


def test_a_proxy_is_imported_without_what_others_need():
    """Torch takes seconds already."""
    heavy = ["requests", "pyarrow", "PIL", "sklearn", "jsonschema", "matplotlib", "yaml"]
    code = f"import gennas.proxies.naswot, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_features_that_cannot_be_decomposed_rank_last():
    def measure(network, batch):
        return torch.linalg.eigvalsh(torch.full((2, 2), math.nan)).sum()

    (found,) = make_untrained(context(), measure)([NONE])
    assert (found.score, found.status) == (-math.inf, "undefined")


@pytest.mark.parametrize("kind", sorted({*catalogue.names("proxies")} - {*catalogue.names("proxies", "sequences")}))
def test_a_proxy_that_is_not_for_a_family_names_those_that_are(kind):
    with pytest.raises(InputError, match=rf"\b{kind} is not defined for sequences.*flops, parameters, regression$"):
        proxies.make(kind, sequences())


def test_a_protocol_for_sequences_is_refused_for_images():
    lacking = context(protocol={"resolution": None})
    with pytest.raises(InputError, match=r"protocols: resolution is missing"):
        proxies.make("regression", lacking)


def test_an_unknown_proxy_is_named():
    with pytest.raises(InputError, match="'telepathy'"):
        proxies.make("telepathy", context())


def test_flops_and_parameters_of_known_networks():
    """By hand, all-none cell: the stem and the two reduction blocks, 2 operations per multiply-add."""
    macs = 32 * 32 * 27 * 16  # stem
    for side, c in ((16, 16), (8, 32)):
        macs += side * side * (9 * c * 2 * c + 9 * 2 * c * 2 * c + c * 2 * c)
    assert score("flops", context(), NONE).score == 2 * macs
    weights = 27 * 16 + 2 * 16
    weights += sum(9 * c * 2 * c + 9 * 2 * c * 2 * c + c * 2 * c + 4 * 2 * c for c in (16, 32))
    assert score("parameters", context(), NONE).score == weights


def test_flops_and_parameters_of_a_recurrent_network():
    """By hand: each layer has a matrix for x, one for h0 and a bias; a weight is two operations per token."""
    weights = [400 * 600 + 600 * 600, 600 * 600 + 600 * 600, 600 * 400 + 400 * 400]
    assert score("flops", sequences(), RNN).score == RECURRENT.INPUT_SHAPE[0] * 2 * sum(weights)
    assert score("parameters", sequences(), RNN).score == sum(weights) + 600 + 600 + 400


# --- regression on images ----------------------------------------------------------------------


def plain_curve(architecture, ctx):
    """The protocol as the paper states it, with nothing shared, fused or fast."""
    task = regression.draw_task(ctx)
    torch.manual_seed(derive_seed(ctx.seed, "weights"))
    backbone = SPACE.build(architecture, ctx.protocol.width, ctx.protocol.depth)
    network = image_regression.RegressionNetwork(backbone, (8, 8, 8))
    velocity = [torch.zeros_like(p) for p in network.parameters()]
    curve = []
    for step in range(ctx.protocol.iterations):
        outputs = network(task.drawn.inputs + task.noise[step])
        loss = sum(
            weight * (output - target).square().mean()
            for weight, output, target in zip((0.25, 0.5, 1.0), outputs, task.drawn.targets, strict=True)
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
    found = score("regression", ctx, architecture)
    expected = plain_curve(architecture, ctx)
    assert found.losses == pytest.approx(expected, rel=1e-3)
    assert found.score == pytest.approx(-np.mean(expected[-2:]), rel=1e-3)


def test_the_heads_resize_to_the_grid_and_scale_their_channels():
    network = image_regression.RegressionNetwork(SPACE.build(CONVOLUTIONS, 0.25, 0.2), (64, 48, 16))
    outputs = network(torch.randn(2, 3, 32, 32))
    assert [tuple(o.shape) for o in outputs] == [(2, 64, 8, 8), (2, 48, 8, 8), (2, 16, 8, 8)]
    task = {"channel_factors": [1.0, 0.75, 0.25]}
    assert image_regression.head_channels(task, replace(PROTOCOL, target_channels=64)) == (64, 48, 16)


def test_evaluation_readout_differs_from_training_readout():
    trained = score("regression", context(), CONVOLUTIONS)
    evaluated = score("regression", context(protocol={"readout": "evaluation"}), CONVOLUTIONS)
    assert evaluated.losses == trained.losses
    assert evaluated.score != trained.score


def test_a_diverged_training_ranks_last_and_is_kept():
    found = score("regression", context(protocol={"learning_rate": 1e30}), CONVOLUTIONS)
    assert found.status == "diverged"
    assert found.score == -math.inf
    assert len(found.losses) == 5


def test_weight_decay_spares_vectors():
    decayed, spared = make_optimizer(SPACE.build(CONVOLUTIONS, 0.125, 0.2), PROTOCOL).param_groups
    assert {p.ndim for p in decayed["params"]} == {4} and decayed["weight_decay"] == 4e-5
    assert {p.ndim for p in spared["params"]} == {1} and spared["weight_decay"] == 0


def test_the_stages_of_a_task_may_be_written_in_any_order():
    reordered = {**COMBO, "signals": dict(reversed(COMBO["signals"].items()))}
    drawn, again = (regression.draw_task(context(task=task)).drawn.targets for task in (COMBO, reordered))
    assert all(map(torch.equal, drawn, again))


def test_repetitions_see_different_images():
    batches = [inputs(context(seed=seed)) for seed in (0, 0, 1)]
    assert torch.equal(batches[0], batches[1]) and not torch.equal(batches[0], batches[2])


@pytest.mark.parametrize("make", [context, graphs, sequences])
def test_noise_is_fresh_at_each_iteration_and_bounded(make):
    ctx = make()
    task = regression.draw_task(make(task={**ctx.options["task"], "noise": {"kind": "uniform", "level": 0.3}}))
    noise = torch.stack(task.noise)
    assert noise.shape == (6, *task.drawn.inputs.shape)
    assert noise.abs().max() <= 0.3 and noise.abs().max() > 0.29
    assert not torch.equal(noise[0], noise[1])


# --- regression on sequences ---------------------------------------------------------------------


def plain_sequence_curve(architecture, ctx):
    """Adam as its authors state it, on a network whose parameters start as the proxy's."""
    task = regression.draw_task(ctx)
    torch.manual_seed(derive_seed(ctx.seed, "weights"))
    backbone = RECURRENT.build(architecture, ctx.protocol.width, ctx.protocol.depth)
    network = sequence_regression.RegressionNetwork(backbone, NLP["dimension"])
    parameters = list(network.parameters())
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    curve = []
    for step in range(ctx.protocol.iterations):
        encoded = (task.drawn.inputs + task.noise[step]) @ network.encoder.weight.t() + network.encoder.bias
        output = backbone(encoded) @ network.decoder.weight.t() + network.decoder.bias
        loss = (output - task.drawn.targets[0]).square().mean()
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for p, m, v, g in zip(parameters, first, second, gradients, strict=True):
                g = g + (4e-5 * p if p.ndim > 1 else 0)
                m.lerp_(g, 1 - 0.9)
                v.lerp_(g.square(), 1 - 0.999)
                p.sub_(0.01 * (m / (1 - 0.9 ** (step + 1))) / ((v / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8))
        curve.append(loss.item())
    return curve


@pytest.mark.parametrize("architecture", [RNN, GATED, DEEP])
def test_training_on_sequences_follows_the_paper(architecture):
    ctx = sequences()
    found = score("regression", ctx, architecture)
    assert found.losses == pytest.approx(plain_sequence_curve(architecture, ctx), rel=1e-3)


def test_a_recurrent_network_learns_its_task():
    found = score("regression", sequences(protocol={"iterations": 60, "width": 0.05}), GATED)
    assert found.score == pytest.approx(-np.mean(found.losses[-2:])) and -found.score < 0.8 * found.losses[0]


def test_encoder_and_decoder_start_as_in_the_released_code():
    network = sequence_regression.RegressionNetwork(RECURRENT.build(RNN, 0.1), 48)
    assert network.encoder.weight.shape == (40, 48) and network.decoder.weight.shape == (48, 40)
    for layer in (network.encoder, network.decoder):
        assert layer.weight.abs().max().item() == pytest.approx(0.1, rel=0.02)
    assert not network.decoder.bias.any()


@pytest.mark.parametrize(("make", "task", "reads"), [(context, NLP, "images"), (sequences, COMBO, "sequences")])
def test_a_task_of_the_other_family_is_one_line(make, task, reads):
    with pytest.raises(InputError, match=f"the networks here read {reads}") as caught:
        proxies.make("regression", make(task=task))
    assert "\n" not in str(caught.value)


def test_a_diverged_recurrent_network_ranks_last():
    """Its states are multiplied with themselves, and grow without bound."""
    exploding = RECURRENT.from_id("n0=linear(x,h0);n1=prod(h0,n0);n2=sum(n0,n1);n3=prod(n1,n2);n4=sum(n2,n3);h0=n4")
    found = score("regression", sequences(protocol={"width": 0.5, "learning_rate": 10.0}), exploding)
    assert (found.status, found.score) == ("diverged", -math.inf)


def test_short_training_is_sgd_on_real_labels():
    """Reimplemented: batches of digits, cross-entropy, five steps; the readout's mean of the last two losses."""
    lesson, classes = short_training.draw_lesson(context())
    assert classes == 10 and len(lesson.batches) == 6 and len(lesson.batches[0])
    assert not {*lesson.batches[0].tolist()} & {*lesson.batches[-1].tolist()}
    torch.manual_seed(derive_seed(1, "weights"))
    network = Classifier(SPACE.build(CONVOLUTIONS, 0.125, 0.2), classes)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for positions in lesson.batches[:5]:
        loss = torch.nn.functional.cross_entropy(network(lesson.images[positions]), lesson.labels[positions])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    found = score("short_training", context(protocol={"weight_decay": 0.0}), CONVOLUTIONS)
    assert found.losses == pytest.approx(losses, rel=1e-3)
    assert found.score == pytest.approx(-sum(losses[-2:]) / 2, rel=1e-3)


def test_short_training_can_be_judged_on_images_that_it_never_saw():
    judged = score("short_training", context(protocol={"readout": "evaluation", "iterations": 30}), CONVOLUTIONS)
    lesson, _ = short_training.draw_lesson(context(protocol={"iterations": 30}))
    learnt = {int(i) for batch in lesson.batches[:-1] for i in batch}
    assert judged.status == "ok" and len(judged.losses) == 30
    assert len(lesson.batches[-1]) == 500 and not learnt & {int(i) for i in lesson.batches[-1]}
