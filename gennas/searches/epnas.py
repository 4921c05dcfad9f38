"""EPNAS: a policy grows architectures, a predictor chooses which of its proposals to evaluate; a reconstruction.

Source: Zhou et al., "EPNAS: Efficient Progressive Neural Architecture Search", BMVC 2019; not the paper of the same
short name by Perez-Rua et al., "Efficient Progressive Neural Architecture Search", BMVC 2018. Of the text only abstract
and first page could be had, and there is no public code. From these: a progressive search by REINFORCE with performance
prediction, several architectures in parallel, under several constraints (size, computation, compute intensity). All
else is reconstruction:

- The policy is an LSTM that reads the encoding of a partial architecture and gives a logit to each value of each
  feature. The probability of an expansion is the softmax, over those that are allowed, of the sum of its values'.
- An architecture of a level is drawn from the root, expansion by expansion, so that no beam keeps to what was good when
  it was small. Each batch is the best-predicted of `PROPOSALS` draws and, for a share, plain draws. As what a predictor
  selected is no sample of the policy, REINFORCE learns rewards R from the plain draws alone, with the predicted reward
  Q as control variate: the mean of (Q - b) grad log p over all draws, and of (R - Q) grad log p over plain ones. What
  that estimates is grad E[R], whatever Q and the baseline b are, which is the mean reward of the batches before.
- The last step of a draw leads to what has not been evaluated and, if complete, meets the constraints. Where there is
  nothing of that kind, the draw ends without a reward.
- Rewards, levels and the predictor are those of `gennas.searches.growth`; weights are not shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gennas.searches import driver
from gennas.searches.base import Scores, SearchContext, Step
from gennas.searches.growth import Growth
from gennas.seeds import derive_seed

DECLARATION = {"scores": True, "objectives": "one", "supernet": False, "growth": True, "options": {}}
#: Draws from the policy of which a batch is selected.
PROPOSALS = 256
#: How often they are drawn until one of them is worth an evaluation.
PATIENCE = 20
#: The share of a batch that is drawn and not selected.
PLAIN = 0.1
LEARNING_RATE = 0.003
#: Weight of the policy's entropy, of a step, at first; it falls to zero with the evaluations that are left.
ENTROPY = 0.01
#: Different integers that a feature may have, from -128 to 127.
VALUES = 256
HIDDEN = 64

#: The architectures of each level on the way from the root, which is the first of them.
Path = tuple[Any, ...]


class Policy(nn.Module):
    """The probabilities of the expansions of partial architectures. At first all are alike."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VALUES, HIDDEN)
        self.lstm = nn.LSTM(HIDDEN, HIDDEN)
        self.readout = nn.Linear(HIDDEN, features * VALUES)
        for parameter in self.readout.parameters():
            nn.init.zeros_(parameter)
        self.double()  # sums in another order, on other threads, then hardly change a draw

    def forward(self, prefixes: np.ndarray, expansions: Sequence[np.ndarray]) -> list[Tensor]:
        """Log-probabilities (n,) of the expansions (n, features) of each prefix (prefixes, features), all encoded."""
        tokens = torch.from_numpy(prefixes).T + VALUES // 2  # (features, prefixes)
        hidden, _ = self.lstm(self.embedding(tokens))  # (features, prefixes, HIDDEN)
        tables = self.readout(hidden[-1]).view(len(prefixes), -1, VALUES)  # (prefixes, features, VALUES)
        feature = torch.arange(len(tokens))
        values = [torch.from_numpy(own) + VALUES // 2 for own in expansions]  # each (n, features)
        logits = [table[feature, own].sum(dim=1) for table, own in zip(tables, values, strict=True)]
        return [torch.log_softmax(own, dim=0) for own in logits]


def surrogate(log_p: Tensor, predicted: Tensor, residuals: Tensor) -> Tensor:
    """What has the gradient of the policy's mean reward, of draws (n,): log-probabilities and predicted rewards.

    The baseline is subtracted from these. The first draws, (k,), are plain: their `residuals` are R - Q.
    """
    plain = log_p[: len(residuals)] * residuals
    return (log_p * predicted).mean() + plain.sum() / max(1, len(plain))


class Epnas:
    """A policy, what it drew last, and what has been evaluated."""

    def __init__(self, context: SearchContext) -> None:
        self.growth = Growth(context)
        self.eligible = self.growth.eligible
        self.rng = context.rng
        self.evaluations = context.evaluations
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(derive_seed(context.seed, "policy"))
            self.policy = Policy(len(self.growth.space.encode(self.growth.space.ROOT)))
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=LEARNING_RATE, maximize=True)
        self.legal = cache(self._legal)
        self.drawn: list[Path] = []
        self.ends: dict[int, Any] = {}  # what was drawn, but where there was nothing
        self.expected = np.empty(0)  # predicted rewards of what was drawn
        self.plain = 0  # how many of the draws count as they are

    def ask(self, count: int) -> list[Any]:
        """Some plain draws from the policy, and the best-predicted of the others."""
        growth = self.growth
        if growth.room() <= 0:
            growth.ascend()
        while not self._draw() and not growth.last:
            growth.ascend()
        if not self.ends:
            growth.check()
        count = growth.limit(count)
        self.plain = int(self.rng.binomial(count, PLAIN))
        order = [*range(self.plain), *np.argsort(-self.expected, kind="stable")]
        return growth.fresh(self.ends[i] for i in order if i in self.ends)[:count]

    def _draw(self) -> bool:
        """Draw paths, until one of them does not lead to a dead end."""
        self.legal.cache_clear()  # more is known
        for _ in range(PATIENCE):
            self.drawn = self.draw(PROPOSALS)
            self.ends = {i: path[-1] for i, path in enumerate(self.drawn) if len(path) > self.growth.level}
            if self.ends:
                break
        self.expected = np.zeros(PROPOSALS)
        self.expected[list(self.ends)] = self.growth.predicted_rewards(list(self.ends.values()))
        return bool(self.ends)

    def _legal(self, prefix: Any, level: int) -> list[Any]:
        """What may be drawn next: any expansion on the way, but in the end what is worth an evaluation."""
        growth = self.growth
        return growth.grown(prefix) if level == growth.level - 1 else growth.expansions(prefix, level)

    def draw(self, count: int) -> list[Path]:
        """Paths from the root to architectures of this level, or to where nothing is legal any more."""
        paths: list[Path] = [(self.growth.space.ROOT,)] * count
        for level in range(self.growth.level):
            with torch.no_grad():
                steps = {prefix: log_p.exp().numpy() for prefix, log_p in self.steps(paths, level).items()}
            paths = [(*path, *self._step(path[level:], level, steps)) for path in paths]
        return paths

    def _step(self, prefix: Path, level: int, steps: Mapping[Any, np.ndarray]) -> list[Any]:
        """A random expansion of what a path ends with at this level; none where it has ended, or now does."""
        return [
            self.legal(one, level)[int(self.rng.choice(len(p), p=p / p.sum()))]
            for one in prefix
            if (p := steps.get(one)) is not None
        ]

    def steps(self, paths: Sequence[Path], level: int) -> dict[Any, Tensor]:
        """The log-probabilities of the legal expansions of each architecture of a level that paths pass."""
        passed = dict.fromkeys(path[level] for path in paths if len(path) > level)
        prefixes = [prefix for prefix in passed if self.legal(prefix, level)]
        if not prefixes:
            return {}
        encode = self.growth.encode
        log_p = self.policy(encode(prefixes), [encode(self.legal(prefix, level)) for prefix in prefixes])
        return dict(zip(prefixes, log_p, strict=True))

    def log_probabilities(self, paths: Sequence[Path]) -> tuple[Tensor, Tensor]:
        """Of paths (n,), and the entropies (n,) of all their steps."""
        log_p: list[Any] = [torch.zeros((), dtype=torch.double)] * len(paths)
        entropy = list(log_p)
        for level in range(self.growth.level):
            steps = self.steps(paths, level)
            entropies = {prefix: -(own.exp() * own).sum() for prefix, own in steps.items()}
            for i, path in enumerate(paths):
                if len(path) > level + 1:
                    log_p[i] = log_p[i] + steps[path[level]][self.legal(path[level], level).index(path[level + 1])]
                    entropy[i] = entropy[i] + entropies[path[level]]
        return torch.stack(log_p), torch.stack(entropy)

    def tell(self, architectures: Sequence[Any], scores: Sequence[Scores]) -> None:
        """Improve the policy by what was drawn, the predictor by all that has been evaluated."""
        before = list(self.growth.found)
        self.growth.tell(architectures, scores)
        baseline = self.growth.rewards(before).mean() if before else 0.5
        log_p, entropy = self.log_probabilities(self.drawn)
        gain = surrogate(log_p, torch.from_numpy(self.expected - baseline), torch.from_numpy(self._residuals()))
        left = 1 - len(self.growth.found) / self.evaluations
        self.optimizer.zero_grad()
        (gain + ENTROPY * left * entropy.mean()).backward()
        self.optimizer.step()

    def _residuals(self) -> np.ndarray:
        """Of the plain draws (k,), the reward less the predicted one; zero of dead ends, whose reward is zero."""
        found = {i: self.ends[i] for i in range(self.plain) if self.ends.get(i) in self.growth.found}
        residuals = np.zeros(self.plain)
        residuals[list(found)] = self.growth.rewards(list(found.values())) - self.expected[list(found)]
        return residuals


def run(context: SearchContext) -> Iterator[Step]:
    """Grow by the policy."""
    return driver.search(Epnas(context), context)
