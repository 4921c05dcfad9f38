"""Retraining: it learns, it is reproducible, and being killed changes nothing."""

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import stopped_after, write_answer

from gennas import spaces
from gennas.data.images import Labelled
from gennas.errors import InputError
from gennas.families.images import Classifier
from gennas.files.checkpoints import Checkpoint, save_tensors
from gennas.files.documents import read_json
from gennas.training import classification, recipe
from gennas.training.classification import Classification, Part, augment, load
from stages import retrain
from stages.retrain import choose
from stages.support import artifacts

FOUND = "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|none~2|"
RANDOM = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
LABELLED = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
PARAMS = {
    "dataset": "digits",
    "epochs": 4,
    "batch_size": 64,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 5.0e-4,
    "width": 0.25,
    "depth": 0.2,
    "validation_share": 0.2,
}
#: On one worker, so that the toy study is run once.
pytestmark = pytest.mark.xdist_group("retrain")
ROLES = ("found", "random")
OUTPUTS = ("history.parquet", "metrics.json", "weights.pt")
CPU = torch.device("cpu")


def write_inputs(folder: Path, sample: tuple[str, ...] = (RANDOM, FOUND)) -> None:
    write_answer(folder / "best.json", FOUND)
    rows = [{"role": "label", "position": 0, "architecture": LABELLED}]
    rows += [{"role": "evaluate", "position": i, "architecture": a} for i, a in enumerate(sample)]
    artifacts.write_rows(rows, artifacts.ARCHITECTURES, folder / "architectures.parquet")


def unit(folder: Path, output: Path, role: str = "found", seed: int = 2021, **changes: object) -> dict[str, Any]:
    """The arguments of one role's training in a toy study."""
    return {
        "best": [folder / "best.json"] if role == "found" else [],
        "architectures": folder / "architectures.parquet",
        **{Path(name).stem: output / name for name in OUTPUTS},
        "checkpoint": output / "checkpoint.pt",
        "space": "nasbench201",
        "role": role,
        "params": PARAMS | changes,
        "seed": seed,
    }


def command(*of: Any) -> list[str]:
    """The command that a rule runs for it."""
    arguments = unit(*of)
    values = {name: arguments.pop(name) for name in ("space", "role", "params", "seed")}
    files = json.dumps(arguments, default=str)
    return [sys.executable, "-m", "stages.retrain", "unit", "--files", files, "--values", json.dumps(values)]


def gather(folder: Path) -> None:
    """Gather what the roles' folders there hold."""
    retrain.gather(
        histories=[folder / role / "history.parquet" for role in ROLES],
        results=[folder / role / "metrics.json" for role in ROLES],
        found_weights=folder / "found" / "weights.pt",
        **{Path(name).stem: folder / name for name in OUTPUTS},
    )


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


