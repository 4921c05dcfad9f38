"""One's own networks: where their features are, what proxies make of them, that they stay as they are, clear errors."""

import copy
import math
import random
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import gennas
from gennas import catalogue
from gennas.adapt import images
from gennas.adapt.examine import examine_images
from gennas.adapt.taps import blocks, stages
from gennas.errors import InputError
from gennas.families.images import head
from gennas.scoring import PROTOCOLS, Context, Protocol
from tests.networks import Broken, LeNet, PlainNet, ResNet, SqueezeExcite, VisionTransformer

#: A few steps on small images.
TINY = Protocol(1.0, 1.0, 4, 60, resolution=16, target_channels=8, iterations=3)
IMAGES = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
OF_IMAGES = catalogue.names("proxies", "images")
OPTIONS = {"short_training": {"dataset": "digits"}}


def make(network, *arguments, **options):
    torch.manual_seed(0)
    return network(*arguments, **options)


# --- taps ----------------------------------------------------------------------------------------


def default_taps(network, size=32):
    return stages(examine_images(network, torch.randn(2, 3, size, size)))


@pytest.mark.parametrize("size", [24, 32, 64, 224])
def test_taps_of_a_resnet_are_the_ends_of_its_last_layers(size):
    assert default_taps(make(ResNet), size) == ("layer2", "layer3", "layer4")


def test_taps_are_the_last_modules_at_their_resolution_in_order():
    assert default_taps(make(PlainNet)) == ("2", "5", "8")


def test_global_pooling_and_what_follows_is_no_resolution():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), SqueezeExcite(4), nn.Conv2d(4, 4, 3, 2, 1), SqueezeExcite(4), nn.MaxPool2d(2),
        nn.AvgPool2d(4), nn.Conv2d(4, 10, 1), nn.Flatten(),
    )  # fmt: skip
    assert default_taps(network) == ("1", "3", "4")


def test_one_pixel_is_a_resolution_where_the_network_itself_gets_there():
    network = nn.Sequential(*(nn.Conv2d(3 if i == 0 else 4, 4, 3, 2, 1) for i in range(5)), SqueezeExcite(4))
    assert default_taps(network) == ("2", "3", "5")


def test_tokens_are_no_features():
    assert default_taps(make(VisionTransformer)) == ("patches",)


def test_a_module_that_runs_again_counts_where_it_ran_last():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.relu = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 3, 2, 1), nn.ReLU()

        def forward(self, x):
            return self.relu(self.second(self.relu(self.first(x))))

    assert default_taps(Shared()) == ("first", "relu")


def test_blocks_are_the_residual_blocks():
    network = make(ResNet)
    expected = tuple(f"layer{layer}.{block}" for layer in range(1, 5) for block in range(2))
    assert blocks(network, examine_images(network, IMAGES[:2])) == expected


def test_blocks_of_a_plain_network_are_its_stages():
    network = make(PlainNet)
    assert blocks(network, examine_images(network, IMAGES[:2])) == ("2", "5", "8")


# --- every proxy ---------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [ResNet, PlainNet])
@pytest.mark.parametrize("proxy", OF_IMAGES)
def test_every_proxy_of_images_scores_it(proxy, network):
    model = make(network)
    found = gennas.score(model, proxy, inputs=IMAGES, protocol=TINY, **OPTIONS.get(proxy, {}))
    assert math.isfinite(found.score) and found.status == "ok"
    again = gennas.score(model, proxy, inputs=IMAGES, protocol=TINY, **OPTIONS.get(proxy, {}))
    assert again == found
    reads = catalogue.declaration("proxies", proxy).get("taps")
    if reads == "stages":
        assert len(found.taps) == 3
    elif reads == "blocks":
        assert len(found.taps) >= 3
    else:
        assert len(found.taps) == (reads == "last" and network is ResNet)


def test_parameters_and_flops_are_those_of_the_network():
    model = make(ResNet)
    assert gennas.score(model, "parameters").score == sum(p.numel() for p in model.parameters())
    layer = nn.Conv2d(3, 4, 1, bias=False)
    assert gennas.score(layer, "flops", inputs=IMAGES).score == 2 * 3 * 4 * 64 * 64
    lstm = nn.LSTM(8, 16)
    assert gennas.score(lstm, "parameters", inputs=torch.zeros(5, 2, 8)).score == 4 * 16 * (8 + 16 + 2)


