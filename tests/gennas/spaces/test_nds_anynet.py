"""NDS's ResNet and ResNeXt spaces: the networks are those that the benchmark says it trained."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import FULL
from helpers import train_one_step
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gennas.benchmarks import Trained, nds_imagenet
from gennas.benchmarks._nds import parse_anynet
from gennas.spaces import nds_resnet, nds_resnext_a, nds_resnext_b
from gennas.spaces.common.nds.anynet import AnyNetSpace, Architecture, Stage
from gennas.spaces.common.nds.anynet_network import convolution

RESNET, A, B = SPACES = nds_resnet.SPACE, nds_resnext_a.SPACE, nds_resnext_b.SPACE
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
ID = "stem=64;ds=2,2,2;ws=16,128,128;rs=4,2,4;gs=2,4,2"
NET = {
    "block_type": "res_bottleneck_block",
    "bot_muls": [0.0, 0.25, 0.5, 0.25],
    "ds": [1, 2, 2, 2],
    "num_gs": [1, 2, 4, 2],
    "ss": [8, 1, 2, 2],
    "ws": [64, 16, 128, 128],
}


def architectures(space: AnyNetSpace) -> st.SearchStrategy[Architecture]:
    """Everything that an id may say, values between those of the grids included."""
    stages = st.builds(
        Stage,
        st.integers(space.depths[0], space.depths[-1]),
        st.sampled_from(range(space.widths[0], space.widths[-1] + 1, space._unit)),
        st.sampled_from(space.ratios),
        st.sampled_from(space.groups),
    )
    return st.builds(Architecture, st.sampled_from(range(8, 257, 8)), st.tuples(stages, stages, stages))


def published(mirror: Path, count: int) -> list[Trained]:
    """The trained networks of ResNeXt-A_in; unless FULL, only so many of them."""
    trained = nds_imagenet.read("nds_resnext_a", [mirror / file.path for file in nds_imagenet.FILES["nds_resnext_a"]])
    if FULL:
        return trained
    return [trained[index] for index in np.random.default_rng(0).permutation(len(trained))[:count]]


# --- the networks ---------------------------------------------------------------------------


def trained_network(space: AnyNetSpace, architecture: Architecture, data: str) -> nn.Sequential:
    """The network that the benchmark trained, with its own stem and classifier, on no device."""
    with torch.device("meta"):
        if data == "cifar10":
            stem, classes = convolution(3, architecture.stem, 3), 10
        else:
            stem, classes = nn.Sequential(*(convolution(i, o, 3, 2) for i, o in ((3, 32), (32, 64), (64, 64)))), 1000
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(architecture.stages[-1].width, classes))
        return nn.Sequential(stem, *list(space.build(architecture).stages)[1:], *head)


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def operations(network: nn.Module, side: int) -> int:
    """As the files count: a multiply-add is one, and each output of a convolution, or bias, adds five, or one."""
    counts = []

    def count(module: nn.Conv2d | nn.Linear, _: object, output: torch.Tensor) -> None:
        counts.append(output.numel() * (module.weight[0].numel() + (5 if isinstance(module, nn.Conv2d) else 1)))

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.empty(1, 3, side, side, device="meta"))
    return sum(counts)


def test_parameters_are_those_that_the_file_states(mirror):
    for trained in published(mirror, count=5):
        assert parameters(trained_network(A, trained.architecture, "imagenet")) == trained.parameters


def test_operations_are_those_that_the_file_states(mirror):
    """The column `flops`, which nothing else reads."""
    (path,) = [mirror / file.path for file in nds_imagenet.FILES["nds_resnext_a"]]
    stated = {parse_anynet(A, entry["net"]): entry["flops"] for entry in json.loads(path.read_text())}
    for trained in published(mirror, count=2):
        network = trained_network(A, trained.architecture, "imagenet")
        assert operations(network, side=224) == stated[trained.architecture]


@pytest.mark.parametrize(
    "space, data, architecture_id, stated",
    [
        (RESNET, "cifar10", "stem=16;ds=2,3,3;ws=32,128,160", 2_174_234),
        (RESNET, "cifar10", "stem=16;ds=24,2,24;ws=24,32,32", 732_810),
        (B, "imagenet", "stem=64;ds=1,1,4;ws=1024,128,64;rs=4,1,2;gs=4,4,16", 964_616),
        (B, "imagenet", "stem=64;ds=16,1,8;ws=64,1024,128;rs=1,1,2;gs=8,4,8", 4_304_264),
    ],
)
def test_parameters_are_those_that_other_files_state(space, data, architecture_id, stated):
    """ResNet_reruns.json and ResNeXt-B_in.json."""
    assert parameters(trained_network(space, space.from_id(architecture_id), data)) == stated


def test_operations_on_cifar10_are_those_that_another_file_states():
    """ResNet_reruns.json."""
    architecture = RESNET.from_id("stem=16;ds=2,3,3;ws=32,128,160")
    assert operations(trained_network(RESNET, architecture, "cifar10"), side=32) == 322_469_450


def test_published_networks_train_one_step(mirror):
    torch.manual_seed(0)
    images = torch.randn(2, 3, 16, 16)
    for trained in published(mirror, count=2):
        network = A.build(trained.architecture, width=0.25)
        assert [tuple(f.shape) for f in network(images)] == [
            (2, channels, side, side) for channels, side in zip(network.channels, (16, 8, 4), strict=True)
        ]
        for name, gradient in train_one_step(network, images).items():
            assert gradient is not None and gradient.isfinite().all(), name


def test_features_are_tapped_before_the_relu():
    torch.manual_seed(0)
    features = A.build(A.from_id(ID))(torch.randn(2, 3, 16, 16))
    assert all(f.min() < 0 for f in features)


@every_space
def test_convolutions_are_drawn_by_fan_out(space):
    """pycls: normal, of variance 2 / (kernel area x output channels)."""
    torch.manual_seed(0)
    network = space.build(space.random_architecture(np.random.default_rng(0)), depth=0.1)
    large = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.weight.numel() > 4000]
    for conv in large:
        fan_out = conv.out_channels * conv.kernel_size[0] ** 2
        assert conv.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    assert large


@every_space
@settings(max_examples=5)
@given(data=st.data(), width=st.floats(0.01, 2), depth=st.floats(0.01, 1))
def test_factors_scale_widths_and_depths(space, data, width, depth):
    architecture = data.draw(architectures(space))
    with torch.device("meta"):
        network = space.build(architecture, width, depth)
    depths = [1, *(stage.depth for stage in architecture.stages)]
    assert [len(stage) for stage in network.stages] == [max(1, round(d * depth)) for d in depths]
    assert network.channels == tuple(max(1, round(stage.width * width)) for stage in architecture.stages)
    groups = {stage.groups for stage in architecture.stages}
    assert {m.groups for m in network.modules() if isinstance(m, nn.Conv2d)} == groups | {1}


# --- ids, encodings, files --------------------------------------------------------------------


@every_space
@given(data=st.data())
def test_ids_and_encodings_tell_architectures_apart(space, data):
    one, other = data.draw(architectures(space)), data.draw(architectures(space))
    assert space.from_id(space.to_id(one)) == one
    codes = [space.encode(architecture) for architecture in (one, other)]
    assert len(codes[0]) == len(codes[1])
    assert all(-128 <= value <= 127 for value in codes[0])
    assert (codes[0] == codes[1]) == (one == other) == (space.to_id(one) == space.to_id(other))


@every_space
@given(seed=st.integers(0, 2**32 - 1))
def test_a_mutation_changes_one_field_to_a_value_of_the_grid(space, seed):
    rng = np.random.default_rng(seed)
    parent = space.random_architecture(rng)
    child = space.mutate(parent, rng)
    assert space.from_id(space.to_id(child)) == child
    changes = [pair for pair in zip(sum(parent.stages, ()), sum(child.stages, ()), strict=True) if pair[0] != pair[1]]
    assert len(changes) == 1 and child.stem == parent.stem


def test_the_distance_is_the_number_of_steps_of_the_grid():
    codes = [A.encode(A.from_id(text)) for text in (ID, ID.replace("ds=2,2,2", "ds=16,2,1"))]
    assert sum(a != b for a, b in zip(*codes, strict=True)) == 3 + 1  # 2, 4, 8, 16 and 2, 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        ID + ";",
        ID + "\n",
        ID.replace("ds=2,2,2", "ds=2,2"),
        ID.replace("ds=2,2,2", "ds=02,2,2"),
        ID.replace("ds=2,2,2", "ds=٢,2,2"),
        ID.replace("ds=2,2,2", "ds=17,2,2"),
        ID.replace("ds=2,2,2", "ds=0,2,2"),
        ID.replace("ws=16", "ws=24"),
        ID.replace("ws=16", "ws=512"),
        ID.replace("rs=4", "rs=3"),
        ID.replace("gs=2", "gs=8"),
        ID.replace("stem=64", "stem=63"),
        ID.split(";rs")[0],
    ],
)
def test_other_ids_are_value_errors(text):
    with pytest.raises(ValueError):
        A.from_id(text)


def test_an_entry_is_parsed_whatever_its_first_stage_says_of_a_bottleneck():
    assert A.to_id(parse_anynet(A, NET)) == ID
    assert A.to_id(parse_anynet(A, NET | {"bot_muls": [1.0, 0.25, 0.5, 0.25]})) == ID
    assert A.to_id(parse_anynet(A, NET | {"ss": [1, 1, 2, 2]})) == ID


@pytest.mark.parametrize(
    "change",
    [
        {"block_type": "res_basic_block"},
        {"ss": [2, 1, 2, 2]},
        {"ss": [1, 1, 2]},
        {"ds": [2, 2, 2, 2]},
        {"ds": [1, 2, 2]},
        {"ds": [1, 2.0, 2, 2]},
        {"ds": [1, True, 2, 2]},
        {"ds": None},
        {"ws": [64, 16, 128, float("nan")]},
        {"bot_muls": []},
        {"bot_muls": [2.0, 0.25, 0.5, 0.25]},
        {"bot_muls": [0.0, 0.25, 0.5, float("nan")]},
        {"bot_muls": [0.0, 0.25, 0.5, [0.25]]},
        {"num_gs": [2, 2, 4, 2]},
        {"num_gs": "1242"},
    ],
)
def test_another_entry_is_a_value_error(change):
    with pytest.raises(ValueError):
        parse_anynet(A, NET | change)
    for net in (None, [], {}, "net"):
        with pytest.raises(ValueError):
            parse_anynet(A, net)


def test_a_resnet_entry_has_no_bottlenecks():
    net = NET | {"block_type": "res_basic_block", "bot_muls": [], "num_gs": [], "ss": [1, 1, 2, 2]}
    assert RESNET.to_id(parse_anynet(RESNET, net)) == "stem=64;ds=2,2,2;ws=16,128,128"


@pytest.mark.parametrize("space, size", [(RESNET, 1_259_712), (A, 11_390_625), (B, 52_734_375)])
def test_the_grids_have_the_paper_s_number_of_architectures(space, size):
    assert len(space.depths) * len(space.widths) * len(space.ratios) * len(space.groups) == round(size ** (1 / 3))