@pytest.fixture(scope="module", autouse=True)
def on_the_cpu():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENNAS_DEVICE", "cpu")
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A toy study's inputs, and its artifacts under `whole` from a run of each role's command."""
    folder = tmp_path_factory.mktemp("retrain")
    write_inputs(folder)
    for role in ROLES:
        subprocess.run(command(folder, folder / "whole" / role, role), check=True, capture_output=True)
    gather(folder / "whole")
    return folder


def test_it_learns_and_says_so(study):
    metrics = read_json(study / "whole/metrics.json")
    assert (metrics["dataset"], metrics["metric"]) == ("digits", "accuracy_percent")
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
        assert last["metric"] == "accuracy_percent"
        assert metrics[role]["validation_accuracy_percent"] == round(last["validation_score"], 4)
        assert last["train_loss"] < 0.6
        assert last["validation_loss"] < 0.6


def test_the_other_role_is_trained_alike_whatever_the_answer_is(study, tmp_path):
    """Another answer leaves `random` as it is: its job reads no best.json."""
    write_inputs(tmp_path)
    write_answer(tmp_path / "best.json", LABELLED)
    retrain.unit(**unit(tmp_path, tmp_path / "random", "random"))
    assert outputs(tmp_path / "random") == outputs(study / "whole/random")


def test_the_weights_are_the_found_architectures(study):
    space = spaces.load("nasbench201")
    network = Classifier(space.build(space.from_id(FOUND), PARAMS["width"], PARAMS["depth"]), 10)
    network.load_state_dict(torch.load(study / "whole/weights.pt", weights_only=True))
    metrics = read_json(study / "whole/metrics.json")["found"]
    _, accuracy = load(PARAMS, 2021, CPU).evaluate(network, "test")
    assert round(accuracy, 4) == pytest.approx(metrics["test_accuracy_percent"])
    assert sum(p.numel() for p in network.parameters()) == metrics["parameters"]


def test_a_killed_run_goes_on_to_the_same_bytes(study, tmp_path):
    run = command(study, tmp_path)
    process = subprocess.Popen(run, stderr=subprocess.DEVNULL)
    while not (tmp_path / "checkpoint.pt").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not any((tmp_path / name).exists() for name in OUTPUTS)
    again = subprocess.run(run, check=True, capture_output=True, text=True)
    assert "resumed after epoch" in again.stderr
    assert outputs(tmp_path) == outputs(study / "whole/found")
    once_more = subprocess.run(run, check=True, capture_output=True, text=True)  # as after finals of the same answer
    assert "resumed after epoch 4" in once_more.stderr
    assert outputs(tmp_path) == outputs(study / "whole/found")


@pytest.mark.parametrize(("role", "saves"), [("found", 1), ("random", 3), ("found", 4)])  # first, within, last epoch
def test_stopped_at_any_epoch(study, tmp_path, monkeypatch, role, saves):
    with stopped_after(saves, monkeypatch):
        retrain.unit(**unit(study, tmp_path, role))
    epochs = []
    original = Classification.train_epoch
    monkeypatch.setattr(Classification, "train_epoch", lambda *args: epochs.append(1) or original(*args))
    retrain.unit(**unit(study, tmp_path, role))
    assert len(epochs) == 4 - saves
    assert outputs(tmp_path) == outputs(study / "whole" / role)


@pytest.mark.parametrize("content", [b"", b"garbage", b"another study"])
def test_a_useless_checkpoint_is_ignored(study, tmp_path, content, caplog):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    if content == b"another study":
        save_tensors({"fingerprint": "f", "progress": {"history": 1}}, tmp_path / "checkpoint.pt")
    retrain.unit(**unit(study, tmp_path))
    assert "checkpoint.pt: " in caplog.text
    assert "ignored" in caplog.text
    assert outputs(tmp_path) == outputs(study / "whole/found")


def test_a_checkpoint_counts_for_the_code_of_the_network_too(study, tmp_path, monkeypatch):
    """Code that is imported only when the network is built."""
    seen = []
    monkeypatch.setattr(retrain, "fingerprint", lambda *values: seen.append(values[-1]) or "study")
    for module in [name for name in sys.modules if name.startswith("gennas.spaces.common.nasbench201.network")]:
        monkeypatch.delitem(sys.modules, module)
    for folder in ("one", "two"):
        retrain.unit(**unit(study, tmp_path / folder, epochs=1))
    assert seen[0] == seen[1]


def test_the_checkpoint_of_another_architecture_is_ignored(study, tmp_path, monkeypatch, caplog):
    """An answer that changes after a job was killed."""
    with stopped_after(2, monkeypatch):
        retrain.unit(**unit(study, tmp_path, "random"))
    retrain.unit(**unit(study, tmp_path))
    assert "the checkpoint of another study, ignored" in caplog.text
    assert outputs(tmp_path) == outputs(study / "whole/found")


def test_the_seed_and_the_params_matter(study, tmp_path):
    for i, changes in enumerate(({}, {"seed": 2022}, {"weight_decay": 0.1})):
        retrain.unit(**unit(study, tmp_path / str(i), **{"epochs": 1, **changes}))
    assert len({(tmp_path / str(i) / "weights.pt").read_bytes() for i in range(3)}) == 3


# --- what is trained, and on what ---------------------------------------------------------------


def test_the_random_architecture_is_the_first_one_to_evaluate(tmp_path):
    best, architectures = [tmp_path / "best.json"], tmp_path / "architectures.parquet"
    write_inputs(tmp_path, sample=(RANDOM, FOUND))
    assert (choose(best, architectures), choose([], architectures)) == (FOUND, RANDOM)
    write_inputs(tmp_path, sample=(FOUND, RANDOM))
    assert choose([], architectures) == FOUND  # whatever the answer is
    write_inputs(tmp_path, sample=())
    with pytest.raises(InputError, match=r"architectures\.parquet: has no architecture to evaluate"):
        choose([], architectures)


@pytest.mark.parametrize(
    "best, message",
    [
        (
            {"search": "evolution", "answer": 42},
            r"best\.json: the file: 'architecture' is a required property; delete it and re-run",
        ),
        ([], r"best\.json: the file: \[\] is not of type 'object'"),
    ],
)
def test_a_bad_answer_is_one_line(tmp_path, best, message):
    write_inputs(tmp_path)
    artifacts.write_json(best, tmp_path / "best.json")
    with pytest.raises(InputError, match=message):
        retrain.unit(**unit(tmp_path, tmp_path))
    assert not (tmp_path / "metrics.json").exists()


def test_an_answer_outside_the_space_is_one_line(tmp_path):
    write_inputs(tmp_path)
    write_answer(tmp_path / "best.json", "|conv9x9~0|")
    with pytest.raises(InputError, match=r"architecture '\|conv9x9~0\|': unknown operation 'conv9x9'"):
        retrain.unit(**unit(tmp_path, tmp_path))
    assert not (tmp_path / "metrics.json").exists()


def test_the_parts_of_the_data_are_disjoint_and_of_the_right_size():
    parts, other = (load(PARAMS | {"validation_share": 0.25}, seed, CPU).parts for seed in (1, 2))
    assert {name: len(part.images) for name, part in parts.items()} == {"train": 1078, "validation": 359, "test": 360}
    distinct = {image.numpy().tobytes() for name in ("train", "validation") for image in parts[name].images}
    assert len(distinct) == 1078 + 359
    assert not torch.equal(parts["validation"].labels, other["validation"].labels)
    assert torch.equal(parts["test"].labels, other["test"].labels)
    assert float(parts["train"].images.mean().abs()) < 1e-5 < float(parts["validation"].images.mean().abs())


@pytest.mark.parametrize("share, held_out", [(1e-9, 1), (1 - 1e-9, 1436)])
def test_no_part_of_the_data_is_empty(share, held_out):
    parts = load(PARAMS | {"validation_share": share}, 0, CPU).parts
    assert (len(parts["validation"].images), len(parts["train"].images)) == (held_out, 1437 - held_out)


def problem(parts: dict[str, Part], augmented: bool = False) -> Classification:
    return Classification(parts, classes=4, batch_size=4, augmented=augmented)


def test_accuracy_and_loss():
    part = Part(torch.eye(4).repeat(300, 1), torch.tensor([0, 1, 2, 0]).repeat(300))
    loss, accuracy = problem({"test": part}).evaluate(torch.nn.Identity(), "test")
    assert accuracy == 75.0
    assert loss == pytest.approx(math.log(math.e + 3) - 0.75)


def test_a_model_that_computes_no_numbers_has_no_accuracy():
    part = Part(torch.full((4, 4), math.nan), torch.zeros(4, dtype=torch.int64))
    assert all(math.isnan(value) for value in problem({"test": part}).evaluate(torch.nn.Identity(), "test"))


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
    blank = Labelled(*[np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 1, 2, 3])] * 2)
    monkeypatch.setattr(classification, "labelled", lambda dataset: blank)
    for dataset in ("digits", "cifar10", "cifar10_subset"):
        assert load(PARAMS | {"dataset": dataset}, 0, CPU).augmented == (dataset != "digits")
    calls = []
    monkeypatch.setattr(classification, "augment", lambda images, generator: calls.append(1) or images)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4))
    parts = {"train": Part(torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 3]))}
    for augmented in (False, True):
        problem(parts, augmented).train_epoch(network, torch.optim.SGD(network.parameters(), lr=0.1), seed=0)
        assert bool(calls) == augmented


def test_the_optimizer_is_the_one_of_the_params():
    network = torch.nn.Linear(1, 1)
    sgd = recipe.make_optimizer(network, PARAMS)
    adam = recipe.make_optimizer(network, PARAMS | {"optimizer": "adam", "momentum": 0.8})
    assert isinstance(sgd, torch.optim.SGD) and isinstance(adam, torch.optim.Adam)
    assert (sgd.defaults["momentum"], sgd.defaults["nesterov"]) == (0.9, True)
    assert adam.defaults["betas"] == (0.8, 0.999)
    assert sgd.defaults["weight_decay"] == adam.defaults["weight_decay"] == 5.0e-4
    assert not recipe.make_optimizer(network, PARAMS | {"momentum": 0}).defaults["nesterov"]


class Diverging:
    """A problem whose second epoch fails."""

    metric, content = "perplexity", ""

    def __init__(self) -> None:
        self.epochs = 0

    def train_epoch(self, model, optimizer, seed):
        self.epochs += 1
        return 1.0 if self.epochs == 1 else math.nan

    def evaluate(self, model, part):
        return (1.0, math.e) if self.epochs == 1 else (math.nan, math.inf)


def test_a_training_that_diverges_ends_there_and_is_not_taken_up_again(tmp_path, caplog):
    model, problem = torch.nn.Linear(1, 1), Diverging()
    for _ in range(2):
        checkpoint = Checkpoint(tmp_path / "checkpoint.pt", "study")
        history = recipe.train(model, problem, PARAMS, 0, checkpoint)
        assert [row["validation_score"] for row in history] == [math.e, math.inf]
        assert problem.epochs == 2
    assert "diverged in epoch 2" in caplog.text
    artifacts.write_rows([{"role": "found", **row} for row in history], artifacts.HISTORY, tmp_path / "history.parquet")
    metrics = retrain.result("x", model, problem)
    assert metrics == {"architecture": "x", "test_perplexity": None, "validation_perplexity": None, "parameters": 2}
