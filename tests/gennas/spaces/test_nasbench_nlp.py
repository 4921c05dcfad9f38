"""NAS-Bench-NLP: canonical cells, the fast network against a plain one, and the logs."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gennas.spaces import nasbench_nlp
from gennas.spaces.nasbench_nlp.canonical_form import ACTIVATIONS, canonical, h, to_graph
from gennas.spaces.nasbench_nlp.cell import stays_zero

TANH = "n0=linear(x,h0);n1=tanh(n0);h0=n1"
LSTM = (
    "n0=linear(x,h0);n1=linear(x,h0);n2=linear(x,h0);n3=linear(x,h0);n4=tanh(n0);n5=tanh(n1);n6=sigm(n2);n7=sigm(n3);"
    "n8=prod(h1,n6);n9=prod(n4,n7);n10=sum(n8,n9);n11=tanh(n10);n12=prod(n5,n11);h0=n12;h1=n10"
)
GRU = (
    "n0=linear(x,h0);n1=linear(x,h0);n2=sigm(n0);n3=sigm(n1);n4=prod(h0,n2);n5=linear(x,n4);n6=tanh(n5);"
    "n7=blend(n3,h0,n6);h0=n7"
)
seeds = st.integers(0, 2**32 - 1)


def draw(seed):
    return nasbench_nlp.random_architecture(np.random.default_rng(seed))


def draws(count):
    rng = np.random.default_rng(0)
    return [nasbench_nlp.random_architecture(rng) for _ in range(count)]


# --- cells -------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(seeds)
def test_the_canonical_form_knows_no_names_and_no_order(seed):
    """Nodes and states but the output's renamed and shuffled, inputs too where their order does not matter."""
    rng = np.random.default_rng(seed)
    cell = nasbench_nlp.random_architecture(rng)
    graph, states = to_graph(cell)
    names = {node: f"node {i}" for node, i in zip(graph, rng.permutation(100), strict=False)}
    count = len(states)
    others = [0, *(1 + rng.permutation(count - 1))]  # the new k-th state was the others[k]-th
    names |= {h(old): h(new) for new, old in enumerate(others)} | {"x": "x"}
    shuffled = {}
    for node in rng.permutation([*graph]):
        operation, inputs = graph[int(node)]
        order = range(len(inputs)) if operation == "blend" else rng.permutation(len(inputs))
        shuffled[names[int(node)]] = operation, [names[inputs[i]] for i in order]
    assert canonical(shuffled, [names[states[old]] for old in others]) == cell


def test_symmetric_cells_have_one_form_too():
    """Two tanh of two linear nodes that only differ in who reads them twice: colours alone do not tell them apart."""
    a, b = ("linear", ["x", ("h", 0)]), ("linear", ["x", ("h", 0)])
    graph = {"a": a, "b": b, "c": ("tanh", ["a"]), "d": ("tanh", ["b"])}
    graph |= {"e": ("prod", ["c", "b"]), "f": ("prod", ["d", "a"]), "g": ("sum", ["e", "f"])}
    forms = {canonical(dict(np.array([*graph.items()], dtype=object)[order]), ["g"]) for order in ORDERS}
    assert len(forms) == 1
    straight = graph | {"e": ("prod", ["c", "a"]), "f": ("prod", ["d", "b"])}
    assert canonical(straight, ["g"]) not in forms


ORDERS = [np.random.default_rng(seed).permutation(7) for seed in range(20)]


