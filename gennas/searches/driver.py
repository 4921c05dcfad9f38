"""The loop around a search of the ask/tell form, for searches of architectures and of tasks alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gennas.searches.base import Candidate, Scores, SearchContext, Searcher, Step


def ask_tell(
    searcher: Searcher[Candidate],
    score: Callable[[Sequence[Candidate]], Sequence[Scores]],
    evaluations: int,
    batch: int = 1,
) -> Iterator[tuple[Candidate, Scores, Candidate]]:
    """Yield (candidate, scores, best candidate so far) for each evaluation; `batch` of them are scored together.

    It ends early when the searcher has nothing left to ask for. The best has the highest first score, the first of
    equals; further objectives decide between equal ones. A searcher that evaluates what may not be the answer says so
    by `eligible(candidate)`: that is then worse than anything else.
    """
    eligible: Callable[[Candidate], bool] = getattr(searcher, "eligible", lambda candidate: True)
    best: tuple[tuple[bool, Scores], Candidate] | None = None
    done = 0
    while done < evaluations:
        candidates = searcher.ask(min(batch, evaluations - done))
        if not candidates:
            return
        scores = score(candidates)
        searcher.tell(candidates, scores)
        done += len(candidates)
        for candidate, own in zip(candidates, scores, strict=True):
            rank = eligible(candidate), own
            if best is None or rank > best[0]:
                best = rank, candidate
            yield candidate, own, best[1]


def search(searcher: Searcher[Candidate], context: SearchContext) -> Iterator[Step]:
    """The steps of a searcher of architectures, within the context's budget."""
    to_id = context.candidates.to_id

    def score(candidates: Sequence[Candidate]) -> Sequence[Scores]:
        return context.score([to_id(candidate) for candidate in candidates])

    for candidate, scores, best in ask_tell(searcher, score, context.evaluations, context.batch):
        yield Step(to_id(candidate), scores, to_id(best))
