"""Classification of nodes: only the labels of a part are learnt, of the whole graph, and they are learnt."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gennas import spaces
from gennas.errors import InputError
from gennas.training.node_classification import NodeClassification, NodeClassifier, load
from gennas.training.recipe import make_optimizer
from stages import retrain

CPU = torch.device("cpu")
PARAMS = {
    "dataset": "digits_neighbours", "validation_share": 0.2, "optimizer": "adam", "learning_rate": 0.01,
    "momentum": 0.9, "weight_decay": 0.0005, "batch_size": 32,
}  # fmt: skip


class Sum(nn.Module):
    """A network of graphs: each node's features, and those of its neighbours."""

    inputs, outputs = 4, 4

    def forward(self, features: Tensor, edges: Tensor) -> Tensor:
        return features.index_add(0, edges[1], features[edges[0]])


@pytest.fixture
def problem() -> NodeClassification:
    """Six nodes in a ring, two of each part."""
    nodes = torch.arange(6)
    ring = torch.stack([nodes, nodes.roll(1)])
    parts = {part: nodes[start::3] for start, part in enumerate(("train", "validation", "test"))}
    features = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    return NodeClassification(features, torch.cat([ring, ring.flip(0)], dim=1), nodes % 2, parts, 2)


def make(problem: NodeClassification) -> NodeClassifier:
    torch.manual_seed(0)
    return problem.model(Sum())


def test_loss_and_accuracy_are_those_of_a_parts_nodes(problem):
    model = make(problem)
    with torch.no_grad():
        hidden = model.before(problem.features)  # without dropout
        around = hidden + hidden.roll(1, 0) + hidden.roll(-1, 0)
        logits = model.after(around.relu())
    for part, nodes in problem.parts.items():
        loss, accuracy = problem.evaluate(model.train(), part)
        assert loss == pytest.approx(float(cross_entropy(logits[nodes], problem.labels[nodes])), rel=1e-6)
        assert accuracy == 50 * int((logits[nodes].argmax(1) == problem.labels[nodes]).sum())


@pytest.mark.parametrize(("part", "changes"), [("train", True), ("validation", False), ("test", False)])
def test_only_the_labels_of_one_part_are_learnt(problem, part, changes):
    labels = problem.labels.clone()
    labels[problem.parts[part]] = 1 - labels[problem.parts[part]]
    weights = []
    for one in (problem, replace(problem, labels=labels)):
        model = make(one)
        one.train_epoch(model, torch.optim.SGD(model.parameters(), 0.1), seed=0)
        weights.append(model.after.weight.detach())
    assert torch.equal(*weights) is not changes


def test_an_epoch_is_a_step_whose_dropout_is_drawn_from_its_seed(problem, monkeypatch):
    steps, original = [], torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self: (steps.append(self), original(self)))
    losses = []
    for seed in (1, 1, 2):
        model = make(problem)
        torch.rand(len(losses))  # the global generator's state does not matter
        losses.append(problem.train_epoch(model, torch.optim.SGD(model.parameters(), 0.1), seed))
    assert len(steps) == 3
    assert losses[0] == losses[1] != losses[2]


def test_a_model_that_computes_no_numbers_has_no_accuracy(problem):
    model = make(problem)
    nn.init.constant_(model.after.bias, math.nan)
    loss, accuracy = problem.evaluate(model, "test")
    assert math.isnan(loss) and math.isnan(accuracy)


def test_digits_are_learnt_better_with_their_neighbours_than_without():
    """From 20 of each class; on a graph without edges each digit stands for itself."""
    problem, accuracies = load(PARAMS, 0, CPU), []
    space = spaces.load("nasbench_graph")
    for edges in (problem.edges, problem.edges[:, :0]):
        one = replace(problem, edges=edges)
        torch.manual_seed(0)
        model = one.model(space.build(space.from_id("1444"), 0.25))  # gcn beside three sage
        optimizer = make_optimizer(model, PARAMS)
        for seed in range(60):
            one.train_epoch(model, optimizer, seed)
        accuracies.append(one.evaluate(model, "test")[1])
    assert accuracies[0] > 93 and accuracies[0] > accuracies[1] + 2


def test_the_parts_depend_on_the_seed():
    first, other = (load(PARAMS, seed, CPU) for seed in (0, 1))
    assert not np.array_equal(first.parts["train"], other.parts["train"])


def test_the_family_of_graphs_takes_no_other_data():
    assert retrain.load_problem("nasbench_graph", PARAMS, 0, CPU).metric == "accuracy_percent"
    with pytest.raises(InputError, match="dataset: 'cifar10' is not one of digits_neighbours"):
        retrain.load_problem("nasbench_graph", PARAMS | {"dataset": "cifar10"}, 0, CPU)
