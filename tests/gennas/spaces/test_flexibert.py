"""FlexiBERT's space as trained: how large it is, its edits, and the networks."""

import csv
import json

import numpy as np
import pytest
import torch
from helpers import train_one_step
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft
from torch import nn

from gennas.costs import flops
from gennas.spaces import flexibert
from gennas.spaces.flexibert import described
from gennas.spaces.flexibert.architecture import Architecture, Layer
from gennas.spaces.flexibert.described import DescribedLayer
from gennas.spaces.flexibert.network import attention

ALL = flexibert.all_architectures()
LEAST = "128|h2-f1|h2-f1"
MOST = "256|h4-f3-1024|h4-f3-1024|h4-f3-1024|h4-f3-1024"
architectures = st.sampled_from(ALL)


def of(architecture_id: str, width: float = 1.0, depth: float = 1.0) -> nn.Module:
    return flexibert.build(flexibert.from_id(architecture_id), width, depth)


# --- architectures --------------------------------------------------------------------------------


def test_there_are_2664_architectures_with_ids_encodings_and_graphs_of_their_own():
    assert len(ALL) == 2664 == 2 * (6**2 + 6**4)
    assert len({*map(flexibert.to_id, ALL)}) == len({*map(flexibert.encode, ALL)}) == len(ALL)
    assert len({str(flexibert.graph(architecture)) for architecture in ALL}) == len(ALL)


def test_an_id_names_the_hidden_size_and_the_layers():
    layers = (Layer(2, "f1"), Layer(4, "f3-1024"))
    assert flexibert.to_id(Architecture(256, layers)) == "256|h2-f1|h4-f3-1024"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("512|h2-f1|h2-f1", "hidden size of 128 or 256"),
        ("0128|h2-f1|h2-f1", "hidden size of 128 or 256"),
        ("128|h2-f1", "2 or 4 layers"),
        ("128|h2-f1|h2-f1|h2-f1", "2 or 4 layers"),
        ("128|h2-f1|h3-f1", r"unknown layer 'h3-f1' \(known: h2-f1, "),
        ("128|h2-f1|h2-f1-512", "unknown layer 'h2-f1-512'"),
    ],
)
def test_other_strings_say_what_is_wrong(text, message):
    with pytest.raises(ValueError, match=message):
        flexibert.from_id(text)


@given(architectures)
def test_neighbours_are_each_others_and_a_mutation_is_one_of_them(architecture):
    found = flexibert.neighbours(architecture)
    assert len(found) == len({*found}) == {2: 1 + 2 * 3 + 36, 4: 1 + 4 * 3 + 1}[len(architecture.layers)]
    assert architecture not in found and all(architecture in flexibert.neighbours(other) for other in found)
    assert flexibert.mutate(architecture, np.random.default_rng(0)) in found


def test_draws_are_those_of_the_described_space():
    rng = np.random.default_rng(0)
    drawn = [flexibert.random_architecture(rng) for _ in range(2000)]
    layers = [layer for architecture in drawn for layer in architecture.layers]
    shares = {name: np.mean([layer.feed_forward == name for layer in layers]) for name in ("f1", "f3-512", "f3-1024")}
    assert shares == pytest.approx({"f1": 0.5, "f3-512": 0.25, "f3-1024": 0.25}, abs=0.03)
    for share in (
        np.mean([architecture.hidden == 256 for architecture in drawn]),
        np.mean([len(architecture.layers) == 4 for architecture in drawn]),
        np.mean([layer.heads == 4 for layer in layers]),
    ):
        assert share == pytest.approx(0.5, abs=0.04)


def test_a_graph_shows_each_layer():
    (vertices,) = flexibert.graph(flexibert.from_id("256|h2-f1|h4-f3-512")).values()
    assert [vertex.label for vertex in vertices] == ["hidden-256", "attention-2", "f1", "attention-4", "f3-512"]
    assert [vertex.sources for vertex in vertices] == [(), (0,), (1,), (2,), (3,)]


# --- networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("architecture", "parameters"), [(LEAST, 4_369_408), (MOST, 15_561_728)])
def test_parameters_are_those_counted_by_hand(architecture, parameters):
    """With 30,522 words and two kinds of segments, each of 128 numbers, as in ELECTRA's models."""
    assert sum(p.numel() for p in of(architecture).parameters()) + (30_522 + 2) * 128 == parameters


def test_heads_change_neither_parameters_nor_flops():
    two, four = of("256|h2-f1|h2-f3-512"), of("256|h4-f1|h4-f3-512")
    inputs = torch.zeros(flexibert.INPUT_SHAPE)
    assert flops.cost(two, inputs) == flops.cost(four, inputs)
    assert {k: v.shape for k, v in two.state_dict().items()} == {k: v.shape for k, v in four.state_dict().items()}


def test_attention_is_counted_in_flops():
    """Of 128 tokens: four 128 x 128 projections, and two products of 128 x 128 numbers with a head each."""
    found = flops.cost(attention(128, 2), torch.zeros(flexibert.INPUT_SHAPE))
    assert found == (2 * 128 * (4 * 128 * 128 + 2 * 128 * 128),)


def test_attention_is_torchs_own():
    torch.manual_seed(0)
    ours, theirs = attention(8, 2), nn.MultiheadAttention(8, 2)
    parts = [ours[0].query, ours[0].key, ours[0].value]
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours[1].state_dict())
    x = torch.randn(5, 3, 8)
    torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0])


