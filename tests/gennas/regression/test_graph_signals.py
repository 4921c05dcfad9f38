"""Graphs as they are drawn, the signals on them, and a regression on them against a plain reimplementation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from contexts import CHAIN, GRAPH_SPACE, SKIPPING, SMOOTH, WIDE, graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from gennas import proxies
from gennas.proxies import regression
from gennas.regression import graph_signals
from gennas.regression.graph_signals import DrawnGraph, draw_graph, draw_target
from gennas.regression.graphs import RegressionNetwork
from gennas.regression.training import train
from gennas.seeds import derive_seed

#: A path of four nodes, and a node beside it that is joined to its end.
PATH = DrawnGraph(torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]]), 5)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(seed=0, **changes):
    return draw_graph({**SMOOTH, "nodes": 300, **changes}, generator(seed))


@settings(max_examples=25)
@given(st.integers(0, 99), st.integers(10, 60), st.integers(1, 8), st.integers(1, 80), st.floats(0, 1), st.floats(0, 3))
def test_any_graph_is_simple_and_symmetric_and_no_node_is_alone(seed, nodes, degree, blocks, homophily, tail):
    graph = draw(seed, nodes=nodes, degree=degree, blocks=blocks, homophily=homophily, tail=tail)
    pairs = {(int(a), int(b)) for a, b in graph.edges.T}
    assert len(pairs) == graph.edges.shape[1] and all(a != b and (b, a) in pairs for a, b in pairs)
    assert {a for a, _ in pairs} == {*range(nodes)}


def test_a_graph_has_the_degree_the_tail_and_the_blocks_of_its_task():
    def degrees(**changes):
        return draw(nodes=2000, **changes).adjacency.sum(1)

    assert float(degrees(degree=8, tail=0.0).mean()) == pytest.approx(8, rel=0.05)
    assert degrees(degree=8, tail=1.5).std() > 3 * degrees(degree=8, tail=0.0).std()

    def mixing(homophily):  # how slowly a walk leaves where it is
        return float(torch.linalg.eigvalsh(draw(blocks=2, homophily=homophily, degree=16, tail=0.0).symmetric)[-2])

    assert mixing(0.95) > mixing(0.5) > mixing(0.0)


def test_filters_are_polynomials_of_the_laplacian():
    laplacian = torch.eye(5) - PATH.symmetric
    features = torch.randn(5, 3, generator=generator(1))
    mixed = features @ torch.randn(3, 4, generator=generator(2))
    for name, matrix in (("lowpass", torch.eye(5) - laplacian / 2), ("highpass", laplacian / 2)):
        found = graph_signals.BASES[name]({"power": 3}, PATH, features, 4, generator(2))
        torch.testing.assert_close(found, torch.linalg.matrix_power(matrix, 3) @ mixed)


def test_a_band_has_the_frequencies_of_its_eighth():
    graph = draw(nodes=80)
    laplacian = torch.eye(80) - graph.symmetric
    values = torch.linalg.eigvalsh(laplacian)
    for eighth in range(1, 9):
        wave = graph_signals.band({"eighth": eighth}, graph, torch.zeros(80, 1), 6, generator())
        frequencies = (wave * (laplacian @ wave)).sum(0) / wave.square().sum(0)
        assert (
            frequencies.min() > values[10 * eighth - 10] - 1e-4 and frequencies.max() < values[10 * eighth - 1] + 1e-4
        )


def test_dots_are_signs_that_diffuse():
    spots = graph_signals.dots({"density": 0.4, "steps": 0}, PATH, torch.zeros(5, 1), 7, generator())
    assert (spots.abs().sum(0) == 2).all() and {*spots.unique().tolist()} == {-1.0, 0.0, 1.0}
    later = graph_signals.dots({"density": 0.4, "steps": 2}, PATH, torch.zeros(5, 1), 7, generator())
    step = (torch.eye(5) + PATH.walk) / 2
    torch.testing.assert_close(later, step @ step @ spots)


def test_walks_come_back_as_often_as_they_do():
    """Two steps on a path: from an end always, from next to it with 1/2 + 1/2 * 1/2."""
    returns = torch.linalg.matrix_power(PATH.walk, 2).diagonal()
    assert returns.tolist() == pytest.approx([0.5, 0.75, 0.5, 0.75, 0.5])
    found = graph_signals.walk({"steps": 2}, PATH, torch.zeros(5, 1), 1, generator())
    expected = graph_signals.standardised(returns[:, None]) * torch.randn(1, 1, generator=generator())
    torch.testing.assert_close(found, expected)


def test_a_target_is_the_sum_of_its_standardised_signals():
    first, second = ({"basis": "lowpass", "power": 1}, {"basis": "dots", "density": 0.5, "steps": 1})
    graph, features = draw(), torch.randn(300, 4, generator=generator(3))

    def target(*signals):
        return draw_target({"dimension": 5, "signals": {"target": signals}}, graph, features, generator(4))

    alone = target({**first, "amplitude": 2.0})
    assert alone.mean(0).abs().max() < 1e-4 and alone.std(0).tolist() == pytest.approx([2.0] * 5, rel=1e-4)
    torch.testing.assert_close(target({**first, "amplitude": 2.0}, {**second, "amplitude": 0.0}), alone)
    assert not target().any()


def plain_curve(architecture, ctx):
    """Adam as its authors state it, the loss on the nodes that are learnt alone."""
    task = regression.draw_task(ctx)
    drawn, noise = task.drawn, task.noise
    torch.manual_seed(derive_seed(ctx.seed, "weights"))
    network = RegressionNetwork(GRAPH_SPACE.build(architecture, ctx.protocol.width), SMOOTH["dimension"])
    parameters = list(network.parameters())
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    seen, rest = drawn.rows
    curve = []
    for step in range(ctx.protocol.iterations):
        (prediction,) = network(drawn.inputs + noise[step], *drawn.further)
        loss = (prediction[seen] - drawn.targets[0][seen]).square().mean()
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        with torch.no_grad():
            for p, m, v, g in zip(parameters, first, second, gradients, strict=True):
                if g is None:
                    continue
                g = g + (4e-5 * p if p.ndim > 1 else 0)
                m.lerp_(g, 1 - 0.9)
                v.lerp_(g.square(), 1 - 0.999)
                p.sub_(0.01 * (m / (1 - 0.9 ** (step + 1))) / ((v / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8))
        curve.append(loss.item())
    network.eval()
    (prediction,) = network(drawn.inputs + noise[-1], *drawn.further)
    return curve, (prediction[rest] - drawn.targets[0][rest]).square().mean().item()


@pytest.mark.parametrize("architecture", [WIDE, CHAIN, SKIPPING])
def test_training_learns_some_nodes_and_the_evaluation_reads_the_others(architecture):
    ctx = graphs(task={**SMOOTH, "seen": 0.3}, protocol={"readout": "evaluation"})
    (found,) = proxies.make("regression", ctx)([architecture])
    losses, unseen = plain_curve(architecture, ctx)
    assert found.losses == pytest.approx(losses, rel=1e-3) and -found.score == pytest.approx(unseen, rel=1e-3)


def test_every_node_can_be_learnt_and_read():
    task = regression.draw_task(graphs(task={**SMOOTH, "seen": 1.0}))
    seen, read = task.drawn.rows
    assert sorted(seen.tolist()) == sorted(read.tolist()) == [*range(SMOOTH["nodes"])]


def test_a_network_learns_a_signal_that_its_graph_explains():
    """And foretells it of other nodes, which one that reads no neighbour cannot."""
    ctx = graphs(
        protocol={"iterations": 60, "width": 0.25, "readout": "evaluation"}, task={**SMOOTH, "nodes": 200, "degree": 8}
    )
    task = regression.draw_task(ctx)
    gcn, alone = (GRAPH_SPACE.from_id(text) for text in ("1111", "7777"))
    learnt, blind = (train(regression.build(ctx, cell), task, ctx.protocol, {}) for cell in (gcn, alone))
    assert learnt.losses[-1] < 0.5 * learnt.losses[0] and learnt.score > blind.score


def test_ones_own_graph_is_the_one_that_is_learnt():
    features, edges = torch.randn(5, 128, generator=generator()), PATH.edges
    drawn = regression.draw_task(replace(graphs(), images=(features, edges))).drawn
    assert torch.equal(drawn.inputs, features) and torch.equal(drawn.further[0], edges)
    (found,) = proxies.make("regression", replace(graphs(), images=(features, edges)))([WIDE])
    assert math.isfinite(found.score) and np.isfinite(found.losses).all()
