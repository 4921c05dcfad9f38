"""The model of crossbars against counts by hand, and which layers of a pass it counts, however a network is written."""

from dataclasses import asdict

import pytest
import torch
from torch import nn

from gennas.costs import imc
from gennas.costs.dataflow import follow
from gennas.errors import InputError

IMAGE = torch.zeros(1, 4, 8, 8)


def test_a_convolution_by_hand():
    """R = 16 x 9 = 144, C = 40, P = 256 on crossbars of 128: 160 columns, 2 x 2 crossbars, 8 reads of a bit each."""
    layer = nn.Conv2d(16, 40, 3, padding=1, bias=False)
    reads = 256 * 8
    converted, driven = reads * 2 * 160 * (1.5625 + 0.021), reads * 144 * 2 * 0.3896875
    read, moved = reads * 144 * 160 / 128**2 * 30, reads * (144 + 40) * 20.45 / 256
    found = imc.cost(layer, torch.zeros(1, 16, 16, 16))
    assert found == pytest.approx(((converted + driven + read + moved) * 1e-6, reads * 100 * 1e-6, 4))


def test_each_constant_is_declared_and_counts():
    layer, defaults = nn.Conv2d(4, 8, 3), asdict(imc.Constants())
    assert list(defaults) == list(imc.DECLARATION["options"])
    plain = imc.cost(layer, IMAGE)
    for name, value in defaults.items():
        assert imc.cost(layer, IMAGE, **{name: 2 * value}) != plain, name


# --- which layers count, and what waits for what --------------------------------------------------


class Net(nn.Module):
    """Two convolutions of 4 channels, a linear layer, and what a test does with them."""

    def __init__(self, run):
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.linear, self.run = nn.Linear(8, 8), run

    def forward(self, x):
        return self.run(self, x)


def in_slices(net, x):
    out = x.new_zeros(1, 8, 8, 8)
    out[:, :4] = net.a(x)
    out[:, 4:] = net.b(x)
    return out


def in_slices_that_wait(net, x):
    out = x.new_zeros(1, 8, 8, 8)
    out[:, :4] = net.a(x)
    out[:, 4:] = net.b(out[:, :4])
    return out[:, 4:]


def in_place(net, x):
    return net.b(net.a(x).relu_().add_(1)).view(-1)


def dead_branch(net, x):
    net.b(x)
    return net.a(x)


def freed(net, x):
    """The memory of what is freed may be that of zeros next, which depend on nothing."""
    for _ in range(3):
        net.a(x)
        out = net.b(torch.zeros(1, 4, 8, 8))
    return out


def into_out(net, x):
    out = torch.empty(8, 8)
    torch.addmm(net.linear.bias, x[0, 0], net.linear.weight.t(), out=out)
    return [{"left": out}]


def added_in_place(net, x):
    return torch.zeros(8, 8).addmm_(x[0, 0], net.linear.weight)


@pytest.mark.parametrize(
    ("run", "layers", "chain"),
    [
        (lambda net, x: net.a(x) + net.b(x), 2, 1),
        (lambda net, x: torch.cat([net.b(net.a(x)), net.b(x)]), 3, 2),
        (in_slices, 2, 1),
        (in_slices_that_wait, 2, 2),
        (in_place, 2, 2),
        (dead_branch, 1, 1),
        (lambda net, x: net.a(x) + net.b(torch.zeros_like(x)), 1, 1),
        (freed, 0, 0),
        (lambda net, x: torch.zeros_like(x), 0, 0),
        (into_out, 1, 1),
        (added_in_place, 1, 1),
        (lambda net, x: net.linear.weight @ x[0, 0], 1, 1),
        (lambda net, x: torch.einsum("bchw,vw->bchv", x, net.linear.weight), 1, 1),
        (lambda net, x: x @ net.a(x).softmax(-1), 1, 1),
        (lambda net, x: nn.functional.conv2d(x, net.a(x)[:, :, :3, :3]), 1, 1),
    ],
)
def test_layers_between_input_and_output_count(run, layers, chain):
    found, time = follow(Net(run).eval(), [IMAGE], lambda layer: 1.0)
    assert (len(found), time) == (layers, chain)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Conv2d(4, 6, 3, padding=1), (1, 4, 8, 8), (36, 6, 64, 1)),
        (nn.Conv2d(4, 6, 3, stride=2, groups=2), (1, 4, 9, 9), (18, 3, 16, 2)),
        (nn.Conv1d(4, 6, 5), (2, 4, 9), (20, 6, 10, 1)),
        (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), (1, 4, 8, 8), (2, 12, 64, 2)),
        (nn.Linear(4, 6), (5, 7, 4), (4, 6, 35, 1)),
        (nn.Linear(4, 6, bias=False), (7, 4), (4, 6, 7, 1)),
    ],
)
def test_a_layer_is_matrices_at_positions(layer, shape, expected):
    ((found,), _) = follow(layer, [torch.zeros(shape)], lambda layer: 1.0)
    assert (found.rows, found.outputs, found.positions, found.groups) == expected


def test_a_recurrent_layer_has_its_weights_once():
    """Of five steps the first reads a state of zeros, and the others wait for each other."""
    found, time = follow(nn.LSTM(16, 16), [torch.zeros(5, 1, 16)], lambda layer: 1.0)
    assert sorted(layer.positions for layer in found) == [1, 1, 1, 1, 5] and time == 5
    short, long = (imc.cost(nn.LSTM(16, 16), torch.zeros(length, 1, 16)) for length in (3, 9))
    assert short[2] == long[2] == 4 and short[0] < long[0]


def test_what_gives_no_tensor_is_refused():
    with pytest.raises(InputError, match=r"^model: gives str; let it give tensors"):
        follow(Net(lambda net, x: "logits"), [IMAGE], lambda layer: 1.0)
