"""REINFORCE: a policy draws candidates, and makes those more likely that score above what was usual.

Source: Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning", 1992,
with two policies. The plain one has a logit for each value of each entry of an encoding, as in Dong and Yang,
"NAS-Bench-201", ICLR 2020: their factorised softmax, given that the candidate is in the pool and is a new one. With a
learned `encoding`, an LSTM reads the vector of the last candidate and names the next one by a Gaussian action, as in
Yan et al., "Does Unsupervised Architecture Representation Learning Help Neural Architecture Search?", NeurIPS 2020:
the nearest new candidate. Their public code has another baseline for each benchmark, near or above its best accuracy,
and vectors of any scale. Here vectors are standardised, the reward is the rank among all scores so far, and the
baseline is the moving average of earlier rewards: no scale of scores matters. Episodes (there 16) are shorter and steps
(there 0.01) longer, for a hundred evaluations have to do; chosen on other tasks than those of the studies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic

import numpy as np
import torch
from torch import Tensor, nn

from gennas.searches import driver
from gennas.searches.base import Candidate, Scores, SearchContext, Step
from gennas.searches.features import represent
from gennas.seeds import derive_seed
from gennas.spaces.common.encoding import one_hot
from gennas.stats import quantiles

DECLARATION = {
    "scores": True,
    "objectives": "one",
    "supernet": False,
    "options": {
        "episode": {"type": "integer", "minimum": 1, "description": "candidates between two updates, by default 8"},
        "encoding": {"type": "string", "description": "a learned encoding, in whose space to act"},
    },
    "optional": ["episode", "encoding"],
}
EPISODE = 8
#: Of Adam; and the weight of earlier rewards in the baseline.
PLAIN_RATE, LATENT_RATE = 0.6, 0.03
MOMENTUM = 0.9
WIDTH = 128


class Factorised(nn.Module):
    """P(row) is proportional to exp(sum of the logits of its values), over the new rows."""

    def __init__(self, encodings: np.ndarray, generator: torch.Generator) -> None:
        """`encodings` (N, values), one-hot."""
        super().__init__()
        self.values = torch.tensor(encodings, dtype=torch.float64)
        self.logits = nn.Parameter(torch.zeros(encodings.shape[1], dtype=torch.float64))
        self.generator = generator

    def log_likelihood(self, unseen: Tensor) -> Tensor:
        """Of every row (N,)."""
        return (self.values @ self.logits).masked_fill(~unseen, -torch.inf).log_softmax(dim=0)

    def draw(self, unseen: Tensor) -> tuple[int, Tensor]:
        """A row by its probability."""
        likelihood = self.log_likelihood(unseen)
        row = int(torch.multinomial(likelihood.detach().exp(), 1, generator=self.generator))
        return row, likelihood[row]

    def restart(self) -> None:
        """It has no memory."""


class Latent(nn.Module):
    """An LSTM from vector to vector."""

    def __init__(self, vectors: np.ndarray, generator: torch.Generator) -> None:
        """`vectors` (N, D), standardised."""
        super().__init__()
        self.vectors = torch.tensor(vectors, dtype=torch.float64)
        dimensions = vectors.shape[1]
        self.cell = nn.LSTMCell(dimensions, WIDTH).double()
        self.head = nn.Linear(WIDTH, dimensions).double()
        self.generator = generator
        self.last = int(torch.randint(len(vectors), (), generator=generator))
        self.state: tuple[Tensor, Tensor] | None = None

    def draw(self, unseen: Tensor) -> tuple[int, Tensor]:
        """The new row nearest to the action; its log-likelihood is the action's, but for a constant."""
        self.state = self.cell(self.vectors[None, self.last], self.state)
        mean = self.head(self.state[0])[0]  # (D,)
        action = mean.detach() + torch.randn(mean.shape, generator=self.generator, dtype=mean.dtype)
        distance = (self.vectors - action).square().sum(dim=1).masked_fill(~unseen, torch.inf)  # (N,)
        self.last = int(distance.argmin())
        return self.last, -(action - mean).square().sum() / 2

    def restart(self) -> None:
        """Forget all but the last candidate."""
        self.state = None


class Reinforce(Generic[Candidate]):
    """Updates a policy after each episode."""

    def __init__(self, pool: Sequence[Candidate], policy: Factorised | Latent, rate: float, episode: int) -> None:
        self.pool = pool
        self.policy = policy
        self.optimizer = torch.optim.Adam(policy.parameters(), rate)
        self.episode = episode
        self.unseen = torch.ones(len(pool), dtype=torch.bool)
        self.likelihoods: list[Tensor] = []  # of this episode's actions
        self.rewards: list[float] = []
        self.scores: list[float] = []
        self.baseline = 0.5

    def ask(self, count: int) -> list[Candidate]:
        """New candidates, at most as many as end the episode; none if all have been evaluated."""
        rows = []
        for _ in range(min(count, self.episode - len(self.likelihoods), int(self.unseen.sum()))):
            row, likelihood = self.policy.draw(self.unseen)
            self.unseen[row] = False
            self.likelihoods.append(likelihood)
            rows.append(row)
        return [self.pool[row] for row in rows]

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[Scores]) -> None:
        """Learn, if this ends the episode."""
        self.scores += [score for score, *_ in scores]
        ranks = quantiles(np.array(self.scores))
        self.rewards += ranks[-len(candidates) :].tolist()
        if len(self.rewards) == self.episode:
            self._update()

    def _update(self) -> None:
        """One step along the mean of (reward - baseline) grad log-likelihood."""
        advantages = []
        for reward in self.rewards:
            advantages.append(reward - self.baseline)
            self.baseline = MOMENTUM * self.baseline + (1 - MOMENTUM) * reward
        loss = -(torch.stack(self.likelihoods) * torch.tensor(advantages)).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.policy.restart()
        self.likelihoods, self.rewards = [], []


def run(context: SearchContext) -> Iterator[Step]:
    """Search with the policy that suits the encoding."""
    episode, pool = context.options.get("episode", EPISODE), context.candidates.pool(context.rng)
    features = represent(context, pool)
    generator = torch.Generator().manual_seed(derive_seed(context.seed, "actions"))
    if context.vectors is None:
        search = Reinforce(pool, Factorised(one_hot(features), generator), PLAIN_RATE, episode)
    else:
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(derive_seed(context.seed, "weights"))
            search = Reinforce(pool, Latent(features, generator), LATENT_RATE, episode)
    return driver.search(search, context)
