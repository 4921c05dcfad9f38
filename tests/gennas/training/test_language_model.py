"""Retraining on a text: the right tokens in the right order, the right perplexity, and it learns."""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import write_answer
from hypothesis import given
from hypothesis import strategies as st
from test_retrain import stop_after
from torch import nn

from gennas import spaces
from gennas.data import texts
from gennas.errors import InputError
from gennas.files.documents import read_json
from gennas.training import language_model
from gennas.training.language_model import BPTT, IGNORED, LanguageModelling, Streams, encode, load, losses, vocabulary
from stages import retrain
from stages.support import artifacts

CPU = torch.device("cpu")
PARAMS = {
    "dataset": "descriptions",
    "epochs": 3,
    "batch_size": 4,
    "optimizer": "adam",
    "learning_rate": 0.02,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "width": 1.0,
    "depth": 1.0,
    "validation_share": 0.1,
}


class Recurrent(nn.Module):
    """What a space of recurrent networks builds."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.lstm = nn.LSTM(inputs, outputs)

    def step_through(self, sequence, state):
        return self.lstm(sequence, state)


def write(folder: Path, names: str = "{}.txt", **parts: str) -> Path:
    """A folder of texts; the parts not given are `train`'s."""
    texts = {"train": parts["train"], "valid": parts["train"], "test": parts["train"]} | parts
    folder.mkdir(exist_ok=True)
    for part, text in texts.items():
        (folder / names.format(part)).write_text(text, encoding="utf-8")
    return folder


def load_folder(folder: Path, **changes: object) -> LanguageModelling:
    return load(PARAMS | {"dataset": str(folder)} | changes, CPU)


# --- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["{}.txt", "ptb.{}.txt", "wiki.{}.tokens"])
def test_a_folder_of_texts_is_read_by_the_names_of_its_files(tmp_path, names):
    folder = write(tmp_path, names, train="a b\n", valid="b\n", test="c\n")
    (folder / ".train.txt.swp").write_text("of an editor")
    (folder / "README").write_text("of the makers")
    (folder / "train").mkdir()
    assert texts.read_folder(folder) == {"train": "a b\n", "validation": "b\n", "test": "c\n"}


def add_second_train(folder: Path) -> None:
    (folder / "ptb.train.txt").write_text("a")


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda folder: (folder / "valid.txt").unlink(), r"/texts: .*'valid' .*found none; choose a folder with train"),
        (add_second_train, r"/texts: .*'train' .*found ptb\.train\.txt, train\.txt; choose"),
        (lambda folder: (folder / "test.txt").write_text(" \n"), r"/texts/test\.txt: empty; write words"),
        (lambda folder: (folder / "test.txt").write_bytes(b"ab\xff"), r"test\.txt: not UTF-8 \(at byte 2\); convert"),
        (lambda folder: (folder / "train.txt").write_text("a" * 65), r"train\.txt: larger than .*; shorten it"),
    ],
)
def test_a_bad_folder_is_one_line(tmp_path, monkeypatch, damage: Callable[[Path], None], message):
    monkeypatch.setattr(language_model, "SIZE_LIMIT", 64)
    folder = write(tmp_path / "texts", train="a b\n")
    damage(folder)
    with pytest.raises(InputError, match=message) as caught:
        load_folder(folder)
    assert str(caught.value).startswith("dataset: ")
    assert "\n" not in str(caught.value)


def test_a_dataset_that_is_no_text_names_what_is(tmp_path):
    for dataset in ("digits", str(tmp_path / "nowhere")):
        with pytest.raises(InputError, match=r"dataset: there is no folder .*; choose descriptions, or a folder with"):
            load_folder(Path(dataset))


def test_an_image_space_takes_no_text():
    with pytest.raises(InputError, match=r"dataset: 'descriptions' is unknown; choose one of digits"):
        retrain.load_problem(spaces.load("nasbench201"), PARAMS, 0, CPU)


def test_descriptions_are_words_and_their_parts_are_disjoint():
    parts = texts.descriptions(0.1)
    lines = {part: text.split("\n") for part, text in parts.items()}
    counts = {part: len(found) for part, found in lines.items()}
    assert counts["train"] > 500
    assert counts["test"] == pytest.approx(0.1 * sum(counts.values()), abs=1)
    assert counts["validation"] == pytest.approx(0.09 * sum(counts.values()), abs=1)
    assert any("the famous iris database first used by sir r a fisher" in text for text in parts.values())
    assert all(word.islower() or word == "N" for text in parts.values() for word in text.split())
    assert texts.descriptions(0.1) == parts
    # What is left for training does not depend on the share that validates, nor the test on either.
    more = texts.descriptions(0.5)
    assert more["test"] == parts["test"]
    assert set(more["train"].split("\n")) < set(lines["train"])
    assert all(texts.descriptions(share)["validation"] for share in (1e-9, 0.5))
    assert texts.descriptions(1 - 1e-9)["train"]


# --- tokens -------------------------------------------------------------------------------------