def test_weights_count_as_they_are():
    first, second = make(ResNet), make(ResNet)
    nn.init.constant_(second.layer1[0].conv1.weight, 0.1)
    scores = [gennas.score(model, "snip", inputs=IMAGES).score for model in (first, second)]
    assert scores[0] != scores[1]
    drawn = [gennas.score(model, "swap", inputs=IMAGES).score for model in (first, second)]
    assert drawn[0] == drawn[1]  # of a proxy that draws them anew


def test_a_network_that_gives_logits_is_its_own_classifier():
    """Labels are of as many classes as there are logits, and nothing is put on it."""
    few = make(ResNet, classes=2)
    assert math.isfinite(gennas.score(few, "grad_norm", inputs=IMAGES).score)
    context = Context(None, TINY, IMAGES, 0, torch.device("cpu"))
    classifier = head(images.adapt(few, context, None, None).build(few), classes=10)
    assert [p.shape for p in classifier.parameters()] == [p.shape for p in few.parameters()]
    assert torch.equal(classifier.eval()(IMAGES), few.eval()(IMAGES))
    features = images.adapt(make(PlainNet), context, None, None).build(make(PlainNet))
    assert head(features, classes=10)(IMAGES).shape == (4, 10)


@pytest.mark.parametrize("proxy", ["regression", "naswot", "synflow"])
def test_networks_that_view_what_is_not_contiguous(proxy):
    found = gennas.score(make(LeNet), proxy, taps=["conv1", "pool1", "pool2"], protocol=PROTOCOLS["reduced"])
    assert math.isfinite(found.score)


def test_explicit_taps_are_read():
    model = make(ResNet)
    chosen = gennas.score(model, taps=["layer1", "layer2", "layer3"], inputs=IMAGES, protocol=TINY)
    default = gennas.score(model, inputs=IMAGES, protocol=TINY)
    assert chosen.taps == ("layer1", "layer2", "layer3") and default.taps == ("layer2", "layer3", "layer4")
    assert chosen.score != default.score
    assert gennas.score(model, taps=default.taps, inputs=IMAGES, protocol=TINY) == default


# --- sequences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        nn.LSTM(8, 16),
        nn.GRU(8, 8, num_layers=2),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2, enable_nested_tensor=False),
    ],
    ids=["lstm", "gru", "transformer"],
)
def test_sequences(model):
    sequences = torch.zeros(5, 2, 8)
    found = gennas.score(model, inputs=sequences, protocol=TINY)
    assert math.isfinite(found.score) and len(found.losses) == 3 and found.taps == ()
    assert gennas.score(model, inputs=sequences, protocol=TINY, task="nlp") == found


def test_flops_of_sequences_are_counted_whatever_torch_fuses():
    sequences = torch.zeros(5, 2, 8)
    assert gennas.score(nn.LSTM(8, 16), "flops", inputs=sequences).score == 2 * 5 * 4 * 16 * (8 + 16)
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    attention = 2 * 5 * (3 * 8 * 8 + 8 * 8) + 2 * 2 * 5 * 5 * 8  # projections; products of queries, keys, values
    feed_forward = 2 * 5 * (8 * 16 + 16 * 8)
    assert gennas.score(layer, "flops", inputs=sequences).score == attention + feed_forward
    assert torch.backends.mha.get_fastpath_enabled() and torch.backends.mkldnn.enabled


# --- graphs --------------------------------------------------------------------------------------


class TwoSteps(nn.Module):
    """A network as torch_geometric has them: of features and edges."""

    def __init__(self, outputs: int = 7) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, 32), nn.Linear(32, outputs)

    def forward(self, features, edges):
        received = torch.zeros_like(features).index_add(0, edges[1], features[edges[0]])
        return self.second(self.first(received).relu())


GRAPH = torch.randn(30, 16, generator=torch.Generator().manual_seed(0)), torch.arange(60).view(2, 30) % 30


