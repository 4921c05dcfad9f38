"""Search for the best architecture, as what `by` names sees it: a proxy, an aggregate or the benchmark.

Each run of each search is a unit, a job of its own. The candidates are those of the space, or only those that the
benchmark trained (`candidates`), where a mutation is a step to one that resembles its parent. Unless `by` names it, no
search sees the ground truth: the benchmark says afterwards, when the units are gathered, how good each answer is: its
target (or the column that the search asked for), its rank, its regret against the optimum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from gennas import catalogue, spaces
from gennas.data.images import unlabelled
from gennas.devices import made_with, prepare
from gennas.errors import InputError
from gennas.files.checkpoints import Checkpoint
from gennas.regression.genes import load_task
from gennas.scoring import Protocol
from gennas.searches import constraints
from gennas.searches.base import SearchContext
from gennas.searches.candidates import Candidates, OfSpace, OfTable
from gennas.searches.constraints import Constraints
from gennas.searches.halving import Halving
from gennas.seeds import derive_seed, rng
from stages.support import artifacts, fronts
from stages.support import scores as tables
from stages.support.command import run, track
from stages.support.fronts import Known
from stages.support.ground_truth import regret_csv
from stages.support.inputs import read_ground_truth
from stages.support.objectives import Objectives, Sources, open_workers
from stages.support.sources import fingerprint, loaded_sources

Row = dict[str, Any]
#: What the benchmark says of an answer.
JUDGED = ("best_value", "best_rank", "regret")

#: Unlabelled images on which a supernet learns a task, and their pixels. The proxies' few it would know by heart.
IMAGES, SIDE = 1024, 32


def find_candidates(candidates: str, space: str, benchmark: Sequence[Path], columns: Iterable[str]) -> Candidates:
    """The architectures of the `space`, or those of which the `benchmark` knows all of some columns."""
    if candidates == "space":
        return OfSpace(spaces.load(space))
    table = artifacts.read_parquet(benchmark[0], artifacts.BENCHMARK)
    for column in columns:
        artifacts.target(table, column, benchmark[0])
        table = table.filter(pc.is_valid(table[column]))
    if len(table) < 2:
        raise InputError("params.yaml: search_architecture.candidates: a table of one architecture; search the space")
    ids = table["architecture"].to_pylist()
    found = spaces.load(space)
    canonical = spaces.canonical(found)
    networks = [canonical(spaces.parse(found, architecture)) for architecture in ids]
    return OfTable(np.array(table["encoding"].to_pylist(), np.int8), ids, networks)


def read_prior(files: Sequence[Path], name: str) -> dict[str, float]:
    """The label-free scores of the evaluated sample, by id: of a proxy, or of an aggregate."""
    own = tables.by_proxy(tables.read(files))[name]
    return dict(zip(own.architectures, own.mean.tolist(), strict=True))


def read_vectors(files: Sequence[Path], name: str) -> dict[str, np.ndarray]:
    """The vectors (D,) of a learned encoding, by id."""
    table = artifacts.read_parquet(files[0], artifacts.VECTORS)
    own = table.filter(pc.equal(table["encoding"], name))
    return dict(zip(own["architecture"].to_pylist(), own["vector"].to_numpy(), strict=True))


def make_halving(search: Mapping[str, Any], objectives: Sequence[Mapping[str, Any]]) -> Halving | None:
    """Successive halving of a proxy's trainings, if asked for."""
    if "halving" not in search:
        return None
    window = objectives[0]["proxy"]["protocol"]["readout_window"]
    return Halving(search["halving"]["rungs"], window, search["halving"]["minimum"])


@contextmanager
def named(search: Mapping[str, Any], name: str) -> Iterator[None]:
    """Within the block, an InputError that begins with an option of a search says where that is in params.yaml."""
    try:
        yield
    except InputError as error:
        if re.split(r"\W", str(error))[0] not in {"by", *search}:
            raise
        raise InputError(f"params.yaml: search_architecture.searches.{name}.{error}") from error


def make_context(
    search: Mapping[str, Any], found: Candidates, bounds: Constraints, scorer: Objectives, prior: Sequence[Path],
    vectors: Sequence[Path], seed: int, repetition: int,
) -> SearchContext:  # fmt: skip
    """What a run of a search is given, but for a supernet."""
    kind = search["kind"]
    declared = catalogue.declaration("searches", kind)
    options = declared["options"]
    return SearchContext(
        constraints.keep(found, bounds, declared),
        derive_seed(seed, "search_architecture", kind, repetition),
        {option: search[option] for option in options if option in search},
        scorer,
        known=scorer.costs if len(scorer.each) > 1 else {},
        evaluations=search.get("evaluations", 0),
        batch=search.get("batch", 1),
        prior=read_prior(prior, search["prior"]) if "prior" in search else None,
        vectors=read_vectors(vectors, search["encoding"]) if "encoding" in search else None,
        constraints=bounds,
    )


def with_supernet(context: SearchContext, space: str, protocol: Mapping[str, Any]) -> SearchContext:
    """What a search by a supernet is given, too."""
    build = spaces.load_supernet(space)

    def supernet() -> Any:
        return build(protocol["width"], protocol["depth"])

    return replace(context, protocol=Protocol.from_section(protocol), device=prepare(), supernet=supernet)


