"""What scores a search, its units, and the finals: by hand, on stand-ins for the workers that compute scores."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from gennas.aggregates import Labels, fit
from gennas.costs import Costs
from gennas.errors import InputError
from gennas.regression.training import read_out
from gennas.scoring import Protocol, Score
from gennas.searches.constraints import Constraints
from gennas.searches.halving import Halving
from gennas.seeds import rng
from gennas.spaces import nasbench201
from gennas.targets import ACCURACY, LATENCY
from stages import aggregate, download, finals, search_architecture
from stages.support import artifacts, objectives, scorers
from stages.support.ground_truth import GroundTruth
from stages.support.objectives import Objective, Objectives, Reference, by_aggregate, by_benchmark, by_cost, by_proxy
from stages.support.workers import Scorer

TARGET = "toy_accuracy_percent"
PROTOCOL = Protocol(1.0, 1.0, 8, 60, iterations=3)
#: A step of 500 would take one dead network 32 times.
CELLS = [nasbench201.to_id(cell) for cell in nasbench201.all_architectures()[::499]]


def scorer(**changes):
    return Scorer("regression", "nasbench201", PROTOCOL, np.empty(0), 0, 0, **changes)


# --- objectives --------------------------------------------------------------------------------


class Curves:
    """Stands in for the workers: the loss of architecture "7" falls to 7, and training minds the limits."""

    def __init__(self):
        self.asked = []

    def scores(self, scorer, architectures):
        self.asked.append(list(architectures))
        return [read_out((20.0, float(a), float(a)), None, scorer.protocol, scorer.limits) for a in architectures]


def test_a_proxy_scores_each_once_and_stops_those_behind_half_of_the_others():
    workers, halving = Curves(), Halving(rungs=[2], window=1, minimum=3)
    score = by_proxy(workers, scorer(), halving)
    assert score(["1", "2", "3", "2"]) == [-1.0, -2.0, -3.0, -2.0]
    assert score(["2", "1.5", "2.5"]) == [-2.0, -1.5, -2.5]
    assert workers.asked == [["1", "2", "3"], ["1.5", "2.5"]]
    assert len(halving.seen[2]) == 5 and halving.limits() == {2: 2.0}
    assert score.known["2.5"].status == "stopped"


def test_the_benchmark_counts_each_architecture_as_one_query():
    score = by_benchmark(GroundTruth({"a": 1.0, "b": 3.0, "c": 2.0}, ACCURACY))
    assert score(["b", "a", "b"]) == [3.0, 1.0, 3.0] and score(["a", "c"]) == [1.0, 2.0]
    assert [score.queries(one) for one in "bac"] == [1, 2, 3]


def test_what_the_benchmark_has_not_trained_has_no_score():
    with pytest.raises(InputError, match=r"candidates.*has not trained x"):
        by_benchmark(GroundTruth({"a": 1.0}, ACCURACY))(["a", "x"])


def test_a_cost_is_no_query_and_less_of_it_is_better():
    """Whether the benchmark has measured it or it is computed."""
    cell = nasbench201.to_id((3,) * 6)
    measured = by_benchmark(GroundTruth({cell: 4.0}, LATENCY))
    computed = by_cost(Costs(nasbench201, ["parameters"]))
    score = Objectives([by_benchmark(GroundTruth({cell: 90.0}, ACCURACY)), measured, computed])
    ((quality, first, second),) = score([cell])
    assert quality == 90.0 and first == -4.0 and second < -1000
    assert score.queries(cell) == 1 and score.costs == {1: measured, 2: computed}


def numbers(values):
    """An objective that computes: an architecture's number in a table."""
    return Objective(lambda architectures: [Score(values[a]) for a in architectures])


def test_several_objectives_score_together_and_only_the_benchmark_is_queried():
    score = Objectives([numbers({"a": 5.0, "b": 6.0}), by_benchmark(GroundTruth({"a": 1.0, "b": 0.0}, ACCURACY))])
    assert score(["a", "b"]) == [(5.0, 1.0), (6.0, 0.0)]
    assert score.queries("b") == 2 and Objectives([numbers({"a": 1.0})]).queries("a") == 0


RNG = np.random.default_rng(0)
SAMPLE = RNG.normal(size=(40, 3))
NEW = {f"n{i}": row for i, row in enumerate(RNG.normal(size=(25, 3)).tolist())}
LABELS = Labels(Reference(SAMPLE).ranks(SAMPLE[:12]), SAMPLE[:12].sum(axis=1))