def test_a_layer_is_torchs_own_with_one_feed_forward_layer():
    torch.manual_seed(0)
    layer = of(LEAST).layers[0]
    theirs = nn.TransformerEncoderLayer(128, 2, 512, dropout=0.0, activation="gelu", layer_norm_eps=1e-12)
    with torch.no_grad():
        (mixing, output), feed_forward = layer[0].part, layer[1].part
        parts = [mixing.query, mixing.key, mixing.value]
        theirs.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.self_attn.out_proj.load_state_dict(output.state_dict())
        theirs.linear1.load_state_dict(feed_forward[0].state_dict())
        theirs.linear2.load_state_dict(feed_forward[2].state_dict())
    x = torch.randn(5, 3, 128)
    torch.testing.assert_close(layer(x), theirs(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("hidden", "name", "sizes"), [
    (128, "f1", [512]), (256, "f1", [1024]), (128, "f3-1024", [512, 1024, 1024]), (256, "f3-512", [1024, 512, 512]),
])  # fmt: skip
def test_the_first_feed_forward_layer_has_four_times_the_hidden_size(hidden, name, sizes):
    part = of(f"{hidden}|h2-{name}|h2-f1").layers[0][1].part
    assert [layer.out_features for layer in part if isinstance(layer, nn.Linear)] == [*sizes, hidden]


def test_every_token_sees_those_after_it_and_where_it_is():
    torch.manual_seed(0)
    network, x = of(LEAST), torch.randn(6, 1, 128)
    changed = torch.cat([x[:5], torch.randn(1, 1, 128)])
    assert (network(x)[0] - network(changed)[0]).abs().max() > 1e-4
    equal = network(x[:1].expand(6, 1, 128))
    assert (equal[0] - equal[1]).abs().max() > 1e-3


def test_sequences_of_a_batch_do_not_see_each_other():
    torch.manual_seed(0)
    network, x = of(LEAST, width=0.1), torch.randn(6, 3, 12)
    torch.testing.assert_close(network(x)[:, 1:2], network(x[:, 1:2]), atol=1e-6, rtol=1e-5)


def test_factors_keep_heads_and_the_projection():
    small = of("256|h4-f3-512|h2-f1", width=0.05, depth=2)
    assert (small.inputs, small.outputs) == (8, 12)
    assert [layer[0].part[0].heads for layer in small.layers] == [4, 4, 2, 2]
    least, wide = of(LEAST, width=1e-9, depth=1e-9), of("256|h2-f1|h2-f1", width=1e-9, depth=1e-9)
    assert (least.inputs, least.outputs, len(least.layers)) == (4, 4, 2)
    assert isinstance(least.projection, nn.Identity) and isinstance(wide.projection, nn.Linear)


def test_a_sequence_that_is_too_long_is_refused():
    network = of(LEAST, width=0.1)
    assert network(torch.zeros(512, 1, 12)).shape == (512, 1, 12)
    with pytest.raises(ValueError, match="513 tokens; the network has 512 positions"):
        network(torch.zeros(513, 1, 12))


# --- what is described ----------------------------------------------------------------------------


def layer_of(operation: str, hidden: int = 8, heads: int = 2) -> nn.Module:
    """What mixes tokens in a described layer."""
    torch.manual_seed(0)
    return described.build(hidden, [DescribedLayer(operation, heads, 16, 1)]).layers[0][0]


@pytest.mark.parametrize("operation", described.OPERATIONS)
@pytest.mark.parametrize("hidden", [128, 256])
def test_described_networks_train_one_step(operation, hidden):
    network = described.build(hidden, [DescribedLayer(operation, 4, 512, 3), DescribedLayer(operation, 2, 1024, 1)])
    gradients = train_one_step(network, torch.randn(9, 2, 128)).values()
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_transforms_are_scipys():
    x = torch.randn(2, 3, 7, 4, dtype=torch.float64)
    torch.testing.assert_close(described.cosine(x), torch.from_numpy(fft.dctn(x.numpy(), axes=(2, 3))))
    torch.testing.assert_close(described.fourier(x), torch.from_numpy(fft.fft2(x.numpy()).real))


@pytest.mark.parametrize(("kernel", "reach"), [(5, 2), (9, 4)])
def test_a_dynamic_convolution_reaches_half_its_kernel(kernel, reach):
    convolution = layer_of(f"DSC-{kernel}").part
    x = torch.randn(12, 1, 8)
    changed = torch.cat([x[:6], torch.randn(1, 1, 8), x[7:]])
    differs = (convolution.convolve(x) != convolution.convolve(changed)).any(dim=2)[:, 0]
    assert differs.nonzero()[:, 0].tolist() == list(range(6 - reach, 6 + reach + 1))


def test_a_dynamic_convolution_of_equal_weights_is_a_mean():
    convolution = layer_of("DSC-5").part
    nn.init.zeros_(convolution.kernels.weight)
    x = torch.randn(9, 1, 8)
    torch.testing.assert_close(convolution.convolve(x)[4], convolution.values(x)[2:7].mean(dim=0))


def test_described_networks_have_the_published_numbers_of_parameters(mirror):
    """Of all 500 of them: with 30,522 words, two kinds of segments, and the largest sizes, whatever is described."""
    folder = mirror / "flexibert"
    with (folder / "BERT_results_activation.csv").open(newline="") as file:
        published = [int(row["Number of Parameters"]) for row in csv.DictReader(file)]
    stated = json.loads((folder / "BERT_benchmark.json").read_text())
    found = []
    for entry in stated:
        layers = [
            DescribedLayer(
                f"DSC-{one['operation_parameter']}" if one["operation_type"] == "DSC" else one["operation_parameter"],
                one["num_operation_heads"], 1024, one["num_feed_forward"],
            )
            for one in entry["hparams"]["model_hparam_overrides"]["nas_config"]["encoder_layers"]
        ]  # fmt: skip
        with torch.device("meta"):
            network = described.build(256, layers)
        found.append(sum(p.numel() for p in network.parameters()) + (30_522 + 2) * 128)
    assert len(published) == 500 and found == published