def with_lesson(context: SearchContext, search: Mapping[str, Any], path: Path) -> SearchContext:
    """What a search that trains its supernet is given, too.

    If it learns a task, that and unlabelled images; and a checkpoint that its training goes on from, if nothing that
    this depends on has changed.
    """
    if "task" in context.options:
        options = {**context.options, "task": load_task(search["task"])}
        images = unlabelled(search["images"], IMAGES, SIDE, rng(context.seed, "unlabelled"))
        context = replace(context, options=options, images=images)
    catalogue.load_module("searches", search["kind"])  # whose code, with the supernet's, it depends on
    assert context.device is not None and context.protocol is not None
    about = search, context.options, asdict(context.protocol), context.seed, made_with(context.device)
    study = fingerprint(*about, sorted(loaded_sources().values()))
    return replace(context, checkpoint=Checkpoint(path, study))


def step_rows(context: SearchContext, kind: str, name: str, repetition: int, scorer: Objectives) -> Iterator[Row]:
    """Run a search: the rows of `artifacts.STEPS`."""
    steps = catalogue.load_module("searches", kind).run(context)
    total = context.evaluations or context.options.get("steps", 1)
    queries = 0
    for evaluation, step in enumerate(track(steps, f"{name} {repetition}", total, unit="step"), start=1):
        queries = max(queries, scorer.queries(step.architecture))
        yield artifacts.row(
            artifacts.STEPS, name, kind, repetition, evaluation, queries, step.architecture, step.scores, step.answer
        )


def unit(
    steps: Path, benchmark: list[Path], images: list[Path], scores: list[Path], labelled: list[Path], prior: list[Path],
    vectors: list[Path], checkpoint: Path,
    space: str, name: str, search: dict[str, Any], candidates: str, objectives: list[dict[str, Any]],
    protocol: dict[str, Any], target: str, constants: dict[str, Any], seed: int, repetition: int, workers: int = 1,
) -> None:  # fmt: skip
    """One run of one search: its steps."""
    asked = [given["benchmark"] for given in objectives if "benchmark" in given]
    found = find_candidates(candidates, space, benchmark, dict.fromkeys([target, *asked]))
    with named(search, name):  # the same for all runs
        bounds = constraints.find(search.get("constraints", {}), spaces.load(space), found, seed, constants)
    sources = Sources(space, seed, target, benchmark, images, scores, labelled, constants)
    halving = make_halving(search, objectives)
    with open_workers(workers, objectives) as pool:
        scorer = Objectives([sources.make(given, pool, halving=halving) for given in objectives])
        context = make_context(search, found, bounds, scorer, prior, vectors, seed, repetition)
        declared = catalogue.declaration("searches", search["kind"])
        if declared["supernet"]:
            context = with_supernet(context, space, protocol)
        if declared.get("trains"):
            context = with_lesson(context, search, checkpoint)
        with named(search, name):
            rows = [*step_rows(context, search["kind"], name, repetition, scorer)]
    metadata = made_with(context.device) if context.device else pool.made_with
    artifacts.write_rows(rows, artifacts.STEPS, steps, metadata)


def gather(
    units: list[Path], benchmark: Path, trajectory: Path, regret: Path, fronts_table: Path, members: Path,
    space: str, judges: dict[str, str], asked: dict[str, list[str]], constants: dict[str, Any],
) -> None:  # fmt: skip
    """The steps of all runs, and how good each answer really is by the column that judges its search.

    Of searches that `asked` for a quality and a cost, also how good their fronts are.
    """
    truths = {column: read_ground_truth(benchmark, column) for column in set(judges.values())}
    steps = artifacts.read_tables(units, artifacts.STEPS)

    def judged(row: Row) -> Row:
        column = judges[row["search"]]
        found = truths[column].of(row["best_architecture"])
        return {**row, "target": column, **dict(zip(JUDGED, found, strict=True))}

    rows = [judged(row) for row in steps.to_pylist()]
    artifacts.write_rows(rows, artifacts.TRAJECTORY, trajectory, artifacts.made_with(steps))
    artifacts.write_text(regret_csv(rows), regret)
    judged_fronts, found = judge_fronts(rows, Known(space, benchmark, constants), judges, asked)
    artifacts.write_rows(judged_fronts, artifacts.FRONTS, fronts_table)
    artifacts.write_rows(found, artifacts.FRONT_MEMBERS, members)


def judge_fronts(
    rows: Sequence[Row], known: Known, judges: Mapping[str, str], asked: Mapping[str, Sequence[str]]
) -> tuple[list[Row], list[Row]]:
    """How good the fronts of searches for two objectives are, and their members, those of the true fronts first."""
    judged: list[Row] = []
    found: dict[tuple[str, str], list[Row]] = {}  # by problem
    for name, by in asked.items():
        steps = [row for row in rows if row["search"] == name]
        for problem in known.problems(judges[name], by):
            judged += fronts.front_rows(problem, steps)
            own = found.setdefault((problem.quality, problem.spent.name), [])
            own += [] if own else problem.members(artifacts.TRUTH, 0, problem.front)
            own += fronts.member_rows(problem, steps)
    return judged, [row for own in found.values() for row in own]


if __name__ == "__main__":
    run(unit, gather)