def test_graphs():
    found = gennas.score(TwoSteps(), inputs=GRAPH, protocol=TINY)
    assert math.isfinite(found.score) and len(found.losses) == 3 and found.taps == ()
    assert gennas.score(TwoSteps(), "parameters", inputs=GRAPH).score == 16 * 32 + 32 + 32 * 7 + 7
    cost = gennas.cost(TwoSteps(), "flops", inputs=GRAPH)["flops"]
    assert cost.value == 2 * 30 * (16 * 32 + 32 * 7)


@pytest.mark.parametrize(
    ("model", "inputs", "options", "said"),
    [
        (TwoSteps(), (GRAPH[0], GRAPH[1] + 1), {}, "inputs: edges between nodes 1 to 30, but 30 have features"),
        (TwoSteps(), (GRAPH[0], GRAPH[1].T), {}, "give a graph, features of nodes"),
        (TwoSteps(), (torch.zeros(5001, 16), GRAPH[1]), {}, "5001 nodes are more than 5000"),
        (TwoSteps(), (GRAPH[0][:, :8], GRAPH[1]), {}, "model: TwoSteps fails on features (30, 8) and edges (2, 30)"),
        (TwoSteps(), GRAPH, {"taps": ["first"]}, "taps: networks of graphs have none"),
        (TwoSteps(), GRAPH, {"proxy": "naswot"}, "naswot is not defined for graphs"),
        (TwoSteps(), GRAPH, {"proxy": "depth"}, "your own network has none"),
        (TwoSteps(), GRAPH, {"task": "nlp"}, "it is for sequences, but the networks here read graphs"),
    ],
)
def test_a_wrong_graph_or_network_of_graphs_is_one_line(model, inputs, options, said):
    with pytest.raises(InputError) as caught:
        gennas.score(model, inputs=inputs, protocol=TINY, **options)
    assert said in str(caught.value) and "\n" not in str(caught.value)


# --- inputs, protocols, repetitions --------------------------------------------------------------


def test_default_inputs_have_the_height_and_width_of_the_protocol():
    layer = nn.Conv2d(3, 4, 1, bias=False)
    protocol = replace(TINY, resolution=(12, 20))
    assert gennas.score(layer, "flops", protocol=protocol).score == 2 * 3 * 4 * 12 * 20


def test_default_inputs_are_the_same_noise_each_time():
    model = make(ResNet)
    assert gennas.score(model, "naswot") == gennas.score(model, "naswot")
    assert gennas.score(model, "naswot", seed=1) != gennas.score(model, "naswot")


def test_bytes_are_drawn_standardised_and_resized():
    images = np.random.default_rng(0).integers(256, size=(40, 20, 20, 3), dtype=np.uint8)
    model = make(ResNet)
    found = gennas.score(model, "naswot", inputs=images)
    assert gennas.score(model, "naswot", inputs=torch.from_numpy(images)) == found
    doubled = np.concatenate([images, images])
    assert gennas.score(model, "naswot", inputs=doubled) != found  # another batch of 16


def test_tensors_are_taken_as_they_are():
    seen = []

    class Watched(ResNet):
        def forward(self, x):
            seen.append(x.detach().clone())
            return super().forward(x)

    gennas.score(make(Watched), "naswot", inputs=IMAGES)
    assert torch.equal(seen[-1], IMAGES)


def test_other_channels():
    grey = torch.randn(4, 1, 28, 28)
    assert math.isfinite(gennas.score(Broken(), "grad_norm", inputs=grey).score)


def test_repetitions_are_the_pipelines_and_their_mean_counts():
    model = make(PlainNet)
    both = gennas.score(model, inputs=IMAGES, protocol=TINY, repetitions=2)
    one = gennas.score(model, inputs=IMAGES, protocol=TINY)
    assert both.repetitions[0] == one.repetitions[0] and both.losses == one.losses
    assert both.score == pytest.approx(np.mean([found.score for found in both.repetitions]))
    assert both.repetitions[0].score != both.repetitions[1].score


def test_a_function_makes_each_repetition_anew():
    by_function = gennas.score(PlainNet, "snip", inputs=IMAGES, repetitions=2)
    assert by_function == gennas.score(PlainNet, "snip", inputs=IMAGES, repetitions=2)
    model = make(PlainNet)
    assert by_function.repetitions[0].score != gennas.score(model, "snip", inputs=IMAGES).score


