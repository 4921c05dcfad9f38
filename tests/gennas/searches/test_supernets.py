"""Searches that train a supernet: how operations are drawn and differentiated, what is trained on what, checkpoints."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch
from torch.distributions import RelaxedOneHotCategorical

from gennas import catalogue
from gennas.errors import InputError
from gennas.files.checkpoints import Checkpoint
from gennas.regression.genes import load_task
from gennas.scoring import Protocol
from gennas.searches import darts, gdas, rsps, snas
from gennas.searches.base import SearchContext
from gennas.searches.candidates import OfSpace
from gennas.searches.common import lessons, supernets
from gennas.searches.common.supernets import Draw, Training, one
from gennas.spaces import nasbench201
from gennas.spaces.common.nasbench201.cell import OPERATIONS
from gennas.spaces.nasbench201.supernet import build, log_cost
from stages import search_architecture

PROTOCOL = Protocol(0.125, 0.2, 4, 60, resolution=8, iterations=1)
IMAGES = np.random.default_rng(0).integers(256, size=(20, 8, 8, 3), dtype=np.uint8)
LEARNT = {"labels": {"dataset": "digits"}, "task": {"task": load_task("nasbench101")}}
#: Every search by a supernet, with its own options.
OPTIONS = {
    "darts": {"split": 0.5},
    "gdas": {"split": 0.5},
    "nasi": {"mu": 2.0, "nu": 10.0},
    "rsps": {"split": 0.5, "candidates": 3},
    "snas": {},
}
TRAINED = sorted(set(OPTIONS) - {"nasi"})
#: (edges, operations), and costs of each.
LOGITS = torch.tensor([[0.3, -0.2, 0.9, 0.0, -1.0], [0.0, 0.0, 0.0, 0.0, 2.0]], dtype=torch.float64)
COSTS = torch.tensor([[0.0, 0.2, 0.5, 1.0, 0.4], [0.0, 0.0, 0.1, 1.0, 0.0]], dtype=torch.float64)


def make_context(seed=0, protocol=PROTOCOL, images=IMAGES, **options):
    return SearchContext(
        OfSpace(nasbench201), seed, {"steps": 4, **options}, protocol=protocol, device=torch.device("cpu"),
        supernet=lambda: build(protocol.width, protocol.depth), images=images,
    )  # fmt: skip


def run(name, seed=0, learnt="labels", **options):
    own = {**OPTIONS[name], **(LEARNT[learnt] if name in TRAINED else {}), **options}
    return list(catalogue.load_module("searches", name).run(make_context(seed, **own)))


# --- a contract --------------------------------------------------------------------------------


def test_every_search_by_a_supernet_is_under_this_contract():
    declared = {name: catalogue.declaration("searches", name) for name in catalogue.names("searches")}
    assert {name for name, own in declared.items() if own["supernet"]} == {*OPTIONS}
    assert sorted(name for name, own in declared.items() if own.get("trains")) == TRAINED


@pytest.mark.parametrize("name", OPTIONS)
def test_a_search_is_a_function_of_its_seed(name):
    torch.manual_seed(5)
    first = run(name, seed=1)
    torch.manual_seed(6)
    assert run(name, seed=1) == first != run(name, seed=2)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_yields_canonical_ids_and_finite_scores(name):
    for learnt in LEARNT:
        steps = run(name, learnt=learnt)
        assert len(steps) == 4 + OPTIONS[name].get("candidates", 0)
        for step in steps:
            assert len(step.scores) == 1 and math.isfinite(step.scores[0])
            for architecture in (step.architecture, step.answer):
                assert nasbench201.to_id(nasbench201.from_id(architecture)) == architecture


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("learnt", LEARNT)
def test_a_supernet_learns(name, learnt):
    protocol = replace(PROTOCOL, batch_size=16, learning_rate=0.05)
    context = make_context(protocol=protocol, **{**OPTIONS[name], **LEARNT[learnt], "steps": 40, "split": 0})
    losses = [-step.scores[0] for step in catalogue.load_module("searches", name).run(context)][:40]
    assert np.mean(losses[-10:]) < np.mean(losses[:10])


# --- what is drawn, and how it is differentiated -----------------------------------------------


def gradient(function, logits):
    leaf = logits.clone().requires_grad_()
    (found,) = torch.autograd.grad(function(leaf), leaf)
    return found


def many(row, count=200_000):
    """As many edges with the same logits: as many draws."""
    return LOGITS[row].expand(count, -1)


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_the_gradient_of_snas_is_the_closed_form_of_a_linear_loss(progress):
    def loss(logits):
        torch.manual_seed(0)
        return (snas.sample(logits, progress).choices * COSTS).sum()

    torch.manual_seed(0)
    drawn = snas.sample(LOGITS, progress).choices
    temperature = supernets.linear(*snas.TEMPERATURES, progress)
    expected = drawn * (COSTS - (drawn * COSTS).sum(dim=1, keepdim=True)) / temperature
    torch.testing.assert_close(gradient(loss, LOGITS), expected)
    assert gradient(lambda logits: snas.sample(logits, progress).choices.sum(), LOGITS).abs().max() < 1e-15


@pytest.mark.parametrize("module", [snas, gdas])
def test_the_largest_choice_is_drawn_as_often_as_the_softmax_says(module):
    torch.manual_seed(1)
    drawn = module.sample(many(0, 20_000), 0.5).choices.argmax(dim=1)
    counts = torch.bincount(drawn, minlength=5).numpy()
    expected = 20_000 * LOGITS[0].softmax(dim=0).numpy()
    assert scipy.stats.chisquare(counts, expected).pvalue > 0.01


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_of_two_operations_the_choice_is_a_logistic(progress):
    torch.manual_seed(2)
    logits = torch.tensor([0.8, -0.3], dtype=torch.float64).expand(20_000, 2)
    first = snas.sample(logits, progress).choices[:, 0]
    temperature = supernets.linear(*snas.TEMPERATURES, progress)
    law = scipy.stats.logistic(1.1 / temperature, 1 / temperature)
    assert scipy.stats.kstest(first.logit().numpy(), law.cdf).pvalue > 0.01
    assert float((first > 0.5).double().mean()) == pytest.approx(1 / (1 + math.exp(-1.1)), abs=0.01)


@pytest.mark.parametrize("progress", [0.0, 1.0])
def test_the_expected_cost_of_equal_logits_is_the_mean(progress):
    torch.manual_seed(3)
    drawn = snas.sample(torch.zeros(200_000, 5, dtype=torch.float64), progress).choices
    assert float((drawn @ COSTS[0]).mean()) == pytest.approx(float(COSTS[0].mean()), abs=0.005)


@pytest.mark.parametrize("module", [snas, gdas, darts])
def test_a_shift_of_an_edges_logits_changes_nothing(module):
    def drawn(logits):
        torch.manual_seed(4)
        return module.sample(logits, 0.3).choices

    torch.testing.assert_close(drawn(LOGITS), drawn(LOGITS + torch.tensor([[7.0], [-3.0]])))


def test_darts_permutes_its_mixture_with_its_logits():
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(darts.sample(LOGITS[:, order], 0.0).choices, darts.sample(LOGITS, 0.0).choices[:, order])


def test_gdas_is_differentiated_through_the_operation_drawn_alone():
    """As the softmax, of which the other operations have no part in the loss."""

    def loss(logits):
        torch.manual_seed(5)
        draw = gdas.sample(logits, 0.5)
        return (draw.choices * COSTS * draw.computed).sum()

    def soft(logits):
        torch.manual_seed(5)
        temperature = supernets.linear(*gdas.TEMPERATURES, 0.5)
        relaxed = torch.nn.functional.gumbel_softmax(logits, temperature)
        return (relaxed * COSTS)[[0, 1], relaxed.argmax(dim=1)].sum()

    torch.testing.assert_close(gradient(loss, LOGITS), gradient(soft, LOGITS))
    draw = gdas.sample(LOGITS, 0.5)
    assert (draw.computed.sum(dim=1) == 1).all() and torch.equal(draw.choices.round().bool(), draw.computed)


# --- what an architecture costs ----------------------------------------------------------------


def test_the_cost_of_an_operation():
    """Of the benchmark's first stage."""
    costs = {name: round(log_cost(name, 16, 32 * 32), 1) for name in OPERATIONS}
    assert costs["nor_conv_3x3"] == 11.0 and costs["avg_pool_3x3"] == 7.4
    assert costs["skip_connect"] == 3.5 and costs["none"] == 0.0
    table = build(1.0, 0.2).costs((32, 32))
    stages = [log_cost("nor_conv_3x3", 16 * 2**k, (32 // 2**k) ** 2) for k in range(3)]
    assert table.shape == (6, 5) and float(table[2, 3]) == pytest.approx(np.mean(stages))
    assert torch.equal(build(1.0, 0.2).costs((64, 16)), table)  # as many pixels


def test_the_discrete_gradient_is_that_of_the_expectation():
    p = LOGITS.softmax(dim=1)
    found = gradient(lambda logits: snas.cost(logits, p, COSTS, 1.0, "discrete"), LOGITS)
    torch.testing.assert_close(found, p * (COSTS - (p * COSTS).sum(dim=1, keepdim=True)))
    assert found[1, 3].item() == pytest.approx(0.0793, abs=1e-4)


@pytest.mark.parametrize("estimator", ["reparametrisation", "policy_gradient"])
def test_both_estimators_have_the_gradient_of_the_relaxed_cost(estimator):
    """Means of 200,000 draws at temperature 1, of the second row: .078 and -.048, beside .079 and -.063 discretely."""
    torch.manual_seed(6)

    def loss(logits):
        drawn = snas.sample(logits, 0.0).choices
        return snas.cost(logits, drawn, COSTS[1], 1.0, estimator)

    mean = gradient(loss, many(1)).mean(dim=0)
    assert mean[3].item() == pytest.approx(0.078, abs=0.002) and mean[4].item() == pytest.approx(-0.048, abs=0.002)


def test_the_policy_gradient_has_the_concrete_density():
    """ln (n-1)! + (n-1) ln lambda + sum a - (lambda+1) sum ln z - n ln sum exp(a) z^-lambda, times the cost."""
    z, temperature = torch.tensor([[0.5, 0.2, 0.1, 0.15, 0.05]], dtype=torch.float64), 0.4
    logits, costs = LOGITS[:1], COSTS[:1]
    sums = logits.sum() - (temperature + 1) * z.log().sum() - 5 * (logits - temperature * z.log()).logsumexp(1)
    density = math.log(24) + 4 * math.log(temperature) + sums
    advantage = (z * costs).sum() - (logits.softmax(dim=1) * costs).sum()
    torch.testing.assert_close(snas.cost(logits, z, costs, temperature, "policy_gradient"), (density * advantage)[0])
    torch.testing.assert_close(
        RelaxedOneHotCategorical(logits.new_tensor(temperature), logits=logits).log_prob(z), density
    )


@pytest.mark.parametrize("estimator", snas.DECLARATION["options"]["estimator"]["enum"])
def test_what_costs_too_much_ends_as_nothing(estimator):
    """If the loss counts for nothing beside the cost."""
    torch.manual_seed(7)
    logits, costs = torch.zeros(6, 5, requires_grad=True), build(0.125, 0.2).costs((8, 8))
    penalty = snas.make_penalty(costs, 2.0, estimator)
    optimizer = torch.optim.Adam([logits], 0.05)
    for step in range(400):
        optimizer.zero_grad()
        penalty(logits, snas.sample(logits, step / 400), step / 400).backward()
        optimizer.step()
    assert (logits.argmax(dim=1) == 0).all()


def test_a_search_minds_the_cost():
    free, dear = (run("snas", steps=40, penalty=eta, architecture_learning_rate=0.2)[-1].answer for eta in (0, 100.0))
    assert dear.count("none") == 6 > free.count("none")


# --- the network that was drawn ----------------------------------------------------------------


def training(module=snas, dtype=None, **options):
    found = Training(make_context(**{**LEARNT["labels"], **options}), module.sample)
    if dtype:
        found.network.to(dtype)
        found.lesson = replace(found.lesson, images=found.lesson.images.to(dtype))
    return found


@pytest.mark.parametrize("draws", [1, 5])
def test_the_gradient_of_the_logits_is_that_of_finite_differences(draws):
    net, positions = training(dtype=torch.float64), torch.arange(6)
    start = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def loss(logits):
        torch.manual_seed(7)
        losses = [net.loss_of(snas.sample(logits, 0.2), positions, torch.Generator()) for _ in range(draws)]
        return torch.stack(losses).mean()

    found = gradient(loss, start)
    for place in [(0, 3), (3, 1), (5, 0), (2, 4)]:
        step = torch.zeros_like(start)
        step[place] = 1e-5
        with torch.no_grad():
            difference = float(loss(start + step) - loss(start - step)) / 2e-5
        assert float(found[place]) == pytest.approx(difference, abs=1e-6)


@pytest.mark.parametrize("architecture", [(3, 1, 2, 0, 4, 3), (0, 0, 3, 1, 0, 2), (0,) * 6])
def test_operations_that_were_not_drawn_need_no_computing(architecture):
    """The loss, and the gradients of all weights, are those with everything computed."""
    net, positions = training(dtype=torch.float64), torch.arange(6)
    gradients = []
    for draw in (one(architecture, 5), Draw(one(architecture, 5).choices)):
        net.network.zero_grad()
        loss = net.loss_of(draw, positions, torch.Generator())
        loss.backward()
        weights = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in net.network.parameters()]
        gradients.append([loss.detach(), *weights])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_batch_norm_has_nothing_to_learn_in_a_supernet():
    net = training()
    names = {name for name, p in net.network.named_parameters() if not p.requires_grad}
    assert names and all(p.ndim == 1 for name, p in net.network.named_parameters() if name in names)
    net.step(0)
    frozen = [p for name, p in net.network.named_parameters() if name in names]
    assert all(((p == 0) | (p == 1)).all() for p in frozen)


def test_consistency_compares_the_answer_with_what_is_drawn():
    """They are the same for a search that has decided, and all the same for a mixture of equals."""
    net = training(darts)
    with torch.no_grad():
        net.logits[:, 3] = 50.0
    child, expected = net.consistency()
    assert child == pytest.approx(expected, abs=1e-5) and net.entropy() == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        net.logits.zero_()
    child, expected = net.consistency()
    assert abs(child - expected) > 1e-3 and net.entropy() == pytest.approx(math.log(5))


# --- two parts of the images -------------------------------------------------------------------


@pytest.mark.parametrize(("share", "expected"), [(0, 0), (0.1, 2), (0.25, 5), (0.5, 10), (0.001, 1), (0.999, 19)])
def test_a_share_is_held_out(share, expected):
    lesson = lessons.draw(make_context(split=share, **LEARNT["task"]))
    assert len(lesson.held_out) == expected
    assert sorted([*lesson.train.tolist(), *lesson.held_out.tolist()]) == list(range(20))


@pytest.mark.parametrize("name", TRAINED)
def test_weights_learn_from_one_part_and_the_architecture_from_the_other(name, monkeypatch):
    seen = []
    own = lessons.Labels.loss

    def loss(lesson, network, positions, generator):
        seen.append((lesson, {*positions.tolist()}))
        return own(lesson, network, positions, generator)

    monkeypatch.setattr(lessons.Labels, "loss", loss)
    monkeypatch.setattr(supernets, "WARM_UP", 0)
    module = catalogue.load_module("searches", name)
    context = make_context(split=0.25, candidates=2, **LEARNT["labels"])
    steps = module.run(context)
    next(steps)
    lesson = seen[0][0]
    parts = [{*lesson.held_out.tolist()}, {*lesson.train.tolist()}]
    expected = parts[1:] if name == "rsps" else parts
    assert len(seen) == len(expected)
    assert all(batch <= part for (_, batch), part in zip(seen, expected, strict=True))
    seen.clear()
    list(steps)
    assert seen[-1][1] <= parts[0]  # what is compared at the end


def test_without_a_split_both_learn_from_the_same_batch(monkeypatch):
    monkeypatch.setattr(supernets, "WARM_UP", 0)
    net = training(darts)
    before = net.logits.detach().clone(), net.network.linear.weight.detach().clone()
    net.step(0)
    assert not len(net.lesson.held_out)
    assert (net.logits != before[0]).any() and (net.network.linear.weight != before[1]).any()


def test_at_first_the_weights_learn_alone():
    net = training(snas, steps=10, split=0.5)
    logits = []
    for number in range(7):
        net.step(number)
        logits.append(net.logits.detach().clone())
    assert all(torch.equal(one, logits[0]) for one in logits[:5])
    assert (logits[5] != logits[4]).any() and (logits[6] != logits[5]).any()


def test_targets_are_drawn_for_every_image_and_images_by_those_trained_on():
    lesson = lessons.draw(make_context(split=0.5, **LEARNT["task"]))
    assert [tuple(target.shape) for target in lesson.targets] == [(20, 64, 8, 8), (20, 48, 8, 8), (20, 16, 8, 8)]
    kept = lesson.images[lesson.train]
    torch.testing.assert_close(kept.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("options", "images", "said"),
    [
        ({}, IMAGES, "either"),
        ({**LEARNT["labels"], **LEARNT["task"]}, IMAGES, "either"),
        (LEARNT["task"], None, "unlabelled images"),
        ({"dataset": "rumour"}, IMAGES, "rumour"),
    ],
)
def test_a_lesson_that_cannot_be_is_refused(options, images, said):
    with pytest.raises(InputError, match=said):
        lessons.draw(make_context(images=images, **options))


# --- random search with parameter sharing ------------------------------------------------------


def test_the_answer_has_the_least_loss_of_the_candidates():
    context = make_context(steps=3, candidates=6, split=0.5, **LEARNT["labels"])
    steps = list(rsps.run(context))
    compared = steps[3:]
    assert len({*compared}) > 1
    for count, step in enumerate(compared, start=1):
        assert step.answer == max(compared[:count], key=lambda one: one.scores).architecture
    assert {step.answer for step in steps[:3]} == {compared[0].architecture}


# --- checkpoints -------------------------------------------------------------------------------


class Killed(Exception):
    pass


def unit(folder, name, learnt):
    """The artifact of a run in the pipeline."""
    options = {**OPTIONS[name], **LEARNT[learnt], "steps": 7}
    if "task" in options:
        options |= {"task": "nasbench101", "images": "noise"}
    protocol = {"width": 0.125, "depth": 0.2, "batch_size": 3, "time_limit": 60, "resolution": 8}
    search_architecture.unit(
        steps=folder / "unit.parquet", benchmark=[], images=[], scores=[], labelled=[], prior=[], vectors=[],
        checkpoint=folder / "checkpoint.pt", space="nasbench201", name="mine",
        search={"kind": name, **options}, candidates="space", objectives=[], protocol=protocol, target="any", seed=0,
        constants={}, repetition=0,
    )  # fmt: skip
    return (folder / "unit.parquet").read_bytes()


@pytest.mark.parametrize(("name", "learnt"), [*((name, "labels") for name in TRAINED), ("snas", "task")])
def test_a_run_that_was_killed_ends_with_the_same_bytes(name, learnt, tmp_path, monkeypatch):
    monkeypatch.setattr(supernets, "INTERVAL", 2)
    monkeypatch.setattr(search_architecture, "IMAGES", 20)
    whole = unit(tmp_path, name, learnt)
    (tmp_path / "checkpoint.pt").unlink()
    own = Training.step

    def step(net, number):
        if number == 5:
            raise Killed
        return own(net, number)

    monkeypatch.setattr(Training, "step", step)
    with pytest.raises(Killed):
        unit(tmp_path, name, learnt)
    monkeypatch.setattr(Training, "step", own)
    taken = []
    monkeypatch.setattr(Training, "step", lambda net, number: taken.append(number) or own(net, number))
    assert unit(tmp_path, name, learnt) == whole and taken == [4, 5, 6]


def test_the_checkpoint_of_another_search_is_ignored(tmp_path):
    net = training()
    net.context = replace(net.context, checkpoint=Checkpoint(tmp_path / "checkpoint.pt", "one"))
    net.save([])
    assert (
        Checkpoint(tmp_path / "checkpoint.pt", "one").progress
        and not Checkpoint(tmp_path / "checkpoint.pt", "other").progress
    )
