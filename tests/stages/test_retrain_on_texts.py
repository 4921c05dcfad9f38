"""Retraining on a text: it learns, and being stopped changes nothing."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers import stopped_after, write_answer
from texts_and_lstms import PARAMS, Recurrent, write

from gennas import spaces
from gennas.errors import InputError
from gennas.files.documents import read_json
from gennas.training.language_model import load
from stages import retrain
from stages.support import artifacts

CPU = torch.device("cpu")
OUTPUTS = ("history.parquet", "metrics.json", "weights.pt")
#: One that a network with a memory can foretell, and one without cannot.
TEXT = "one two one three\n" * 200


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("GENNAS_DEVICE", "cpu")


@pytest.fixture
def toy_space(monkeypatch) -> None:
    """A space of LSTMs, whose ids are their sizes, instead of every other."""
    toy = SimpleNamespace(
        FAMILY="sequences", INPUT_SHAPE=(8, 1, 8), from_id=int, build=lambda size, width, depth: Recurrent(8, size)
    )
    monkeypatch.setattr(spaces, "load", lambda name: toy)


def inputs(folder: Path, found: str = "8", random: str = "12") -> dict[str, Path]:
    """A search's answer and a sample, written to a folder."""
    folder.mkdir(exist_ok=True)
    paths = {"best": folder / "best.json", "architectures": folder / "architectures.parquet"}
    write_answer(paths["best"], found)
    rows = [{"role": "evaluate", "position": 0, "architecture": random}]
    artifacts.write_rows(rows, artifacts.ARCHITECTURES, paths["architectures"])
    return paths


def train(folder: Path, role: str, given: dict[str, Path], space: str = "nasbench_nlp", **changes: object) -> None:
    """Run the unit of a role, whose outputs go to a folder of its name."""
    best = [given["best"]] if role == "found" else []
    outputs = (folder / role / name for name in (*OUTPUTS, "checkpoint.pt"))
    retrain.unit(best, given["architectures"], *outputs, space, role, PARAMS | changes, 1)


def outputs(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in OUTPUTS]


@pytest.mark.parametrize("role", ["found", "random"])
def test_a_text_that_can_be_foretold_is_learnt(toy_space, tmp_path, role):
    folder = write(tmp_path / "texts", train=TEXT)
    train(tmp_path, role, inputs(tmp_path), dataset=str(folder), epochs=10, batch_size=2, learning_rate=0.05)
    metrics = read_json(tmp_path / role / "metrics.json")
    assert (metrics["dataset"], metrics["metric"]) == (str(folder), "perplexity")
    history = artifacts.read_parquet(tmp_path / role / "history.parquet", artifacts.HISTORY).to_pylist()
    assert len(history) == 10 and {(row["role"], row["metric"]) for row in history} == {(role, "perplexity")}
    assert history[0]["validation_score"] > 2
    assert 1 < metrics[role]["test_perplexity"] < 1.1
    assert metrics[role]["validation_perplexity"] == round(history[-1]["validation_score"], 4)
    for row in history:
        assert row["validation_score"] == pytest.approx(math.exp(row["validation_loss"]))
    problem = load(PARAMS | {"dataset": str(folder), "batch_size": 2}, 0, CPU)
    model = problem.model(Recurrent(8, {"found": 8, "random": 12}[role]))
    model.load_state_dict(torch.load(tmp_path / role / "weights.pt", weights_only=True))
    assert round(problem.evaluate(model, "test")[1], 4) == metrics[role]["test_perplexity"]
    assert sum(p.numel() for p in model.parameters()) == metrics[role]["parameters"]


@pytest.mark.parametrize("saves", [1, 2])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path, monkeypatch, saves, caplog):
    study = {"dataset": str(write(tmp_path / "texts", train=TEXT)), "width": 0.02}
    given = inputs(tmp_path, "n0=linear(x,h0);n1=tanh(n0);h0=n1")
    train(tmp_path / "whole", "found", given, **study)
    with stopped_after(saves, monkeypatch):
        train(tmp_path / "stopped", "found", given, **study)
    with caplog.at_level("INFO"):
        train(tmp_path / "stopped", "found", given, **study)
    assert "resumed after epoch" in caplog.text
    assert outputs(tmp_path / "stopped/found") == outputs(tmp_path / "whole/found")


def test_a_checkpoint_of_another_text_is_ignored(toy_space, tmp_path, monkeypatch, caplog):
    folder, given = write(tmp_path / "texts", train=TEXT), inputs(tmp_path)
    with stopped_after(2, monkeypatch):
        train(tmp_path / "stopped", "found", given, dataset=str(folder))
    write(folder, train=TEXT, test="three one\n")
    train(tmp_path / "stopped", "found", given, dataset=str(folder))
    assert "the checkpoint of another study, ignored" in caplog.text
    train(tmp_path / "whole", "found", given, dataset=str(folder))
    assert outputs(tmp_path / "stopped/found") == outputs(tmp_path / "whole/found")


def test_a_space_may_declare_a_training_of_its_own():
    problems = [retrain.load_problem(name, PARAMS, 0, CPU) for name in ("nasbench_nlp", "flexibert")]
    assert [problem.metric for problem in problems] == ["perplexity", "masked_perplexity"]


@pytest.mark.parametrize("role", ["found", "random"])
def test_transformers_restore_words_and_go_on_where_they_were_stopped(tmp_path, monkeypatch, role):
    study = {"space": "flexibert", "dataset": str(write(tmp_path / "texts", train=TEXT)), "width": 0.05}
    given = inputs(tmp_path, "128|h2-f1|h4-f1", "256|h2-f3-512|h4-f1")
    train(tmp_path / "whole", role, given, **study)
    with stopped_after(2, monkeypatch):
        train(tmp_path / "stopped", role, given, **study)
    train(tmp_path / "stopped", role, given, **study)
    assert outputs(tmp_path / "stopped" / role) == outputs(tmp_path / "whole" / role)
    metrics = read_json(tmp_path / "whole" / role / "metrics.json")
    assert metrics["metric"] == "masked_perplexity" and 1 < metrics[role]["test_masked_perplexity"] < 20


def test_an_image_space_takes_no_text():
    with pytest.raises(InputError, match=r"dataset: 'descriptions' is unknown; choose one of digits"):
        retrain.load_problem("nasbench201", PARAMS, 0, CPU)