def test_every_line_has_an_end():
    for text in ("a b\n\n c\n", "a b\r\n\r\nc", "a\tb\n\nc"):
        assert list(language_model.tokens(text)) == ["a", "b", "<eos>", "<eos>", "c", "<eos>"]


def test_the_vocabulary_is_of_frequent_words(monkeypatch):
    text = "b a c a b a rare\n"
    assert vocabulary(text + text.replace("rare", "")) == {"<eos>": 0, "<unk>": 1, "a": 2, "b": 3, "c": 4}
    assert set(vocabulary("a <unk> b")) == {"<eos>", "<unk>", "a", "b"}  # marked already: nothing is rare
    assert encode("a rare b", vocabulary(text)).tolist() == [2, 1, 3, 0]
    monkeypatch.setattr(language_model, "VOCABULARY_LIMIT", 1)
    assert set(vocabulary(text)) == {"<eos>", "<unk>", "a"}


@given(st.integers(1, 400), st.integers(1, 30), st.integers(1, BPTT))
def test_streams_are_consecutive_and_chunks_leave_nothing_out(length, count, first):
    text = torch.arange(1, length + 1)
    streams = Streams.of(text, count)
    assert streams.inputs.shape == streams.targets.shape == (math.ceil(length / count), count)
    assert streams.tokens == length
    targets, inputs = streams.targets.t().flatten(), streams.inputs.t().flatten()  # stream after stream
    assert torch.equal(targets[:length], text)
    assert (targets[length:] == IGNORED).all()
    assert torch.equal(inputs[:length], text - 1)  # the token before, and the end of a line (0) at first
    chunks = list(streams.chunks(first))
    assert torch.equal(torch.cat([chunk for chunk, _ in chunks]), streams.inputs)
    assert torch.equal(torch.cat([chunk for _, chunk in chunks]), streams.targets)
    assert [len(chunk) for chunk, _ in chunks[1:-1]] == [BPTT] * len(chunks[1:-1])
    assert len(chunks[0][0]) == min(first, len(streams.inputs))
    assert all(1 <= len(chunk) <= BPTT for chunk, _ in chunks)


# --- the model ----------------------------------------------------------------------------------


def test_weights_are_tied_where_sizes_agree():
    tied, untied = (language_model.LanguageModel(Recurrent(6, outputs), 10) for outputs in (6, 5))
    assert tied.decoder.weight is tied.embedding.weight
    assert untied.decoder.weight.shape == (10, 5)
    own = sum(p.numel() for p in tied.network.parameters())
    assert sum(p.numel() for p in tied.parameters()) == own + 10 * 6 + 10
    assert float(tied.embedding.weight.detach().abs().max()) <= 0.1


def random_problem(tokens: int, streams: int) -> LanguageModelling:
    text = torch.randint(10, (tokens,), generator=torch.Generator().manual_seed(0))
    return LanguageModelling(dict.fromkeys(("train", "validation", "test"), Streams.of(text, streams)), 10, "")


def test_perplexity_is_that_of_every_token_given_those_before_it_in_its_stream():
    problem = random_problem(tokens=235, streams=3)  # 79 steps: chunks of 70 and 9; 2 targets too many
    torch.manual_seed(0)
    model = problem.model(Recurrent(8, 8))
    nn.init.normal_(model.embedding.weight)  # far from uniform
    loss, perplexity = problem.evaluate(model, "test")
    streams = problem.parts["test"]
    log_probabilities = []
    with torch.no_grad():
        for column in range(3):  # token by token, each stream alone
            state = None
            for token, target in zip(streams.inputs[:, column], streams.targets[:, column], strict=True):
                logits, state = model(token.view(1, 1), state)
                if target != IGNORED:
                    log_probabilities.append(float(logits.double().log_softmax(2)[0, 0, target]))
    assert len(log_probabilities) == 235
    assert loss == pytest.approx(-np.mean(log_probabilities), rel=1e-6)
    assert perplexity == pytest.approx(np.exp(-np.mean(log_probabilities)), rel=1e-6)
    assert perplexity > 11  # worse than knowing nothing, which would be 10 for any weights


def test_gradients_stay_within_a_chunk_and_the_state_does_not():
    problem = random_problem(tokens=300, streams=1)
    torch.manual_seed(0)
    model = problem.model(Recurrent(8, 8))
    embedded: list[torch.Tensor] = []
    model.embedding.register_forward_hook(lambda _module, _inputs, output: embedded.append(output))
    for loss, count in losses(model, problem.parts["train"], first=10):
        gradients = torch.autograd.grad(loss, embedded, allow_unused=True)
        assert count == len(embedded[-1])
        assert all(gradient is None for gradient in gradients[:-1])
        assert gradients[-1].abs().sum(dim=2).min() > 0
    assert [len(part) for part in embedded] == [10, 70, 70, 70, 70, 10]


