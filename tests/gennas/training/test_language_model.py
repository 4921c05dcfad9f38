"""Retraining on a text: the right tokens in the right order, the right perplexity, and it learns."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from texts_and_lstms import PARAMS, Recurrent, write
from torch import nn

from gennas.data import texts
from gennas.errors import InputError
from gennas.training import language_model
from gennas.training.language_model import BPTT, IGNORED, LanguageModelling, Streams, encode, load, losses, vocabulary
from gennas.training.recipe import make_optimizer

CPU = torch.device("cpu")


def load_folder(folder: Path, **changes: object) -> LanguageModelling:
    return load(PARAMS | {"dataset": str(folder)} | changes, 0, CPU)


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
    monkeypatch.setattr(texts, "SIZE_LIMIT", 64)
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


def test_the_descriptions_are_learnt_better_than_by_counting_words():
    problem = load(PARAMS, 0, CPU)
    targets = {part: streams.targets[streams.targets != IGNORED] for part, streams in problem.parts.items()}
    shares = torch.bincount(targets["train"], minlength=problem.words).double() / len(targets["train"])
    by_counting = float((-shares[targets["test"]].log().mean()).exp())
    torch.manual_seed(0)
    model = problem.model(Recurrent(64, 64))
    optimizer = make_optimizer(model, PARAMS | {"learning_rate": 0.01})
    for seed in range(5):
        problem.train_epoch(model, optimizer, seed)
    assert problem.evaluate(model, "test")[1] < 0.9 * by_counting
