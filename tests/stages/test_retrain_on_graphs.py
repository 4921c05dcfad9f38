"""Retraining on a graph: it learns, and being stopped changes nothing."""

from pathlib import Path

import pytest
import torch
from helpers import stopped_after, write_answer

from gennas.files.documents import read_json
from stages import retrain
from stages.support import artifacts

OUTPUTS = ("history.parquet", "metrics.json", "weights.pt")
PARAMS = {
    "dataset": "digits_neighbours", "epochs": 40, "batch_size": 4, "optimizer": "adam", "learning_rate": 0.01,
    "momentum": 0.9, "weight_decay": 0.0, "width": 0.1, "depth": 1.0, "validation_share": 0.1,
}  # fmt: skip
ROLES = {"found": "77016", "random": "4444"}


@pytest.fixture
def given(monkeypatch, tmp_path) -> dict[str, Path]:
    """A search's answer and a sample."""
    monkeypatch.setenv("GENNAS_DEVICE", "cpu")
    paths = {"best": tmp_path / "best.json", "architectures": tmp_path / "architectures.parquet"}
    write_answer(paths["best"], ROLES["found"])
    rows = [{"role": "evaluate", "position": 0, "architecture": ROLES["random"]}]
    artifacts.write_rows(rows, artifacts.ARCHITECTURES, paths["architectures"])
    return paths


def train(folder: Path, role: str, given: dict[str, Path], **changes: object) -> list[bytes]:
    """Run the unit of a role; its outputs."""
    best = [given["best"]] if role == "found" else []
    paths = [folder / name for name in (*OUTPUTS, "checkpoint.pt")]
    retrain.unit(best, given["architectures"], *paths, "nasbench_graph", role, PARAMS | changes, 1)
    return [path.read_bytes() for path in paths[:-1]]


@pytest.mark.parametrize("role", ROLES)
def test_digits_are_learnt_from_twenty_of_each(given, tmp_path, role):
    train(tmp_path, role, given)
    metrics = read_json(tmp_path / "metrics.json")
    assert (metrics["dataset"], metrics["metric"]) == ("digits_neighbours", "accuracy_percent")
    assert metrics[role]["architecture"] == ROLES[role]
    assert metrics[role]["test_accuracy_percent"] > 85
    rows = artifacts.read_parquet(tmp_path / "history.parquet", artifacts.HISTORY).to_pylist()
    assert len(rows) == 40 and rows[-1]["train_loss"] < rows[0]["train_loss"] / 3
    assert metrics[role]["validation_accuracy_percent"] == round(rows[-1]["validation_score"], 4)


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(given, tmp_path, monkeypatch, caplog):
    whole = train(tmp_path / "whole", "found", given, epochs=4)
    with stopped_after(2, monkeypatch):
        train(tmp_path / "stopped", "found", given, epochs=4)
    with caplog.at_level("INFO"):
        stopped = train(tmp_path / "stopped", "found", given, epochs=4)
    assert "resumed after epoch 2" in caplog.text
    assert stopped == whole


def test_a_batch_size_means_nothing(given, tmp_path):
    weights = []
    for size in (4, 400):
        train(tmp_path / str(size), "random", given, epochs=2, batch_size=size)
        weights.append(torch.load(tmp_path / str(size) / "weights.pt", weights_only=True))
    assert all(torch.equal(one, other) for one, other in zip(*(w.values() for w in weights), strict=True))
