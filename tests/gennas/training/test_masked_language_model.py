"""Masked language modelling: the right tokens are hidden, the right perplexity, and it learns."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from texts_and_lstms import PARAMS, write
from torch import Generator, nn

from gennas.spaces import flexibert
from gennas.training.masked_language_model import (
    IGNORED,
    LENGTH,
    Masked,
    MaskedLanguageModel,
    MaskedLanguageModelling,
    load,
)  # fmt: skip
from gennas.training.recipe import make_optimizer

CPU = torch.device("cpu")
WORDS = 10


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def random_text(tokens: int) -> torch.Tensor:
    return torch.randint(WORDS, (tokens,), generator=seeded())


def flat(sequences: torch.Tensor) -> torch.Tensor:
    return sequences.t().flatten()  # sequence after sequence


def network(width: float = 0.1) -> nn.Module:
    return flexibert.build(flexibert.from_id("128|h2-f1|h2-f1"), width)


def random_problem(tokens: int, batch_size: int = 2) -> MaskedLanguageModelling:
    text = random_text(tokens)
    masked = Masked.of(text, WORDS, seeded())
    return MaskedLanguageModelling(text, {"validation": masked, "test": masked}, WORDS, batch_size, "")


# --- what is hidden -------------------------------------------------------------------------------


@given(st.integers(1, 1000), st.integers(0, 2**63 - 1))
def test_chosen_tokens_alone_change_and_are_wanted(length, seed):
    text = random_text(length)
    masked = Masked.of(text, WORDS, seeded(seed))
    sequences = math.ceil(length / LENGTH)
    assert masked.inputs.shape == masked.targets.shape == (min(length, LENGTH), sequences)
    inputs, targets = flat(masked.inputs), flat(masked.targets)
    chosen = targets != IGNORED
    assert masked.chosen == chosen.sum() == max(1, round(0.15 * length))
    assert torch.equal(targets[chosen], text[chosen[:length]]) and not chosen[length:].any()
    assert torch.equal(inputs[~chosen][: length - masked.chosen], text[~chosen[:length]])
    assert not inputs[length:].any() and inputs.max() <= WORDS


def test_of_those_chosen_most_are_hidden_and_some_replaced():
    text = random_text(200_000)
    masked = Masked.of(text, WORDS, seeded())
    inputs, targets = flat(masked.inputs), flat(masked.targets)
    hidden, same = (inputs == WORDS)[targets != IGNORED], (inputs == targets)[targets != IGNORED]
    assert float(hidden.double().mean()) == pytest.approx(0.8, abs=0.01)
    assert float(same.double().mean()) == pytest.approx(0.1 + 0.1 / WORDS, abs=0.01)  # left, or replaced by itself


def test_batches_are_in_order_and_have_something_to_restore():
    masked = Masked.of(random_text(5 * LENGTH), WORDS, seeded())
    masked.targets[:, 3:] = IGNORED
    batches = list(masked.batches(2, torch.tensor([4, 3, 2, 0, 1])))
    assert [inputs.shape[1] for inputs, _ in batches] == [2, 1]
    assert torch.equal(batches[0][0], masked.inputs[:, [2, 0]]) and torch.equal(batches[1][1], masked.targets[:, [1]])


# --- the model ------------------------------------------------------------------------------------


def test_decoder_and_embedding_are_the_same_weights():
    model = MaskedLanguageModel(network(), WORDS)
    assert model.decoder.weight is model.embedding.weight
    inputs, outputs = model.network.inputs, model.network.outputs
    own = sum(p.numel() for p in model.network.parameters())
    transform = (outputs + 1) * inputs + 2 * inputs
    assert sum(p.numel() for p in model.parameters()) == own + transform + WORDS * (inputs + 1)


def test_perplexity_is_that_of_every_chosen_token_in_its_sequence():
    problem = random_problem(tokens=300)  # three sequences, the last one of 44 tokens
    torch.manual_seed(0)
    model = problem.model(network())
    nn.init.normal_(model.embedding.weight)  # far from uniform
    loss, perplexity = problem.evaluate(model, "test")
    masked, found = problem.parts["test"], []
    with torch.no_grad():
        for column in range(3):  # each sequence alone, every place of it
            every = torch.ones(LENGTH, 1, dtype=torch.bool)
            logits = model(masked.inputs[:, [column]], every).double().log_softmax(1)
            found += [float(row[t]) for row, t in zip(logits, masked.targets[:, column], strict=True) if t != IGNORED]
    assert len(found) == 45
    assert loss == pytest.approx(-np.mean(found), rel=1e-5)
    assert perplexity == pytest.approx(np.exp(-np.mean(found)), rel=1e-5)


def test_an_epoch_depends_on_its_seed_and_nothing_else():
    problem, states = random_problem(tokens=700), {}
    for seed in (0, 1, 0):
        torch.manual_seed(5)
        model = problem.model(network())
        torch.rand(seed + 1)
        problem.train_epoch(model, torch.optim.SGD(model.parameters(), 0.1), seed)
        state = torch.cat([p.detach().flatten() for p in model.parameters()])
        assert torch.equal(states.setdefault(seed, state), state)
    assert not torch.equal(states[0], states[1])


def test_the_gradient_is_clipped(monkeypatch):
    norms = []
    original = torch.optim.SGD.step

    def step(self, *args):
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        norms.append(float(torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients]))))
        return original(self, *args)

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    problem = random_problem(tokens=500)
    torch.manual_seed(0)
    model = problem.model(network())
    nn.init.normal_(model.embedding.weight, std=10)
    problem.train_epoch(model, torch.optim.SGD(model.parameters(), 0.1), seed=0)
    assert norms == pytest.approx([1.0] * 2, rel=1e-3)


# --- texts ----------------------------------------------------------------------------------------


def test_what_is_hidden_for_evaluation_depends_on_the_seed_alone():
    one, same, other = (load(PARAMS, seed, CPU) for seed in (0, 0, 1))
    for part in ("validation", "test"):
        assert torch.equal(one.parts[part].inputs, same.parts[part].inputs)
        assert not torch.equal(one.parts[part].inputs, other.parts[part].inputs)
        assert one.parts[part].inputs.max() == one.words  # what hides is above all words
    assert one.content == same.content == other.content


def test_words_that_the_others_of_a_sequence_tell_are_learnt(tmp_path):
    """Each line is one word, over and over: about as long as a sequence."""
    text = "".join(f"{' '.join([word] * 150)}\n" for word in "abcdefgh" * 2)
    problem = load(PARAMS | {"dataset": str(write(tmp_path / "texts", train=text)), "batch_size": 2}, 0, CPU)
    torch.manual_seed(0)
    model = problem.model(network(0.25))
    optimizer = make_optimizer(model, PARAMS | {"learning_rate": 0.003})
    before = problem.evaluate(model, "test")[1]
    for seed in range(20):
        problem.train_epoch(model, optimizer, seed)
    assert problem.evaluate(model, "test")[1] < 3 < 8 < before
