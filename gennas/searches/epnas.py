"""EPNAS: a policy grows architectures, a predictor chooses which of its proposals to evaluate; a reconstruction.

Source: Zhou et al., "EPNAS: Efficient Progressive Neural Architecture Search", BMVC 2019; not the paper of the same
short name by Perez-Rua et al., "Efficient Progressive Neural Architecture Search", BMVC 2018. Of the text only abstract
and first page could be had, and there is no public code. From these: a progressive search by REINFORCE with performance
prediction, several architectures in parallel, under several constraints (size, computation, compute intensity). All
else is reconstruction:

- The policy is an LSTM that reads the encoding of a partial architecture and gives a logit to each value of each
  feature. The probability of an expansion is the softmax, over those that are allowed, of the sum of its values'.
- Each batch is the best-predicted of `PROPOSALS` draws from the policy and, for a share, plain draws. As what a
  predictor selected is no sample of the policy, REINFORCE learns from the plain draws alone, with the predicted reward
  Q as control variate: grad E[Q] + (R - Q) grad log p. Its mean is grad E[R] whatever Q is; the first term is exact.
- Rewards, levels and the predictor are those of `gennas.searches.growth`; weights are not shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gennas.searches import driver
from gennas.searches.base import Scores, SearchContext, Step
from gennas.searches.growth import Beam, Growth
from gennas.seeds import derive_seed

DECLARATION = {"scores": True, "objectives": "one", "supernet": False, "growth": True, "options": {}}
#: Draws from the policy of which a batch is selected.
PROPOSALS = 64
#: The share of a batch that is drawn from the policy and not selected.
PLAIN = 0.2
LEARNING_RATE = 0.01
#: Weight of the policy's entropy at first; it falls to zero with the evaluations that are left.
ENTROPY = 0.01
#: Different integers that a feature may have, from -128 to 127.
VALUES = 256
HIDDEN = 64


class Policy(nn.Module):
    """The probabilities of the expansions of partial architectures. At first all are alike."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VALUES, HIDDEN)
        self.lstm = nn.LSTM(HIDDEN, HIDDEN)
        self.readout = nn.Linear(HIDDEN, features * VALUES)
        for parameter in self.readout.parameters():
            nn.init.zeros_(parameter)

    def forward(self, prefix: Sequence[int], expansions: np.ndarray) -> Tensor:
        """Log-probabilities (n,) of expansions (n, features) of a partial architecture (features,), all encoded."""
        tokens = torch.tensor(prefix) + VALUES // 2
        hidden, _ = self.lstm(self.embedding(tokens))  # (features, HIDDEN)
        table = self.readout(hidden[-1]).view(-1, VALUES)  # (features, VALUES)
        values = torch.from_numpy(expansions).long() + VALUES // 2  # (n, features)
        logits = table[torch.arange(len(table)), values].sum(dim=1)
        return torch.log_softmax(logits, dim=0)


def surrogate(
    log_p: Sequence[Tensor], expected: Sequence[Tensor], drawn: Sequence[Tensor], residuals: Sequence[float]
) -> Tensor:
    """What has the gradient of the policy's mean reward.

    Of each parent, log-probabilities of its expansions (n,) and their predicted rewards, less the baseline (n,); of
    each plain draw, log-probability, and reward less predicted reward.
    """
    exact = torch.stack([(log.exp() * own).sum() for log, own in zip(log_p, expected, strict=True)]).mean()
    sampled = [log * residual for log, residual in zip(drawn, residuals, strict=True)]
    return exact + torch.stack(sampled).mean() if sampled else exact


class Epnas:
    """A policy, what it proposed last, and the growing architectures."""

    def __init__(self, context: SearchContext) -> None:
        self.growth = Growth(context)
        self.eligible = self.growth.eligible
        self.rng = context.rng
        self.evaluations = context.evaluations
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(derive_seed(context.seed, "policy"))
            self.policy = Policy(len(self.growth.encode([self.growth.space.ROOT])[0]))
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=LEARNING_RATE, maximize=True)
        self.beam: Beam = []
        self.expected: list[np.ndarray] = []  # predicted rewards of the beam's expansions
        self.plain: list[tuple[int, int]] = []  # plain draws: which parent, which of its expansions

    def ask(self, count: int) -> list[Any]:
        """Some plain draws from the policy, and the best-predicted of its proposals."""
        self.beam = self.growth.beam()
        if not self.beam:
            return []
        count = self.growth.limit(count)
        self.expected = [self.growth.predicted_rewards(expansions) for _, expansions in self.beam]
        self.plain = self._draw(int(self.rng.binomial(count, PLAIN)))
        asked = list(dict.fromkeys(self.beam[i][1][j] for i, j in self.plain))
        proposals = sorted(self._draw(PROPOSALS), key=lambda draw: -self.expected[draw[0]][draw[1]])
        proposed = dict.fromkeys(self.beam[i][1][j] for i, j in proposals)
        return [*asked, *(one for one in proposed if one not in asked)][:count]

    def log_probabilities(self) -> list[Tensor]:
        """Of the expansions of each parent in the beam."""
        encode = self.growth.encode
        return [self.policy(encode([parent])[0], encode(expansions)) for parent, expansions in self.beam]

    def _draw(self, count: int) -> list[tuple[int, int]]:
        """Draws from the policy, each of any parent."""
        with torch.no_grad():
            probabilities = [log_p.exp().double().numpy() for log_p in self.log_probabilities()]
        parents = self.rng.integers(len(self.beam), size=count)
        return [(i, int(self.rng.choice(len(p), p=p / p.sum()))) for i in parents for p in [probabilities[i]]]

    def tell(self, architectures: Sequence[Any], scores: Sequence[Scores]) -> None:
        """Improve the policy by what was plainly drawn, then the predictor by everything."""
        before = list(self.growth.found)
        self.growth.tell(architectures, scores)
        baseline = self.growth.rewards(before).mean() if before else 0.5
        received = self.growth.rewards([self.beam[i][1][j] for i, j in self.plain])
        self.update(baseline, received)

    def update(self, baseline: float, received: np.ndarray) -> None:
        """A step up the gradient of the mean reward, and of the entropy."""
        log_p = self.log_probabilities()
        expected = [torch.from_numpy(own - baseline) for own in self.expected]
        residuals = received - [self.expected[i][j] for i, j in self.plain]
        drawn = [log_p[i][j] for i, j in self.plain]
        entropy = -torch.stack([(log.exp() * log).sum() for log in log_p]).mean()
        left = 1 - len(self.growth.found) / self.evaluations
        self.optimizer.zero_grad()
        (surrogate(log_p, expected, drawn, residuals) + ENTROPY * left * entropy).backward()
        self.optimizer.step()


def run(context: SearchContext) -> Iterator[Step]:
    """Grow by the policy."""
    return driver.search(Epnas(context), context)
