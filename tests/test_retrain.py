"""Retraining: it learns, it is reproducible, and being killed changes nothing."""

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from stages import artifacts, classifier, retrain, spaces
from stages.classifier import Classifier, Part, accuracy_percent, augment, load_data
from stages.errors import InputError
from stages.retrain import choose

FOUND = "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|none~2|"
RANDOM = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
LABELLED = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
PARAMS = {
    "dataset": "digits",
    "epochs": 4,
    "batch_size": 64,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 5.0e-4,
    "channels": 4,
    "cells": 1,
    "validation_share": 0.2,
}
#: On one worker, so that the toy study is run once.
pytestmark = pytest.mark.xdist_group("retrain")
OUTPUTS = ("history.parquet", "metrics.json", "weights.pt")
CPU = torch.device("cpu")


def write_inputs(folder: Path, sample: tuple[str, ...] = (RANDOM, FOUND)) -> None:
    artifacts.write_json({"architecture": FOUND}, folder / "best.json")
    rows = [{"role": "label", "position": 0, "architecture": LABELLED}]
    rows += [{"role": "evaluate", "position": i, "architecture": a} for i, a in enumerate(sample)]
    artifacts.write_rows(rows, artifacts.ARCHITECTURES, folder / "architectures.parquet")


def command(folder: Path, output: Path, **changes: object) -> list[str]:
    """The stage's arguments for a toy study."""
    options = {
        "best": folder / "best.json",
        "architectures": folder / "architectures.parquet",
        "space": "nasbench201",
        "params": json.dumps(PARAMS | changes),
        "seed": 2021,
        "history": output / "history.parquet",
        "metrics": output / "metrics.json",
        "weights": output / "weights.pt",
        "checkpoint": output / "checkpoint.pt",
    }
    return [str(part) for name, value in options.items() for part in (f"--{name}", value)]


def parsed(folder: Path, output: Path, **changes: object) -> argparse.Namespace:
    return retrain.arguments().parse_args(command(folder, output, **changes))


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


@pytest.fixture(scope="module", autouse=True)
def on_the_cpu():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENNAS_DEVICE", "cpu")
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A toy study's inputs, and its artifacts under `whole` from a run of the command."""
    folder = tmp_path_factory.mktemp("retrain")
    write_inputs(folder)
    run = [sys.executable, "-m", "stages.retrain", *command(folder, folder / "whole")]
    subprocess.run(run, check=True, capture_output=True)
    return folder


def test_it_learns_and_says_so(study):
    metrics = artifacts.read_json(study / "whole/metrics.json")
    assert metrics["dataset"] == "digits"
    assert metrics["found"]["architecture"] == FOUND
    assert metrics["random"]["architecture"] == RANDOM
    history = artifacts.read_parquet(study / "whole/history.parquet", artifacts.HISTORY).to_pylist()
    assert [(row["role"], row["epoch"]) for row in history] == [
        (role, epoch) for role in ("found", "random") for epoch in (1, 2, 3, 4)
    ]
    rates = [row["learning_rate"] for row in history[:4]]
    np.testing.assert_allclose(rates, [0.1, 0.0853553, 0.05, 0.0146447], rtol=1e-5)
    for role, last in (("found", history[3]), ("random", history[7])):
        assert metrics[role]["test_accuracy_percent"] > 85
        assert metrics[role]["validation_accuracy_percent"] == round(last["validation_accuracy_percent"], 4)
        assert last["train_loss"] < 0.6
    assert not (study / "whole/checkpoint.pt").exists()


def test_the_weights_are_the_found_architectures(study):
    space = spaces.load("nasbench201")
    network = Classifier(space.build(space.from_id(FOUND), PARAMS["channels"], PARAMS["cells"]), 10)
    network.load_state_dict(torch.load(study / "whole/weights.pt", weights_only=True))
    metrics = artifacts.read_json(study / "whole/metrics.json")["found"]
    data = load_data("digits", PARAMS["validation_share"], 2021, CPU)
    assert round(accuracy_percent(network, data.test), 4) == pytest.approx(metrics["test_accuracy_percent"])
    assert sum(p.numel() for p in network.parameters()) == metrics["parameters"]


def test_a_killed_run_goes_on_to_the_same_bytes(study, tmp_path):
    run = [sys.executable, "-m", "stages.retrain", *command(study, tmp_path)]
    process = subprocess.Popen(run, stderr=subprocess.DEVNULL)
    while not (tmp_path / "checkpoint.pt").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not any((tmp_path / name).exists() for name in OUTPUTS)
    again = subprocess.run(run, check=True, capture_output=True, text=True)
    assert "found: resumed after epoch" in again.stderr
    assert outputs(tmp_path) == outputs(study / "whole")
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.parametrize("saves", [3, 5, 8])  # within the first training, the second, after both
def test_stopped_at_any_epoch(study, tmp_path, monkeypatch, saves):
    left = iter(range(saves - 1))
    save = retrain.Checkpoint.save

    def save_then_stop(self, role, **progress):
        save(self, role, **progress)
        if next(left, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retrain.Checkpoint, "save", save_then_stop)
        with pytest.raises(KeyboardInterrupt):
            retrain.main(parsed(study, tmp_path))
    epochs = []
    original = classifier.train_epoch
    monkeypatch.setattr(retrain, "train_epoch", lambda *args: epochs.append(1) or original(*args))
    retrain.main(parsed(study, tmp_path))
    assert len(epochs) == 8 - saves
    assert outputs(tmp_path) == outputs(study / "whole")


