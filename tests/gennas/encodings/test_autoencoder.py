"""arch2vec's autoencoder, against independent computations."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy

from gennas.encodings.autoencoder import (
    KL_WEIGHT,
    LATENT,
    Autoencoder,
    Decoded,
    Latent,
    divergence,
    reconstruction_loss,
    to_graphs,
)
from gennas.encodings.graphs import Graphs, read, to_vertices
from gennas.spaces import nasbench101, nasbench201
from gennas.spaces.nasbench101.cell import canonical

both_ways = pytest.mark.parametrize("directed", [False, True])


def autoencoder(space, directed=False):
    torch.manual_seed(0)
    return Autoencoder(len(space.LABELS), directed)


def means(model, graphs):
    """The vertices' means in evaluation mode."""
    with torch.no_grad():
        return model.eval().encode(graphs).mean


def drawn(space, count):
    rng = np.random.default_rng(0)
    return [space.random_architecture(rng) for _ in range(count)]


@pytest.mark.parametrize(("space", "parameters"), [(nasbench201, 122_907), (nasbench101, 122_617)])
def test_it_has_the_parameters_of_the_released_code(space, parameters):
    assert sum(p.numel() for p in autoencoder(space).parameters()) == parameters


@pytest.mark.parametrize(("vertices", "factor"), [(7, 0.00446), (8, 0.00391)])
def test_the_weight_of_the_divergence_is_that_of_the_released_code(vertices, factor):
    assert KL_WEIGHT / vertices == pytest.approx(factor, abs=5e-6)


@both_ways
def test_vertices_in_another_order_have_the_same_latent_vectors_in_that_order(directed):
    graphs, order = read(nasbench101, drawn(nasbench101, 20)), torch.tensor([3, 0, 6, 2, 5, 1, 4])
    model = autoencoder(nasbench101, directed)
    permuted = Graphs(graphs.operations[:, order], graphs.arcs[:, order][:, :, order])
    assert torch.allclose(means(model, permuted), means(model, graphs)[:, order], atol=1e-6)


@both_ways
def test_a_graph_is_encoded_alike_in_any_company(directed):
    graphs, model = read(nasbench201, drawn(nasbench201, 20)), autoencoder(nasbench201, directed)
    alone = torch.cat([means(model, batch) for batch in graphs.batches(3)])
    assert torch.allclose(alone, means(model, graphs), atol=1e-6)


CONV, SMALL, POOL = range(3)
#: Two cells of one undirected graph: the arc between the convolutions has another direction.
COLLIDING = [
    canonical(operations, [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]) for operations in ((CONV, SMALL), (SMALL, CONV))
]


@both_ways
def test_only_a_directed_encoder_tells_cells_of_one_undirected_graph_apart(directed):
    one, other = means(autoencoder(nasbench101, directed), read(nasbench101, COLLIDING)).mean(dim=1)
    assert (one - other).abs().max() < 1e-6 if not directed else (one - other).abs().max() > 1e-4


@pytest.mark.parametrize("directed", [False, pytest.param(True, marks=pytest.mark.full)])
def test_all_cells_of_nasbench201_have_different_vectors(directed):
    model = autoencoder(nasbench201, directed)
    graphs = read(nasbench201, nasbench201.all_architectures())
    vectors = torch.cat([means(model, batch) for batch in graphs.batches(512)]).mean(dim=1)
    assert len(torch.unique((vectors * 1e6).round(), dim=0)) == 15_625


@both_ways
def test_twins_are_decoded_as_connected(directed):
    """Vertices that no network of the kind tells apart have one latent vector, and its square is not negative."""
    twins = canonical((POOL, POOL), [(0, 1), (0, 2), (1, 3), (2, 3)])
    model = autoencoder(nasbench101, directed)
    decoded = model.decode(means(model, read(nasbench101, [twins])))
    assert decoded.arcs[0, 1, 2] >= 0
    assert torch.allclose(decoded.arcs, decoded.arcs.mT)


def test_the_divergence_is_that_of_normal_distributions():
    latent = Latent(*torch.randn(2, 5, 7, LATENT, dtype=torch.double))
    posterior = Normal(latent.mean, latent.log_deviation.exp())
    expected = kl_divergence(posterior, Normal(torch.zeros(()), torch.ones(()))).sum(dim=2)
    assert torch.allclose(divergence(latent), expected)
    assert divergence(Latent(*torch.zeros(2, 1, 7, LATENT))).abs().max() == 0


def test_the_loss_is_that_of_a_loop_over_all_entries():
    graphs = read(nasbench101, drawn(nasbench101, 4))
    decoded = Decoded(torch.randn(4, 7, 5), torch.randn(4, 7, 7))
    features = graphs.features(5)
    total = binary_cross_entropy(decoded.operations.sigmoid(), features)
    for graph in range(4):
        for source in range(7):
            for target in range(source + 1, 7):
                chance, there = decoded.arcs[graph, source, target].sigmoid(), graphs.arcs[graph, source, target]
                total -= torch.log(chance if there else 1 - chance) / (4 * 7 * 7)
    assert reconstruction_loss(decoded, graphs) == pytest.approx(float(total), abs=1e-6)


@both_ways
def test_gradients_are_those_of_finite_differences(directed):
    """Of the whole loss, in evaluation mode, where it has no noise, at a few weights of every tensor."""
    model, graphs = autoencoder(nasbench101, directed).double().eval(), read(nasbench101, drawn(nasbench101, 5))
    loss = model.loss(graphs)
    names, weights = zip(*model.named_parameters(), strict=True)
    step = 1e-6
    for name, weight, gradient in zip(names, weights, torch.autograd.grad(loss, weights), strict=True):
        for place in {0, weight.numel() // 2}:
            with torch.no_grad():
                values = []
                for sign in (1, -1):
                    weight.view(-1)[place] += sign * step
                    values.append(float(model.loss(graphs)))
                    weight.view(-1)[place] -= sign * step
            numeric = (values[0] - values[1]) / (2 * step)
            assert float(gradient.view(-1)[place]) == pytest.approx(numeric, abs=1e-7, rel=1e-4), name


def test_noise_and_dropout_are_there_in_training_mode_only():
    model, graphs = autoencoder(nasbench201), read(nasbench201, drawn(nasbench201, 8))
    assert model.train().loss(graphs) != model.loss(graphs)
    assert model.eval().loss(graphs) == model.loss(graphs)


@pytest.mark.parametrize("space", [nasbench101, nasbench201])
def test_a_graph_that_is_decoded_without_doubt_is_the_architecture(space):
    architectures = drawn(space, 10)
    graphs = read(space, architectures)
    sure = Decoded(2 * graphs.features(len(space.LABELS)) - 1, 2 * graphs.arcs.float() - 1)
    found = to_graphs(sure, graphs.gaps)
    vertices = [to_vertices(*graph, space.LABELS) for graph in zip(*found, strict=True)]
    assert [space.from_graph(each) for each in vertices] == architectures
