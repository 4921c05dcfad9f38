"""Graphs with labelled nodes, and networks that learn them."""

import math

import numpy as np
import pytest
import torch
from contexts import GRAPH_SPACE

from gennas.data import graphs
from gennas.errors import InputError
from gennas.training.node_classification import load
from gennas.training.recipe import make_optimizer

PARAMS = {
    "dataset": "digits_neighbours", "validation_share": 0.2, "epochs": 1, "optimizer": "adam",
    "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 5e-4,
}  # fmt: skip
CPU = torch.device("cpu")


def trained(architecture_id, seed=0, epochs=40):
    problem = load(PARAMS, 0, CPU)
    torch.manual_seed(0)
    model = problem.model(GRAPH_SPACE.build(GRAPH_SPACE.from_id(architecture_id), 0.25))
    optimizer = make_optimizer(model, PARAMS)
    losses = [problem.train_epoch(model, optimizer, seed + epoch) for epoch in range(epochs)]
    return problem, model, losses


def test_digits_are_joined_to_their_neighbours_both_ways():
    graph = graphs.load("digits_neighbours")
    pairs = {(int(a), int(b)) for a, b in graph.edges.T}
    assert graph.features.shape == (1797, 64) and 0 <= graph.features.min() < graph.features.max() == 1
    assert all((b, a) in pairs and a != b for a, b in pairs)
    assert np.bincount(graph.edges[0]).min() >= graphs.NEIGHBOURS
    alike = (graph.labels[graph.edges[0]] == graph.labels[graph.edges[1]]).mean()
    assert graph.classes == 10 and alike > 0.9  # a graph that explains the labels


@pytest.mark.parametrize("share", [0.001, 0.2, 0.999])
def test_each_node_is_in_one_part_and_few_of_each_class_are_learnt(share):
    graph = graphs.load("digits_neighbours")
    parts = graphs.split(graph, share, seed=3)
    assert sorted(np.concatenate([*parts.values()])) == [*range(1797)] and all(map(len, parts.values()))
    assert (np.bincount(graph.labels[parts["train"]]) == graphs.PER_CLASS).all()
    assert not np.array_equal(parts["train"], graphs.split(graph, share, seed=4)["train"])


def test_networks_learn_and_those_that_read_neighbours_learn_more_from_few_labels():
    problem, model, losses = trained("1111")
    loss, accuracy = problem.evaluate(model, "test")
    problem, model, _ = trained("7777")
    _, alone = problem.evaluate(model, "test")
    assert losses[-1] < 0.2 * losses[0] and math.isfinite(loss)
    assert accuracy > 90 and accuracy > alone


def test_a_seed_says_what_is_random():
    assert trained("77016", epochs=3)[2] == trained("77016", epochs=3)[2] != trained("77016", seed=9, epochs=3)[2]


def test_a_model_that_computes_nothing_has_no_accuracy():
    problem, model, _ = trained("1111", epochs=1)
    with torch.no_grad():
        model.after.bias.fill_(math.nan)
    assert all(map(math.isnan, problem.evaluate(model, "test")))


def test_an_unknown_graph_is_one_line():
    with pytest.raises(InputError, match="dataset: 'cora' is not one of digits_neighbours"):
        graphs.load("cora")
