"""Constraints: bounds on what an architecture may cost, whatever it scores.

In params.yaml a bound is a number, or a quantile of the costs of architectures drawn at random:

    constraints: { parameters: { at_most: 500000 }, intensity: { quantile_at_least: 0.5 } }

Most searches are given only candidates that keep to them (`Feasible`). Those that grow architectures meet smaller ones
on the way, and look at the violations themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gennas import costs
from gennas.errors import InputError
from gennas.seeds import derive_seed

if TYPE_CHECKING:
    from gennas.searches.candidates import Candidates
    from gennas.spaces import Space

BOUNDS = {"at_most", "at_least", "quantile_at_most", "quantile_at_least"}
#: Architectures drawn to know a space's quantiles, and that anything meets the constraints.
SAMPLE = 256
#: Draws, or mutations, of a candidate that meets them before there is taken to be none.
PATIENCE = 1000


class Constraints:
    """Bounds on costs; `costs` gives those that they name, of architectures by their ids: (n, bounds)."""

    def __init__(
        self,
        section: Mapping[str, Mapping[str, float]],
        costs: Callable[[Sequence[str]], np.ndarray],
        sample: Sequence[str],
    ) -> None:
        """`sample` are ids of architectures drawn at random. Raises InputError if none of them meets the bounds."""
        self.costs = costs
        drawn = costs(sample)
        self.least = np.array([_bound(own, "at_least", drawn[:, i]) for i, own in enumerate(section.values())])
        self.most = np.array([_bound(own, "at_most", drawn[:, i]) for i, own in enumerate(section.values())])
        if section and not self.met(sample).any():
            bounds = zip(section, self.least, self.most, strict=True)
            said = ", ".join(f"{low:.6g} <= {name} <= {high:.6g}" for name, low, high in bounds)
            raise InputError(
                f"constraints: none of {len(sample)} architectures drawn at random meets {said}; loosen them"
            )

    def excess(self, ids: Sequence[str]) -> np.ndarray:
        """How far each cost (n, bounds) is above its bound, relative to it; 0 where it keeps to it."""
        excess: np.ndarray = np.maximum(0, self.costs(ids) / self.most - 1)
        return excess

    def met(self, ids: Sequence[str]) -> np.ndarray:
        """Whether each architecture (n,) keeps to all bounds."""
        costs = self.costs(ids)
        within = (self.least <= costs) & (costs <= self.most)
        return np.asarray(within.all(axis=1))


def _bound(section: Mapping[str, float], side: str, drawn: np.ndarray) -> float:
    """One side of a cost's bounds: infinitely far where there is none."""
    if (quantile := section.get(f"quantile_{side}")) is not None:
        return float(np.quantile(drawn, quantile))
    return float(section.get(side, -np.inf if side == "at_least" else np.inf))


def find(
    section: Mapping[str, Mapping[str, float]],
    space: Space,
    candidates: Candidates,
    seed: int,
    constants: costs.Constants | None = None,
) -> Constraints:
    """The constraints of a section of params.yaml on the candidates, of which `SAMPLE` are drawn with the seed.

    `constants` are those of costs, by their modules.
    Raises InputError for a cost or bound that there is not, and if none of the sample meets the constraints.
    """
    if not section:
        return UNCONSTRAINED
    for name, own in section.items():
        costs.kind_of(name)
        if unknown := own.keys() - BOUNDS:
            raise InputError(f"constraints.{name}: {min(unknown)!r} is no bound; give {', '.join(sorted(BOUNDS))}")
    rng = np.random.default_rng(derive_seed(seed, "constraints"))
    sample = [candidates.to_id(candidates.draw(rng)) for _ in range(SAMPLE)]
    return Constraints(section, costs.Costs(space, list(section), constants), sample)


def keep(candidates: Candidates, constraints: Constraints, declared: Mapping[str, Any]) -> Candidates:
    """The candidates of a search: feasible ones, unless its DECLARATION says that it looks at constraints itself."""
    free = constraints is UNCONSTRAINED or declared.get("growth")
    return candidates if free else Feasible(candidates, constraints)


#: No bounds.
UNCONSTRAINED = Constraints({}, lambda ids: np.empty((len(ids), 0)), [])


class Feasible:
    """The candidates that meet constraints."""

    def __init__(self, candidates: Candidates, constraints: Constraints) -> None:
        self.candidates = candidates
        self.constraints = constraints
        self.encode = candidates.encode
        self.to_id = candidates.to_id
        self.from_id = candidates.from_id  # of infeasible ones, too: what is known of them may be learned from

    def _among(self, candidates: Sequence[Any]) -> list[Any]:
        met = self.constraints.met([self.to_id(candidate) for candidate in candidates])
        return [candidate for candidate, own in zip(candidates, met, strict=True) if own]

    def _first(self, make: Callable[[], Any]) -> list[Any]:
        """The first that is made, if any."""
        for _ in range(PATIENCE):
            if found := self._among([make()]):
                return found
        return []

    def draw(self, rng: np.random.Generator) -> Any:
        """A random one."""
        if found := self._first(lambda: self.candidates.draw(rng)):
            return found[0]
        raise InputError(f"constraints: none of {PATIENCE} architectures drawn at random meets them; loosen them")

    def mutate(self, candidate: Any, rng: np.random.Generator) -> Any:
        """One that resembles the given one; a random one if there is none."""
        return (self._first(lambda: self.candidates.mutate(candidate, rng)) or [self.draw(rng)])[0]

    def neighbours(self, candidate: Any, rng: np.random.Generator) -> list[Any]:
        """Those of the neighbours, in random order."""
        return self._among(self.candidates.neighbours(candidate, rng))

    def pool(self, rng: np.random.Generator, twins: bool = False) -> list[Any]:
        """Those of the pool, the costs of all of which are measured."""
        return self._among(self.candidates.pool(rng, twins))