def test_nodes_that_no_state_needs_are_dropped():
    graph = {0: ("linear", ["x", ("h", 0)]), 1: ("tanh", [0]), 2: ("sigm", [0])}
    assert nasbench_nlp.to_id(canonical(graph, [1])) == TANH


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a NAS-Bench-NLP string"),
        ("n0=linear(x,h0);n1=relu(n0);h0=n1", "unknown operation 'relu'"),
        ("n0=linear(x,h0);n1=tanh(n0,h0);h0=n1", "tanh takes 1 distinct inputs"),
        ("n0=linear(x,x);n1=tanh(n0);h0=n1", "linear takes 2 or 3 distinct inputs"),
        ("n0=prod(x,h0);h0=n0", "only linear nodes can read x"),
        ("n0=linear(x,h0);n1=tanh(n2);h0=n1", "no node computes 'n2'"),
        ("n0=linear(x,n1);n1=tanh(n0);h0=n1", "cycle"),
        ("n0=linear(x,h0);n1=tanh(n0);n2=sigm(n0);h0=n1;h1=n2", "have to be read"),
        ("n0=linear(x,h0);n1=tanh(n0);h0=n1;h1=n1", "1 to 3 states, each computed by a node of its own"),
        ("n0=linear(h0,x);n1=tanh(n0);h0=n1", r"not the canonical string of this cell, which is n0=linear\(x,h0\)"),
        ("n00=linear(x,h0);n1=tanh(n00);h0=n1", "not the canonical string"),
        (TANH + ";" * 10**5, "not a NAS-Bench-NLP string"),
    ],
)
def test_says_what_is_wrong_with_an_id(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        nasbench_nlp.from_id(text)


@pytest.mark.parametrize("text", [TANH, LSTM, GRU])
def test_known_cells_round_trip(text):
    assert nasbench_nlp.to_id(nasbench_nlp.from_id(text)) == text


def test_more_than_24_nodes_are_too_many():
    nodes = ["n0=linear(x,h0)", *(f"n{i}=tanh(n{i - 1})" for i in range(1, 25))]
    nasbench_nlp.from_id(";".join([*nodes[:24], "h0=n23"]))
    with pytest.raises(ValueError, match="more than 24 nodes"):
        nasbench_nlp.from_id(";".join([*nodes, "h0=n24"]))


def test_a_hostile_symmetric_id_takes_no_time():
    """A binary tree of sums, whose leaves can be exchanged in 2^7 ways."""
    nodes = [f"n{i}=linear(x,h0)" for i in range(8)] + [f"n{8 + i}=tanh(n{i})" for i in range(8)]
    nodes += [f"n{16 + i}=sum(n{8 + 2 * i},n{9 + 2 * i})" for i in range(7)]
    start = time.process_time()
    nasbench_nlp.from_id(";".join([*nodes, "h0=n22"]))
    assert time.process_time() - start < 5


def test_the_generator_keeps_to_its_rules():
    """Linear nodes read activations, activations linear nodes; and no new state's node reads an old one."""
    for cell in draws(100):
        first = 1 + len(cell.states)
        for operation, inputs in cell.nodes:
            read = {cell.nodes[i - first][0] for i in inputs if i >= first}
            if operation in ACTIVATIONS:
                assert read == {"linear"}
            elif operation == "linear":
                assert read <= set(ACTIVATIONS)
        assert all(not 1 <= i < first for node in cell.states for i in cell.nodes[node][1])


def test_children_are_nearer_than_strangers():
    rng = np.random.default_rng(0)
    cells = draws(50)
    parents, children = (np.array([nasbench_nlp.encode(c) for c in group]) for group in (cells, [
        nasbench_nlp.mutate(cell, rng) for cell in cells
    ]))  # fmt: skip
    near, far = (parents != children).sum(1).mean(), (parents != np.roll(children, 1, 0)).sum(1).mean()
    assert near < 0.6 * far


# --- the network -------------------------------------------------------------------------------


class PlainNetwork(nn.Module):
    """Node by node and step by step, as the benchmark's code does it; weights are those of a fast network."""

    def __init__(self, cell, network):
        super().__init__()
        self.cell, self.layers = cell, network.layers

    def forward(self, sequence):
        for layer in self.layers:
            sequence = self.run(layer, sequence)
        return sequence

    def run(self, layer, sequence):
        states = [sequence.new_zeros(sequence.shape[1], layer.size)] * len(self.cell.states)
        outputs = []
        for x in sequence:
            values = [x, *states]
            input_weights, weights = iter(layer.input_weights), iter(layer.weights)
            biases = iter(layer.biases.view(-1, layer.size))
            for operation, inputs in self.cell.nodes:
                read = [values[i] for i in inputs]
                if operation == "linear":
                    value = next(biases)
                    for i, source in zip(inputs, read, strict=True):
                        value = value + source @ next(input_weights if i == 0 else weights)
                else:
                    value = OPERATIONS[operation](*read)
                values.append(value)
            states = [values[1 + len(states) + node] for node in self.cell.states]
            outputs.append(states[0])
        return torch.stack(outputs)


OPERATIONS = {
    "blend": lambda z, a, b: z * a + (1 - z) * b,
    "prod": torch.mul,
    "sum": torch.add,
    "tanh": torch.tanh,
    "sigm": torch.sigmoid,
    "leaky_relu": nn.functional.leaky_relu,
}


@pytest.mark.parametrize("cell", [*map(nasbench_nlp.from_id, (TANH, LSTM, GRU)), *draws(20)])
def test_outputs_and_gradients_are_those_of_a_plain_network(cell):
    torch.manual_seed(0)
    network = nasbench_nlp.build(cell, width=0.02).double()
    sequence = 0.1 * torch.randn(5, 3, network.inputs, dtype=torch.double, requires_grad=True)
    inputs = [sequence, *network.parameters()]
    weight = torch.randn(5, 3, network.outputs, dtype=torch.double)
    fast, plain = network(sequence), PlainNetwork(cell, network)(sequence)
    torch.testing.assert_close(fast, plain)
    gradients = [torch.autograd.grad((out * weight).sum(), inputs, allow_unused=True) for out in (fast, plain)]
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, torch.zeros_like(found) if expected is None else expected)