@pytest.mark.parametrize("content", [b"", b"garbage", b"another study"])
def test_a_useless_checkpoint_is_ignored(study, tmp_path, content, caplog):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    if content == b"another study":
        retrain.save_tensors({"fingerprint": "f", "progress": {"found": 1}}, tmp_path / "checkpoint.pt")
    retrain.main(parsed(study, tmp_path))
    assert "checkpoint.pt: " in caplog.text
    assert "ignored" in caplog.text
    assert outputs(tmp_path) == outputs(study / "whole")


def test_the_seed_and_the_params_matter(study, tmp_path):
    few = {"epochs": 1}
    runs = [parsed(study, tmp_path / str(i), **few) for i in range(3)]
    runs[1].seed = 2022
    runs[2].params["weight_decay"] = 0.1
    for args in runs:
        retrain.main(args)
    assert len({args.weights.read_bytes() for args in runs}) == 3


# --- what is trained, and on what ---------------------------------------------------------------


def test_the_rival_is_the_first_other_architecture_to_evaluate(tmp_path):
    paths = tmp_path / "best.json", tmp_path / "architectures.parquet"
    write_inputs(tmp_path, sample=(RANDOM, FOUND))
    assert choose(*paths) == {"found": FOUND, "random": RANDOM}
    write_inputs(tmp_path, sample=(FOUND, RANDOM))
    assert choose(*paths) == {"found": FOUND, "random": RANDOM}
    write_inputs(tmp_path, sample=(FOUND,))
    with pytest.raises(InputError, match=r"architectures\.parquet: has no other architecture"):
        choose(*paths)


@pytest.mark.parametrize(
    "best, message",
    [
        ({"answer": 42}, r"best\.json: has no key 'architecture'"),
        ([], r"best\.json: has no key 'architecture'"),
        ({"architecture": "|conv9x9~0|"}, r"architecture '\|conv9x9~0\|': unknown operation 'conv9x9'"),
    ],
)
def test_a_bad_answer_is_one_line(tmp_path, best, message):
    write_inputs(tmp_path)
    artifacts.write_json(best, tmp_path / "best.json")
    with pytest.raises(InputError, match=message):
        retrain.main(parsed(tmp_path, tmp_path))
    assert not (tmp_path / "metrics.json").exists()


def test_the_parts_of_the_data_are_disjoint_and_of_the_right_size():
    data, other = (load_data("digits", 0.25, seed, CPU) for seed in (1, 2))
    sizes = [len(part.images) for part in (data.train, data.validation, data.test)]
    assert sizes == [1078, 359, 360]
    distinct = {image.numpy().tobytes() for part in (data.train, data.validation) for image in part.images}
    assert len(distinct) == 1078 + 359
    assert not torch.equal(data.validation.labels, other.validation.labels)
    assert torch.equal(data.test.labels, other.test.labels)
    assert float(data.train.images.mean().abs()) < 1e-5 < float(data.validation.images.mean().abs())


def test_accuracy():
    part = Part(torch.eye(4).repeat(300, 1), torch.tensor([0, 1, 2, 0]).repeat(300))
    assert accuracy_percent(torch.nn.Identity(), part) == 75.0


def test_augmented_images_are_flipped_and_shifted():
    images = torch.arange(1.0, 1 + 40 * 3 * 6 * 5).reshape(40, 3, 6, 5)
    seen = set()
    for image, result in zip(images, augment(images, torch.Generator().manual_seed(0)), strict=True):
        candidates = {}
        for flip in (False, True):
            padded = torch.zeros(3, 14, 13)
            padded[:, 4:10, 4:9] = image.flip(2) if flip else image
            for top in range(9):
                for left in range(9):
                    candidates[flip, top, left] = padded[:, top : top + 6, left : left + 5]
        seen.add(next(key for key, wanted in candidates.items() if torch.equal(wanted, result)))
    flips, tops, lefts = (set(values) for values in zip(*seen, strict=True))
    assert flips == {False, True}
    assert {0, 8} <= tops | lefts
    assert len(seen) > 30


def test_cifar_images_are_augmented_and_digits_are_not(monkeypatch):
    calls = []
    monkeypatch.setattr(classifier, "augment", lambda images, generator: calls.append(1) or images)
    part = Part(torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 3]))
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4))
    for dataset in ("digits", "cifar10", "cifar10_subset"):
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        classifier.train_epoch(network, optimizer, part, {"dataset": dataset, "batch_size": 4}, seed=0)
    assert len(calls) == 2