def test_the_gradient_is_clipped(monkeypatch):
    norms = []
    original = torch.optim.SGD.step

    def step(self, *args):
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        norms.append(float(torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients]))))
        return original(self, *args)

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    problem = random_problem(tokens=300, streams=2)
    torch.manual_seed(0)
    model = problem.model(Recurrent(8, 8))
    nn.init.normal_(model.embedding.weight, std=10)
    problem.train_epoch(model, torch.optim.SGD(model.parameters(), 0.1), seed=0)
    assert len(norms) >= 3
    assert norms == pytest.approx([0.25] * len(norms), rel=1e-3)


@pytest.mark.parametrize("loss", [math.nan, math.inf, 1e4])
def test_a_failed_training_has_infinite_perplexity(loss):
    assert language_model.perplexity(loss) == math.inf


# --- the stage ----------------------------------------------------------------------------------

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


def arguments(folder: Path, found: str = "8", random: str = "12", **changes: object) -> argparse.Namespace:
    """The stage's arguments for a study in a folder, whose outputs go there, too."""
    folder.mkdir(exist_ok=True)
    write_answer(folder / "best.json", found)
    rows = [{"role": "evaluate", "position": 0, "architecture": random}]
    artifacts.write_rows(rows, artifacts.ARCHITECTURES, folder / "architectures.parquet")
    files = (
        "best.json", "architectures.parquet", "history.parquet", "metrics.json", "weights.pt", "checkpoint.pt",
    )  # fmt: skip
    words = [word for file in files for word in (f"--{Path(file).stem}", str(folder / file))]
    words += ["--space", "nasbench_nlp", "--seed", "1", "--params", json.dumps(PARAMS | changes)]
    return retrain.arguments().parse_args(words)


def outputs(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("history.parquet", "metrics.json", "weights.pt")]


def test_a_text_that_can_be_foretold_is_learnt(toy_space, tmp_path):
    folder = write(tmp_path / "texts", train=TEXT)
    retrain.main(arguments(tmp_path, dataset=str(folder), epochs=10, batch_size=2, learning_rate=0.05))
    metrics = read_json(tmp_path / "metrics.json")
    assert (metrics["dataset"], metrics["metric"]) == (str(folder), "perplexity")
    history = artifacts.read_parquet(tmp_path / "history.parquet", artifacts.HISTORY).to_pylist()
    for role, rows in (("found", history[:10]), ("random", history[10:])):
        assert {(row["role"], row["metric"]) for row in rows} == {(role, "perplexity")}
        assert rows[0]["validation_score"] > 2
        assert 1 < metrics[role]["test_perplexity"] < 1.1
        assert metrics[role]["validation_perplexity"] == round(rows[-1]["validation_score"], 4)
        for row in rows:
            assert row["validation_score"] == pytest.approx(math.exp(row["validation_loss"]))
    problem = load_folder(folder, batch_size=2)
    model = problem.model(Recurrent(8, 8))
    model.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert round(problem.evaluate(model, "test")[1], 4) == metrics["found"]["test_perplexity"]
    assert sum(p.numel() for p in model.parameters()) == metrics["found"]["parameters"]


@pytest.mark.parametrize("saves", [2, 4])  # within the first training, the second
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path, monkeypatch, saves, caplog):
    space = spaces.load("nasbench_nlp")
    rng = np.random.default_rng(0)
    found, random = (space.to_id(space.random_architecture(rng)) for _ in range(2))
    text = str(write(tmp_path / "texts", train=TEXT))
    study = {"found": found, "random": random, "dataset": text, "width": 0.02}
    retrain.main(arguments(tmp_path / "whole", **study))
    stop_after(saves, arguments(tmp_path / "stopped", **study), monkeypatch)
    with caplog.at_level("INFO"):
        retrain.main(arguments(tmp_path / "stopped", **study))
    assert "resumed after epoch" in caplog.text
    assert outputs(tmp_path / "stopped") == outputs(tmp_path / "whole")


def test_a_checkpoint_of_another_text_is_ignored(toy_space, tmp_path, monkeypatch, caplog):
    folder = write(tmp_path / "texts", train=TEXT)
    stop_after(2, arguments(tmp_path / "stopped", dataset=str(folder)), monkeypatch)
    write(folder, train=TEXT, test="three one\n")
    retrain.main(arguments(tmp_path / "stopped", dataset=str(folder)))
    assert "the checkpoint of another study, ignored" in caplog.text
    retrain.main(arguments(tmp_path / "whole", dataset=str(folder)))
    assert outputs(tmp_path / "stopped") == outputs(tmp_path / "whole")


def test_the_descriptions_are_learnt_better_than_by_counting_words():
    problem = load(PARAMS, CPU)
    targets = {part: streams.targets[streams.targets != IGNORED] for part, streams in problem.parts.items()}
    shares = torch.bincount(targets["train"], minlength=problem.words).double() / len(targets["train"])
    by_counting = float((-shares[targets["test"]].log().mean()).exp())
    torch.manual_seed(0)
    model = problem.model(Recurrent(64, 64))
    optimizer = retrain.make_optimizer(model, PARAMS | {"learning_rate": 0.01})
    for seed in range(5):
        problem.train_epoch(model, optimizer, seed)
    assert problem.evaluate(model, "test")[1] < 0.9 * by_counting