def test_a_failed_repetition_ranks_last():
    fast = replace(TINY, learning_rate=1e30)
    found = gennas.score(make(PlainNet), inputs=IMAGES, protocol=fast, repetitions=2)
    assert found.score == -math.inf and found.status == "diverged"


# --- what stays as it was ------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", ["regression", "zen", "synflow", "vkdnw", "trainability"])
@pytest.mark.parametrize("training", [True, False])
def test_the_network_stays_as_it_is(proxy, training):
    model = make(ResNet).train(training)
    model.fc.weight.requires_grad_(False)
    model.fc.bias.grad = torch.ones(10)
    calls = []
    hook = model.layer1.register_forward_hook(lambda *_: calls.append(1))
    before = copy.deepcopy(model.state_dict())
    hooks = {name: len(module._forward_hooks) for name, module in model.named_modules()}
    gennas.score(model, proxy, inputs=IMAGES, protocol=TINY)
    assert all(torch.equal(one, other) for one, other in zip(before.values(), model.state_dict().values(), strict=True))
    assert all(module.training == training for module in model.modules())
    assert {name: len(module._forward_hooks) for name, module in model.named_modules()} == hooks
    assert not model.fc.weight.requires_grad and torch.equal(model.fc.bias.grad, torch.ones(10))
    assert all(p.grad is None for name, p in model.named_parameters() if name != "fc.bias")
    hook.remove()


@pytest.mark.parametrize("proxy", OF_IMAGES)
def test_the_global_random_state_stays_as_it_is(proxy):
    model = make(PlainNet)
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    gennas.score(model, proxy, inputs=IMAGES, protocol=TINY, **OPTIONS.get(proxy, {}))
    assert random.getstate() == before[0]
    assert all(np.array_equal(one, other) for one, other in zip(np.random.get_state(), before[1], strict=True))
    assert torch.equal(torch.get_rng_state(), before[2])


def test_what_a_network_draws_is_seeded():
    class Noisy(PlainNet):
        def forward(self, x):
            return super().forward(x + random.random() + np.random.rand() + torch.rand(1))

    assert gennas.score(make(Noisy), "snip", inputs=IMAGES) == gennas.score(make(Noisy), "snip", inputs=IMAGES)


def test_without_gradients_around_it():
    model = make(PlainNet)
    expected = gennas.score(model, inputs=IMAGES, protocol=TINY)
    with torch.no_grad():
        assert gennas.score(model, inputs=IMAGES, protocol=TINY) == expected
    with torch.inference_mode():
        assert gennas.score(model, inputs=IMAGES, protocol=TINY) == expected


# --- errors --------------------------------------------------------------------------------------


class Locked(nn.Module):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def forward(self, x):
        return x


