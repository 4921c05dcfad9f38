"""Searches: how the next candidate is chosen. Each has `ask()` and `tell(candidate, score)`.

A search knows nothing of what it searches: it is given functions that draw and mutate.
"""

from stages.search.ageing_evolution import AgeingEvolution
from stages.search.base import Search
from stages.search.neighbours import Neighbours
from stages.search.random_search import RandomSearch

__all__ = ["AgeingEvolution", "Neighbours", "RandomSearch", "Search"]
