"""What a search is."""

from __future__ import annotations

from typing import Protocol, TypeVar

Candidate = TypeVar("Candidate")


class Search(Protocol[Candidate]):
    """Ask for a candidate, evaluate it, tell its score (higher is better); repeat."""

    def ask(self) -> Candidate:
        """The next candidate to evaluate."""

    def tell(self, candidate: Candidate, score: float) -> None:
        """The score of a candidate that was asked for."""
