"""Searches: how the next candidate is chosen.

`AgeingEvolution` and `RandomSearch` have `ask()` and `tell(candidate, score)`, and know nothing of what they search:
they are given functions that draw and mutate. `Neighbours` makes these for a table of architectures. `nasi` is a search
of another kind, by a supernet.
"""

from stages.search.ageing_evolution import AgeingEvolution
from stages.search.base import Search
from stages.search.neighbours import Neighbours
from stages.search.random_search import RandomSearch

__all__ = ["AgeingEvolution", "Neighbours", "RandomSearch", "Search"]