def combined(kind, labels=None):
    """An aggregate of three members."""
    members = [numbers({name: row[i] for name, row in NEW.items()}) for i in range(3)]
    return by_aggregate(kind, members, Reference(SAMPLE, labels))


@pytest.mark.parametrize(("kind", "labels"), [("mean_rank", None), ("log_rank", None), ("fit", LABELS)])
def test_an_aggregate_scores_alike_in_any_order_and_any_batch(kind, labels):
    """To the last bit: a search asks for one architecture, or for ten, in whatever order."""
    names = list(NEW)
    together = dict(zip(names, combined(kind, labels)(names), strict=True))
    one_by_one = combined(kind, labels)
    assert {name: one_by_one([name])[0] for name in reversed(names)} == together
    assert len(set(together.values())) > 20


def test_an_aggregate_ranks_a_member_of_the_sample_as_the_stage_does(tmp_path):
    """With one repetition per member, search and aggregates.parquet say the same of the same architecture."""
    ids = [f"e{i}" for i in range(len(SAMPLE))]
    rows = [
        artifacts.row(artifacts.SCORES, f"m{m}", 0, i, ids[i], float(SAMPLE[i, m]), "ok", [])
        for m in range(3)
        for i in range(len(SAMPLE))
    ]
    path = tmp_path / "scores.parquet"
    artifacts.write_rows(rows, artifacts.SCORES, path)
    members = ["m0", "m1", "m2"]
    table = artifacts.read_parquet(path, artifacts.SCORES)
    _, stage, _ = aggregate.combine({"kind": "log_rank", "members": members}, table, [], {})
    each = [numbers(dict(zip(ids, SAMPLE[:, m].tolist(), strict=True))) for m in range(3)]
    reference = objectives.read_reference(members, [path], [], {})
    assert by_aggregate("log_rank", each, reference)(ids) == pytest.approx(stage)


def test_an_aggregate_computes_nothing_of_the_sample_again(tmp_path):
    """Repetition 0 of its members is in the table; of another repetition, nothing is."""
    values = {"kind": "parameters", "seeds": 1}
    given = {"aggregate": "log_rank", "labels": False, "members": {"m0": values, "m1": values}}
    rows = [
        artifacts.row(artifacts.SCORES, name, 0, i, cell, float(i), "ok", [])
        for name in ("m0", "m1")
        for i, cell in enumerate(CELLS[:9])
    ]
    path, images = tmp_path / "scores.parquet", tmp_path / "images.parquet"
    artifacts.write_rows(rows, artifacts.SCORES, path)
    artifacts.write_parquet(download.image_pool("noise", rng(0)), artifacts.IMAGES, images)
    sources = objectives.Sources("nasbench201", 0, TARGET, [], [images], [path], [])
    workers = Curves()
    known = sources.make(given, workers)(CELLS[:9])
    assert workers.asked == [] and known == sorted(known) and len({*known}) == 9
    with pytest.raises(ValueError):  # the stand-in knows numbers only
        sources.make(given, workers, repetition=1)(CELLS[:9])


def test_a_search_by_a_fit_ranks_among_the_labelled_too(tmp_path):
    labelled, ids = SAMPLE[:12], [f"l{i}" for i in range(12)]

    def write(name, prefix, values):
        rows = [
            artifacts.row(artifacts.SCORES, f"m{m}", 0, i, f"{prefix}{i}", float(row[m]), "ok", [])
            for m in range(3)
            for i, row in enumerate(values)
        ]
        artifacts.write_rows(rows, artifacts.SCORES, tmp_path / name)
        return tmp_path / name

    sample, shard = write("scores.parquet", "e", SAMPLE[12:]), write("labelled.parquet", "l", labelled)
    quality = dict(zip(ids, labelled.sum(axis=1).tolist(), strict=True))
    members = ["m0", "m1", "m2"]
    reference = objectives.read_reference(members, [sample], [shard], quality)
    assert reference.scores.shape == SAMPLE.shape
    table = artifacts.read_parquet(sample, artifacts.SCORES)
    _, stage, _ = aggregate.combine({"kind": "fit", "members": members}, table, [shard], quality)
    each = [numbers({f"e{i}": float(row[m]) for i, row in enumerate(SAMPLE[12:])}) for m in range(3)]
    assert by_aggregate("fit", each, reference)([f"e{i}" for i in range(28)]) == pytest.approx(stage)
    assert fit.learnt(reference.labels)["labelled"] == 12


