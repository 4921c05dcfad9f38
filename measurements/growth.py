"""How searches that grow architectures do under constraints, on NAS-Bench-201; prints the tables of docs/growth.md.

`python -m measurements.growth` needs the source `nasbench201` (GENNAS_MIRROR) and takes a few minutes. A search sees
the validation accuracy of each cell that it evaluates; regret is against the best feasible one of the same column.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gennas import catalogue, load_benchmark
from gennas.searches import constraints
from gennas.searches.base import SearchContext
from gennas.searches.candidates import OfSpace
from gennas.searches.constraints import Constraints
from gennas.seeds import derive_seed
from gennas.spaces import nasbench201
from gennas.stats import spearman

BASE, RUNS, EVALUATIONS, BATCH = 2021, 20, 100, 10
SECTION = {
    "parameters": {"quantile_at_most": 0.5},
    "flops": {"quantile_at_most": 0.5},
    "intensity": {"quantile_at_least": 0.5},
}
SEARCHES: Mapping[str, Mapping[str, Any]] = {
    "random_search": {}, "ageing_evolution": {"population": 20, "tournament": 5}, "pnas": {}, "epnas": {},
}  # fmt: skip
CELLS = nasbench201.all_architectures()
Truth = Mapping[str, float]


def of_networks(truth: Truth) -> Truth:
    """Each cell's mean over all cells that are the same network, which the benchmark trained one by one."""
    names = defaultdict(list)
    for cell in CELLS:
        names[nasbench201.canonical(cell)].append(truth[nasbench201.to_id(cell)])
    return {nasbench201.to_id(cell): float(np.mean(names[nasbench201.canonical(cell)])) for cell in CELLS}


def regrets(kind: str, truth: Truth, bounds: Constraints, best: float, repetition: int) -> list[float]:
    """The regret of a run's answer after each evaluation."""
    seed = derive_seed(BASE, "search_architecture", kind, repetition)
    candidates = constraints.keep(OfSpace(nasbench201), bounds, catalogue.declaration("searches", kind))
    context = SearchContext(
        candidates, seed, SEARCHES[kind], lambda ids: [(truth[one],) for one in ids],
        evaluations=EVALUATIONS, batch=BATCH, constraints=bounds,
    )  # fmt: skip
    return [best - truth[step.answer] for step in catalogue.load_module("searches", kind).run(context)]


def rows(truth: Truth, bounds: Constraints, best: float) -> Iterator[str]:
    """A line per search: mean regrets, the standard error of the last, and how many runs found the best."""
    for kind in SEARCHES:
        found = np.array([regrets(kind, truth, bounds, best, run) for run in range(RUNS)])  # (runs, evaluations)
        means = " | ".join(f"{found[:, at - 1].mean():.3f}" for at in (20, 50, 100))
        last = found[:, -1]
        yield f"{kind} | {means} | {last.std(ddof=1) / RUNS**0.5:.3f} | {(last < 1e-9).sum()} of {RUNS}"


def prefixes(truth: Truth, allowed: Mapping[str, bool]) -> Iterator[str]:
    """By level, rho of a partial cell's own accuracy with that of its best allowed completion."""
    levels = [[nasbench201.ROOT]]
    for level in range(nasbench201.LEVELS):
        levels.append([child for prefix in levels[-1] for child in nasbench201.expansions(prefix, level)])
    best = {cell: truth[name] if allowed[name] else -np.inf for cell in CELLS for name in [nasbench201.to_id(cell)]}
    for level in (2, 1):
        best = {p: max(best[child] for child in nasbench201.expansions(p, level)) for p in levels[level]}
        completed = [prefix for prefix in levels[level] if np.isfinite(best[prefix])]
        own = np.array([truth[nasbench201.to_id(prefix)] for prefix in completed])
        yield f"level {level}: rho {spearman(own, np.array([best[p] for p in completed])):.2f} of {len(completed)}"


def main() -> None:
    table = load_benchmark("nasbench201", "nasbench201")
    ids = [nasbench201.to_id(cell) for cell in CELLS]
    bounds = constraints.find(SECTION, nasbench201, OfSpace(nasbench201), BASE)
    met = dict(zip(ids, bounds.met(ids).tolist(), strict=True))
    networks = {nasbench201.canonical(cell) for cell in CELLS if met[nasbench201.to_id(cell)]}
    print(f"feasible: {sum(met.values())} cells, {len(networks)} networks")
    for target in table.targets:
        cells = dict(zip(table.ids, table.quality(target).tolist(), strict=True))
        for title, truth in (("networks", of_networks(cells)), ("cells", cells)):
            best = max(truth[name] for name in ids if met[name])
            print(f"{target}, {title}:", *rows(truth, bounds, best), sep="\n")
            print("all:", *prefixes(truth, dict.fromkeys(ids, True)), "| feasible:", *prefixes(truth, met))


if __name__ == "__main__":
    main()