@pytest.mark.parametrize("cell", [nasbench_nlp.from_id(LSTM), *draws(3)])
def test_a_sequence_can_be_read_in_pieces(cell):
    """With the state handed on, outputs and gradients are those of the whole sequence."""
    torch.manual_seed(0)
    network = nasbench_nlp.build(cell, width=0.02).double()
    sequence = 0.1 * torch.randn(6, 2, network.inputs, dtype=torch.double)
    first, state = network.step_through(sequence[:2])
    second, last = network.step_through(sequence[2:], state)
    pieces, (whole, end) = torch.cat([first, second]), network.step_through(sequence)
    torch.testing.assert_close(pieces, whole)
    torch.testing.assert_close(last, end)
    gradients = [torch.autograd.grad(out.square().sum(), [*network.parameters()]) for out in (pieces, whole)]
    torch.testing.assert_close(*gradients)
    assert [tuple(s.shape) for s in last] == [(len(cell.states), 2, layer.size) for layer in network.layers]


def test_the_tanh_cell_is_torchs_rnn():
    network = nasbench_nlp.build(nasbench_nlp.from_id(TANH), width=0.02)
    sequence = torch.randn(5, 3, network.inputs)
    expected = sequence
    for layer in network.layers:
        rnn = nn.RNN(expected.shape[2], layer.size)
        found = layer.input_weights[0].t(), layer.weights[0].t(), layer.biases, torch.zeros(layer.size)
        weights = dict(zip(dict(rnn.named_parameters()), found, strict=True))
        expected, _ = torch.func.functional_call(rnn, weights, expected)
    torch.testing.assert_close(network(sequence), expected)


def test_sizes_and_initialisation_are_the_benchmarks():
    torch.manual_seed(0)
    network = nasbench_nlp.build(nasbench_nlp.from_id(GRU))
    assert (network.inputs, network.outputs, [layer.size for layer in network.layers]) == (400, 400, [600, 600, 400])
    for layer in network.layers:
        for parameter in layer.parameters():
            assert parameter.abs().max().item() == pytest.approx(layer.size**-0.5, rel=0.01)
    small = nasbench_nlp.build(nasbench_nlp.from_id(GRU), width=0.1, depth=2 / 3)
    assert (small.inputs, [layer.size for layer in small.layers]) == (40, [60, 40])
    least = nasbench_nlp.build(nasbench_nlp.from_id(GRU), width=1e-9, depth=1e-9)
    assert least(torch.zeros(2, 1, 1)).shape == (2, 1, 1)


def test_random_cells_depend_on_their_weights():
    """They do unless their output stays zero: of 1 random graph in 40, which is not drawn."""
    for cell in draws(100):
        network = nasbench_nlp.build(cell, width=0.01, depth=1 / 3)
        network(0.1 * torch.randn(8, 2, network.inputs)).square().sum().backward()
        assert any(p.grad.any() for p in network.parameters())
    zero = nasbench_nlp.from_id("n0=linear(x,h0);n1=prod(h0,n0);n2=prod(n0,n1);h0=n2")
    assert stays_zero(zero) and not nasbench_nlp.build(zero, 0.01)(torch.randn(8, 2, 4)).any()