SECTION = {
    "target": TARGET,
    "aggregate": {
        "both": {"kind": "log_rank", "members": ["parameters", "gennas"]},
        "learnt": {"kind": "fit", "members": ["gennas"]},
    },
    "train_proxy": {
        "protocol": "fast",
        "proxies": {
            "parameters": {"kind": "parameters", "seeds": 1},
            "gennas": {"kind": "regression", "task": "mine", "seeds": 2},
        },
    },
}
PROTOCOLS = {name: {"name": name} for name in ("fast", "thorough")}


def test_a_specification_says_all_that_a_job_needs():
    def of(by, protocol=None):
        return list(scorers.specifications(SECTION, by, PROTOCOLS, lambda task: f"tasks/{task}.yaml", protocol))

    gennas = {"kind": "regression", "seeds": 2, "task": "tasks/mine.yaml", "protocol": PROTOCOLS["fast"]}
    assert of("gennas") == [{"proxy": gennas}]
    assert of("gennas", "thorough") == [{"proxy": gennas | {"protocol": PROTOCOLS["thorough"]}}]
    assert of("parameters", "thorough") == [{"proxy": {"kind": "parameters", "seeds": 1}}]
    both, benchmark = of(["both", "benchmark"])
    members = {"parameters": {"kind": "parameters", "seeds": 1}, "gennas": gennas}
    assert both == {"aggregate": "log_rank", "labels": False, "members": members}
    assert benchmark == {"benchmark": TARGET} and of("learnt")[0]["labels"]
    assert scorers.proxies(SECTION, ["both", "benchmark", "gennas"]) == ["parameters", "gennas"]


# --- units and what is made of them ------------------------------------------------------------


@pytest.fixture
def benchmark(tmp_path):
    """A benchmark of some cells, the later the better."""
    rows = [
        {"architecture": a, "encoding": nasbench201.encode(nasbench201.from_id(a)), "status": "ok", "labelled": False}
        for a in CELLS
    ]
    values = pa.array(np.arange(len(CELLS), dtype=float))
    table = pa.Table.from_pylist(rows, artifacts.BENCHMARK)
    table = table.append_column(artifacts.target_field(TARGET, ACCURACY), values)
    path = tmp_path / "benchmark.parquet"
    artifacts.write_parquet(table, artifacts.BENCHMARK, path)
    return path


def oracle(
    path, benchmark, repetition=0, seed=1, evaluations=12, kind="random_search", objectives=None, files=None,
    **options,
):  # fmt: skip
    """A unit of a search by the benchmark; returns its rows."""
    search_architecture.unit(
        steps=path, benchmark=[benchmark], images=[], scores=[], labelled=[],
        **{"prior": [], "vectors": [], **(files or {})}, checkpoint=path.with_suffix(".pt"), space="nasbench201",
        name="oracle", search={"kind": kind, "evaluations": evaluations, "batch": 5, **options}, candidates="benchmark",
        objectives=objectives or [{"benchmark": TARGET}], protocol={}, target=TARGET, constants={}, seed=seed,
        repetition=repetition,
    )  # fmt: skip
    return artifacts.read_parquet(path, artifacts.STEPS).to_pylist()


@pytest.mark.parametrize("kind", ["random_search", "local_search"])
def test_a_constrained_search_evaluates_only_what_is_feasible(tmp_path, benchmark, kind):
    bounds = {"parameters": {"at_most": 320_000}, "intensity": {"quantile_at_least": 0.3}}
    rows = oracle(tmp_path / "unit.parquet", benchmark, kind=kind, constraints=bounds)
    costs = Costs(nasbench201, list(bounds))
    found, every = costs([row["architecture"] for row in rows]), costs(CELLS)
    assert len(rows) == 12 and (found[:, 0] <= 320_000).all() and (every[:, 0] > 320_000).any()
    assert (found[:, 1] >= np.quantile(every[:, 1], 0.2)).all() and found[:, 1].min() > every[:, 1].min()


