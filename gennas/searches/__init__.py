"""Searches: how the next candidate is chosen.

`AgeingEvolution` and `RandomSearch` have `ask()` and `tell(candidate, score)`, and know nothing of what they search:
they are given functions that draw and mutate. `Neighbours` makes these for a table of architectures. `nasi` is a search
of another kind, by a supernet.
"""

from gennas.searches.ageing_evolution import AgeingEvolution
from gennas.searches.base import Search
from gennas.searches.neighbours import Neighbours
from gennas.searches.random_search import RandomSearch

__all__ = ["AgeingEvolution", "Neighbours", "RandomSearch", "Search"]
