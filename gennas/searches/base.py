"""What a search is given and what it yields; and the ask/tell form that most searches have inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

    from gennas import scoring
    from gennas.files.checkpoints import Checkpoint
    from gennas.searches.candidates import Candidates
    from gennas.searches.constraints import Constraints

Candidate = TypeVar("Candidate")
#: One number per objective, higher is better.
Scores = tuple[float, ...]


class Step(NamedTuple):
    """What a search did: the architecture that it evaluated, its scores, and the search's answer so far."""

    architecture: str
    scores: Scores
    answer: str


class Searcher(Protocol[Candidate]):
    """Ask for candidates, evaluate them, tell their scores; repeat."""

    def ask(self, count: int) -> list[Candidate]:
        """The next candidates to evaluate: `count` of them, or fewer; none when there is nothing left to try."""

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[Scores]) -> None:
        """The scores of the candidates that were asked for last."""


def _no_scores(architectures: Sequence[str]) -> list[Scores]:
    raise AssertionError("a search that declares to need no scores asked for some")


@dataclass(frozen=True)
class SearchContext:
    """Everything that a run of a search may use."""

    candidates: Candidates
    seed: int
    options: Mapping[str, Any]  # what the search's DECLARATION names
    score: Callable[[Sequence[str]], Sequence[Scores]] = _no_scores
    #: Costs by the position of the objective: their scores of any architectures, which need no evaluation.
    known: Mapping[int, Callable[[Sequence[str]], Sequence[float]]] = field(default_factory=dict)
    evaluations: int = 0  # how many architectures are scored, counted as often as each is asked for
    batch: int = 1  # asked for, then scored together
    prior: Mapping[str, float] | None = None  # label-free scores of some architectures, by id; higher is better
    vectors: Mapping[str, np.ndarray] | None = None  # a learned encoding, by id
    constraints: Constraints | None = None  # the candidates meet them, unless the search looks at them itself
    protocol: scoring.Protocol | None = None  # of the networks that a search builds itself
    device: torch.device | None = None
    supernet: Callable[[], Any] | None = None  # the space's, of the protocol's size, initialised anew
    images: np.ndarray | None = None  # unlabelled, uint8 (N, H, W, 3), for a supernet that is trained without labels
    checkpoint: Checkpoint | None = None  # of a supernet's training, which may have begun before
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rng", np.random.default_rng(self.seed))