def test_a_search_starts_where_its_prior_points(tmp_path, benchmark):
    """The prior's scores fall towards the best cell: it has not even to be of all candidates."""
    names = artifacts.SCORES.names
    rows = [dict(zip(names, ("mine", 0, i, cell, float(i), "ok", []), strict=True)) for i, cell in enumerate(CELLS)]
    other = [{**row, "proxy": "other", "score": -row["score"]} for row in rows]
    artifacts.write_rows([*other, *rows[::2]], artifacts.SCORES, tmp_path / "scores.parquet")
    scores = [tmp_path / "scores.parquet"]

    def first(name, seed):
        options = {"kind": "bayesian", "evaluations": 1, "prior": name}
        return oracle(tmp_path / "unit.parquet", benchmark, 0, seed, files={"prior": scores}, **options)[0]["scores"][0]

    assert np.mean([first("mine", seed) for seed in range(5)]) > len(CELLS) * 0.8
    assert np.mean([first("other", seed) for seed in range(5)]) < len(CELLS) * 0.2


def test_a_search_reads_its_own_encoding(tmp_path, benchmark):
    """By the encoding the best cell is where accuracies point; by another one it is anywhere."""
    rows = [{"encoding": "other", "architecture": cell, "vector": [0.0]} for cell in CELLS]
    rows += [{"encoding": "mine", "architecture": cell, "vector": [float(i)]} for i, cell in enumerate(CELLS)]
    artifacts.write_rows(rows, artifacts.VECTORS, tmp_path / "vectors.parquet")
    given = {"kind": "bayesian", "evaluations": 10, "files": {"vectors": [tmp_path / "vectors.parquet"]}}
    for seed in range(3):
        found = oracle(tmp_path / "unit.parquet", benchmark, seed=seed, **given, encoding="mine")
        assert max(row["scores"][0] for row in found) == len(CELLS) - 1


def test_constraints_that_nothing_meets_are_one_line_that_names_the_search(tmp_path, benchmark):
    with pytest.raises(InputError, match=r"^params.yaml: search_architecture.searches.oracle.constraints: none of 256"):
        oracle(tmp_path / "unit.parquet", benchmark, constraints={"flops": {"at_most": 1.0}})


def test_constraints_that_a_search_finds_nothing_for_are_one_line_that_names_it(tmp_path, benchmark, monkeypatch):
    """Where the sample, from which the bounds are known, was lucky."""
    lucky = Constraints({"flops": {"at_least": 1.0}}, lambda ids: np.ones((len(ids), 1)), CELLS)
    lucky.least[:] = 2
    monkeypatch.setattr(search_architecture.constraints, "find", lambda *_: lucky)
    line = r"^params.yaml: search_architecture.searches.oracle.constraints: none of 1000 .*; loosen them$"
    with pytest.raises(InputError, match=line):
        oracle(tmp_path / "unit.parquet", benchmark, constraints={"flops": {"at_least": 1.0}})


@pytest.mark.parametrize("line", ["params.yaml: search_architecture.candidates: search others", "flops.csv: no table"])
def test_a_line_that_names_its_own_key_or_file_stays_as_it_is(line):
    with pytest.raises(InputError) as caught, search_architecture.named({"constraints": {"flops": {}}}, "mine"):
        raise InputError(line)
    assert str(caught.value) == line