class Linear(nn.Sequential):
    """Has no ReLU."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))


class Sized(nn.Module):
    """Gives no tensor."""

    def forward(self, x):
        return {"logits": x}


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (ResNet, {"taps": ["layer2", "layer3", "layr4"]}, r"no module 'layr4'; the closest are layer4"),
        (ResNet, {"taps": ["layer2", "layer3", "fc"]}, r"taps: 'fc' gives no features .*; choose .* layer2, "),
        (ResNet, {"taps": ["layer3", "layer4"]}, r"taps: the regression needs 3 \(2 given\); name as many"),
        (ResNet, {"taps": "layer3"}, r"taps: 'layer3' is one name; give a list"),
        (VisionTransformer, {}, r"taps: the regression needs 3 \(features at 1 resolutions found\).* such as patches"),
        (VisionTransformer, {"proxy": "expressivity"}, r"taps: this proxy compares .* two blocks or more, not 1"),
        (nn.Flatten, {"proxy": "zen"}, r"taps: this proxy reads features .* this network has none"),
        (Locked, {}, r"model: Locked cannot be copied \(.*lock.*\); give a function that makes the network"),
        (Broken, {}, r"images \(2, 3, 24, 24\).*its first convolution reads 1 channels: give inputs="),
        (Broken, {"inputs": torch.randn(4, 1, 9, 9)}, r"Broken fails on images \(2, 1, 9, 9\).* give inputs= of"),
        (Sized, {}, r"model: Sized gives a dict, of images; let it give features \(B, C, H, W\) or logits"),
        (ResNet, {"inputs": torch.zeros(4, 3)}, r"inputs: torch.float32 of shape \(4, 3\); give a graph.* or float"),
        (ResNet, {"inputs": torch.zeros(1, 3, 32, 32)}, r"inputs: .*\(1, 3, 32, 32\).* two images or more"),
        (ResNet, {"inputs": torch.zeros(4, 3, 32, 32, dtype=torch.long)}, r"inputs: torch.int64 of shape"),
        (ResNet, {"proxy": "naswott"}, r"'naswott' is none of the proxies of gennas \(known: .*naswot"),
        (ResNet, {"task": "nasbench102"}, r"no published task 'nasbench102' \(known: .*nasbench101"),
        (ResNet, {"task": "nlp"}, r"task: it is for sequences, but the networks here read images"),
        (ResNet, {"task": {"family": "images"}}, r"task: .*required property"),
        (ResNet, {"protocol": "fast"}, r"protocol: 'fast' is unknown; choose one of reduced, thorough, "),
        (ResNet, {"protocol": "untrained"}, r"regression trains networks, and its protocol has no iterations"),
        (ResNet, {"protocol": Protocol(1, 1, 8, 60, iterations=3)}, r"protocol: it has no resolution"),
        (ResNet, {"proxy": "short_training"}, r"dataset: the proxy short_training needs this option; give dataset="),
        (ResNet, {"dataset": "digits"}, r"dataset: the proxy regression has no such option; it has task"),
        (ResNet, {"proxy": "naswot", "task": "combo"}, r"task: the proxy naswot has no such option; it has none"),
        (ResNet, {"repetitions": 0}, r"repetitions: 0; ask for one at least"),
        (ResNet, {"device": "gpu"}, r"device: 'gpu' is none; choose cpu, or cuda"),
        (ResNet, {"device": "cuda:99"}, r"device: 'cuda:99' is not on this machine .* choose one of cpu"),
        (ResNet, {"proxy": "vkdnw"}, r"the proxy vkdnw fails on ResNet \(ValueError: .*\); try inputs= of another"),
        (Linear, {"proxy": "swap"}, r"model: the proxy swap fails on Linear \(ValueError: torch.cat"),
    ],
)  # fmt: skip
def test_one_line_says_what_is_wrong_and_the_fix(model, arguments, message):
    with pytest.raises(InputError, match=message):
        gennas.score(model(), **arguments)


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (nn.LSTM(8, 4), {}, r"LSTM fails on images .*give inputs= of a shape .* sequences as \(T, B"),
        (nn.LSTM(8, 4), {"inputs": torch.zeros(5, 2, 7)}, r"LSTM fails on sequences \(5, 2, 7\) .*give inputs= as"),
        (nn.LSTM(8, 4), {"inputs": torch.zeros(5, 2, 8), "taps": ["a"]}, r"taps: networks of sequences have none"),
        (nn.LSTM(8, 4), {"inputs": torch.zeros(5, 2, 8), "proxy": "naswot"}, r"naswot is not defined for sequences"),
        (nn.LSTM(8, 4), {"inputs": torch.zeros(5, 2, 8), "task": "combo"}, r"task: it is for images, but .* sequences"),
        (nn.Flatten(), {"inputs": torch.zeros(5, 2, 8)}, r"Flatten gives \(5, 16\) of sequences \(5, 2, 8\); let it"),
        (lambda: 3, {}, r"model: .*gives a int; let it return an nn.Module"),
        (nn.Conv2d(3, 4, 1, device="meta"), {}, r"model: Conv2d is on the meta device, without weights"),
    ],
)  # fmt: skip
def test_one_line_for_other_models(model, arguments, message):
    with pytest.raises(InputError, match=message):
        gennas.score(model, **arguments)


def test_the_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match=r"device: 'cuda' is not on this machine or not supported; choose one of cpu"):
        gennas.score(make(PlainNet), device="cuda")