def test_a_unit_has_a_row_for_each_evaluation(tmp_path, benchmark):
    rows = oracle(tmp_path / "unit.parquet", benchmark, repetition=3)
    assert [row["evaluation"] for row in rows] == list(range(1, 13)) and {row["seed"] for row in rows} == {3}
    distinct = [len({row["architecture"] for row in rows[: i + 1]}) for i in range(len(rows))]
    assert [row["queries"] for row in rows] == distinct
    assert all(row["scores"] == [float(CELLS.index(row["architecture"]))] for row in rows)
    assert rows == oracle(tmp_path / "again.parquet", benchmark, repetition=3)
    assert (tmp_path / "unit.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()
    assert rows != oracle(tmp_path / "other.parquet", benchmark, repetition=4)


def gather(folder, units, benchmark, judges, asked=None):
    """The trajectory of some units, and the regrets; their fronts are beside them."""
    trajectory, regret = folder / "trajectory.parquet", folder / "regret.csv"
    search_architecture.gather(
        units, benchmark, trajectory, regret, folder / "fronts.parquet", folder / "members.parquet", "nasbench201",
        judges, asked or {}, {},
    )  # fmt: skip
    return trajectory, regret


def test_gathering_judges_each_answer(tmp_path, benchmark):
    units = [tmp_path / f"{seed}.parquet" for seed in (0, 1)]
    steps = [row for seed, unit in enumerate(units) for row in oracle(unit, benchmark, seed)]
    trajectory, regret = gather(tmp_path, units, benchmark, {"oracle": TARGET})
    rows = artifacts.read_parquet(trajectory, artifacts.TRAJECTORY).to_pylist()
    assert [{key: row[key] for key in steps[0]} for row in rows] == steps
    for row in rows:
        position = CELLS.index(row["best_architecture"])
        assert (row["best_value"], row["best_rank"]) == (position, len(CELLS) - position)
        assert row["regret"] == len(CELLS) - 1 - position
    means = [np.mean([row["regret"] for row in rows if row["evaluation"] == step]) for step in range(1, 13)]
    lines = regret.read_text().splitlines()
    assert lines[0] == "search,evaluation,regret"
    assert lines[1:] == [f"oracle,{step},{mean:.4f}" for step, mean in enumerate(means, start=1)]


def test_a_search_is_judged_by_the_column_that_it_asks_for(tmp_path, benchmark):
    """Here another one than the target, in which the first cell is the best."""
    table = artifacts.read_parquet(benchmark, artifacts.BENCHMARK)
    other = pa.array(np.arange(len(CELLS), 0, -1, dtype=float))
    table = table.append_column(artifacts.target_field("other_accuracy_percent", ACCURACY), other)
    artifacts.write_parquet(table, artifacts.BENCHMARK, benchmark)
    unit = tmp_path / "unit.parquet"
    (given,) = scorers.specifications(SECTION, "benchmark.other_accuracy_percent", PROTOCOLS, str)
    oracle(unit, benchmark, evaluations=30, objectives=[given])
    judges = {"oracle": scorers.judge(SECTION, {"by": "benchmark.other_accuracy_percent"})}
    trajectory, _ = gather(tmp_path, [unit], benchmark, judges)
    last = artifacts.read_parquet(trajectory, artifacts.TRAJECTORY).to_pylist()[-1]
    assert (
        last["target"] == "other_accuracy_percent" and last["best_rank"] == CELLS.index(last["best_architecture"]) + 1
    )
    assert last["best_value"] == len(CELLS) - CELLS.index(last["best_architecture"])
    assert scorers.judge(SECTION, {"by": "gennas"}) == scorers.judge(SECTION, {"by": ["benchmark", "gennas"]}) == TARGET
    assert scorers.judge(SECTION, {"by": "gennas", "target": "other"}) == "other"


def measured(benchmark):
    """A latency of each cell, the same one for two of them each."""
    table = artifacts.read_parquet(benchmark, artifacts.BENCHMARK)
    latency = pa.array([float(7 * i % 16) for i in range(len(CELLS))])
    table = table.append_column(artifacts.target_field("toy_latency_ms", LATENCY), latency)
    artifacts.write_parquet(table, artifacts.BENCHMARK, benchmark)


def test_a_front_of_everything_is_the_true_one(tmp_path, benchmark):
    """And on the way there its share of the hypervolume never falls."""
    measured(benchmark)
    by = ["benchmark", "benchmark.toy_latency_ms"]
    given = list(scorers.specifications(SECTION, by, PROTOCOLS, str))
    unit = tmp_path / "unit.parquet"
    oracle(unit, benchmark, kind="bayesian", evaluations=len(CELLS), objectives=given)
    gather(tmp_path, [unit], benchmark, {"oracle": TARGET}, {"oracle": by})
    rows = artifacts.read_parquet(tmp_path / "fronts.parquet", artifacts.FRONTS).to_pylist()
    shares = [row["hypervolume"] for row in rows]
    assert len(rows) == len(CELLS) and shares == sorted(shares) and shares[0] < 1
    assert (rows[-1]["hypervolume"], rows[-1]["igd_plus"], rows[-1]["found"]) == (pytest.approx(1), 0, 1)
    members = artifacts.read_parquet(tmp_path / "members.parquet", artifacts.FRONT_MEMBERS).to_pylist()
    true, found = ([row for row in members if row["search"] == name] for name in (artifacts.TRUTH, "oracle"))
    assert [row["architecture"] for row in true] == [row["architecture"] for row in found]
    points = [(row["value"], row["spent"], row["spent_unit"]) for row in true]
    assert points == [(16.0, 0.0, "ms"), (23.0, 1.0, "ms"), (30.0, 2.0, "ms"), (31.0, 9.0, "ms")]


def test_a_front_is_the_searchs_own_and_judged_by_the_truth(tmp_path, benchmark):
    """One that scores by what is opposite to the truth believes in the worst cell, which is the cheapest."""
    measured(benchmark)
    steps = [
        artifacts.row(
            artifacts.STEPS, "blind", "random_search", 0, i + 1, 0, cell, [-float(i), -float(7 * i % 16)], cell
        )
        for i, cell in enumerate(CELLS)
    ]
    unit = tmp_path / "unit.parquet"
    artifacts.write_rows(steps, artifacts.STEPS, unit)
    gather(tmp_path, [unit], benchmark, {"blind": TARGET}, {"blind": ["gennas", "benchmark.toy_latency_ms"]})
    last = artifacts.read_parquet(tmp_path / "fronts.parquet", artifacts.FRONTS).to_pylist()[-1]
    assert last["hypervolume"] == last["found"] == 0 and last["igd_plus"] > 0.4


def test_without_a_cost_there_is_no_front_to_judge(tmp_path, benchmark):
    unit = tmp_path / "unit.parquet"
    oracle(unit, benchmark)
    gather(tmp_path, [unit], benchmark, {"oracle": TARGET}, {"oracle": ["benchmark", "gennas"]})
    for name, schema in (("fronts", artifacts.FRONTS), ("members", artifacts.FRONT_MEMBERS)):
        assert not artifacts.read_parquet(tmp_path / f"{name}.parquet", schema).num_rows


def test_a_unit_searches_by_several_objectives(tmp_path, benchmark):
    """By the ground truth, and by a proxy that its workers compute."""
    images, path = tmp_path / "images.parquet", tmp_path / "unit.parquet"
    artifacts.write_parquet(download.image_pool("noise", rng(0)), artifacts.IMAGES, images)
    search_architecture.unit(
        steps=path, benchmark=[benchmark], images=[images], scores=[], labelled=[], prior=[], vectors=[],
        checkpoint=path.with_suffix(".pt"), space="nasbench201",
        name="front",
        search={"kind": "ageing_evolution", "evaluations": 6, "batch": 3, "population": 3, "tournament": 2},
        candidates="benchmark", objectives=[{"benchmark": TARGET}, {"proxy": {"kind": "parameters", "seeds": 1}}],
        protocol={}, target=TARGET, constants={}, seed=1, repetition=0,
    )  # fmt: skip
    rows = artifacts.read_parquet(path, artifacts.STEPS).to_pylist()
    for row in rows:
        quality, parameters = row["scores"]
        cell = nasbench201.from_id(row["architecture"])
        assert quality == CELLS.index(row["architecture"])
        assert parameters == pytest.approx(sum(p.numel() for p in nasbench201.build(cell).parameters()), rel=0.05)
    assert rows[-1]["best_architecture"] == max(rows, key=lambda row: row["scores"])["architecture"]


def test_a_table_of_one_architecture_is_not_searched(tmp_path, benchmark):
    table = artifacts.read_parquet(benchmark, artifacts.BENCHMARK).slice(0, 1)
    artifacts.write_parquet(table, artifacts.BENCHMARK, benchmark)
    with pytest.raises(InputError, match=r"search_architecture\.candidates"):
        oracle(tmp_path / "unit.parquet", benchmark)


# --- the finals --------------------------------------------------------------------------------


def step(kind, seed, evaluation, architecture, score, best=""):
    values = "s", kind, seed, evaluation, 0, architecture, [score], best or architecture
    return artifacts.row(artifacts.STEPS, *values)


def test_the_finalists_are_the_best_scored_of_all_runs_one_name_of_each_network():
    """What one run stopped early counts with the score that another one gave it."""
    scores = [(0, "1", 0.9), (0, "2", 0.9), (0, "4", -math.inf), (1, "3", 0.8), (1, "4", 0.85), (1, "9", 0.1)]
    rows = [step("random_search", seed, i, a, score) for i, (seed, a, score) in enumerate(scores)]
    assert finals.choose(rows, 3) == ["1", "4", "3"]
    assert finals.choose(rows, 99) == ["1", "4", "3", "9"]


def test_the_finalists_of_several_objectives_are_those_that_no_other_dominates():
    rows = [
        replace_scores(step("random_search", 0, i, name, 0.0), scores)
        for i, (name, scores) in enumerate({"a": [1, 1], "b": [2, 0], "c": [0, 2], "d": [0, 1]}.items())
    ]
    assert finals.choose(rows, 3) == ["b", "a", "c"]


def replace_scores(row, scores):
    return {**row, "scores": list(map(float, scores))}


def test_a_search_that_scores_nothing_sends_the_answer_of_each_run():
    rows = [step("nasi", seed, i, "drawn", 1.0, f"answer {seed}{i}") for seed in (0, 1) for i in (0, 1)]
    assert finals.choose(rows, 5) == ["answer 01", "answer 11"]


def test_so_does_one_that_scores_what_may_break_its_constraints():
    rows = [
        step("epnas", 0, i, name, score, "feasible") for i, (name, score) in enumerate([("big", 2.0), ("small", 1.0)])
    ]
    assert finals.choose(rows, 5) == ["feasible"]


def judge(repetition):
    """The mean of an architecture's scores is its number, on which repetitions disagree."""
    assert repetition in (1, 2)  # 0 chose the finalists
    sway = 10 if repetition == 1 else -10
    return Objective(lambda architectures: [Score(float(a) + sway * (-1) ** int(a)) for a in architectures])


def test_the_answer_is_the_finalist_of_the_highest_mean_score():
    rows = list(finals.score_finalists("s", ["1", "4", "3"], judge, 2))
    assert [(row["position"], row["architecture"], row["seed"]) for row in rows] == [
        (position, name, seed) for seed in (1, 2) for position, name in enumerate(["1", "4", "3"])
    ]
    assert finals.winner(rows) == ("4", 4.0)


def test_of_equal_means_the_better_placed_wins():
    rows = list(finals.score_finalists("s", ["b", "a"], lambda _: numbers({"a": 1.0, "b": 1.0}), 1))
    assert finals.winner(rows) == ("b", 1.0)


def test_best_json_has_the_answer_of_the_first_search_and_of_the_others(tmp_path, benchmark):
    steps = oracle(tmp_path / "oracle.parquet", benchmark)
    units = [tmp_path / "oracle.parquet"]
    trajectory = tmp_path / "trajectory.parquet"
    gather(tmp_path, units, benchmark, {"oracle": TARGET})
    finals.unit(
        steps=units, finals=tmp_path / "finals.parquet", benchmark=[benchmark], images=[], scores=[], labelled=[],
        space="nasbench201", name="oracle", objectives=[{"benchmark": TARGET}], finalists=2, repetitions=2,
        target=TARGET, seed=1,
    )  # fmt: skip
    other = tmp_path / "other.parquet"
    rows = artifacts.read_parquet(tmp_path / "finals.parquet", artifacts.FINALS).to_pylist()
    worst = {"search": "worst", "position": 0, "architecture": CELLS[0], "seed": 1, "score": -math.inf}
    artifacts.write_rows([{**worst, "status": "diverged"}], artifacts.FINALS, other)
    scores, best = tmp_path / "scores.parquet", tmp_path / "best.json"
    finals.gather([tmp_path / "finals.parquet", other], trajectory, benchmark, scores, best, TARGET)
    found = json.loads(best.read_text())
    top = max(CELLS.index(row["architecture"]) for row in steps)
    assert (found["search"], found["architecture"], found["value"]) == ("oracle", CELLS[top], top)
    assert found["regret"] == len(CELLS) - 1 - top and found["rank"] == len(CELLS) - top
    assert found["evaluations"] == 12 and found["queries"] == steps[-1]["queries"] and found["finalists"] == 2
    assert found["others"]["worst"]["rank"] == len(CELLS) and found["others"]["worst"]["score"] is None
    assert len(rows) == 4 and artifacts.read_parquet(scores, artifacts.FINALS).num_rows == 5


def test_the_rank_of_equals_is_the_best_they_share():
    truth = GroundTruth({"a": 90.0, "b": 94.0, "c": 94.0}, ACCURACY)
    assert truth.of("b") == (94.0, 1, 0.0) and truth.of("a") == (90.0, 3, 4.0)
