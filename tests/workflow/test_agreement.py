"""Snakemake and DVC agree on what is stale, whichever of them ran last.

On the real pipeline, one change of each kind of dependency; the others are marked `full`: both tools react to kinds,
and that the lists of both name the same is tested below. What the bridge does is tested on the feather workflow.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import networkx
import pytest
import yaml
from conftest import PROJECT, RESULTS, SHARDS, Study
from dvc.repo import Repo

PARAMS = yaml.safe_load((PROJECT / "params.yaml").read_text())

Change = Callable[[Study], object]


@pytest.fixture(scope="module")
def downstream(finished: Study) -> Callable[[set[str]], set[str]]:
    """A function from stages to these and all that depend on them, by DVC's graph."""
    with warnings.catch_warnings(), Repo(str(finished.folder)) as repo:
        warnings.simplefilter("ignore", DeprecationWarning)  # DVC's own
        graph = networkx.relabel_nodes(repo.index.graph, lambda stage: stage.name.split("@")[0])
    return lambda stages: stages.union(*(networkx.ancestors(graph, stage) for stage in stages))


def both(study: Study) -> tuple[set[str], set[str]]:
    """What `dvc status` calls stale, and what `snakemake -n` would run; asked at the same time."""
    with ThreadPoolExecutor() as pool:
        by_dvc, by_snakemake = pool.submit(study.dvc_calls_stale), pool.submit(study.snakemake_would_run)
    return by_dvc.result(), by_snakemake.result()


def edit(name: str, old: str, new: str) -> Change:
    return lambda study: study.edit(name, old, new)


def append(name: str, text: str = "\n# edited\n") -> Change:
    return lambda study: study.append(name, text)


def delete(name: str) -> Change:
    return lambda study: study.path(RESULTS / name).unlink()


def params(old: str, new: str) -> Change:
    return edit("params.yaml", old, new)


HARMLESS = {
    "touch": lambda study: [path.touch() for path in study.folder.rglob("*") if path.is_file()],
    "comment": lambda study: study.append("params.yaml", "# a remark\n"),
    "notation": params("5.0e-4", "0.0005"),
    "shard": lambda study: next(study.folder.glob(SHARDS)).unlink(),
}
STAGES = {
    "download", "sample", "search_task", "train_proxy", "aggregate", "time_proxies", "correlate", "encode",
    "search_architecture", "finals", "retrain", "report",
}  # fmt: skip
#: What scores networks by the proxies of params.yaml; the task search does so by tasks alone.
SCORING = {"train_proxy", "aggregate", "time_proxies", "search_architecture", "finals"}
#: What is changed, and the stages for which that is a change of their own. Every parameter is the report's, too.
CHANGES = {
    "seed": (params("seed: 2021", "seed: 1"), STAGES),
    "download": (params("images: photographs", "images: noise"), {"download", "search_architecture", "report"}),
    "sample": (
        params("label: 4", "label: 5"), {"sample", "aggregate", "search_architecture", "finals", "report"},
    ),
    "larger sample": (params("evaluate: 6", "evaluate: 9"), {"train_proxy", "report"}),
    "shard size": (params("shard_size: 3", "shard_size: 2"), {*SCORING, "report"}),
    "protocol": (params("iterations: 3", "iterations: 4"), {*SCORING, "search_task", "report"}),
    "proxy added": (
        params("    proxies:\n", "    proxies:\n      flops: { kind: flops, seeds: 1 }\n"), {*SCORING, "report"},
    ),
    "proxy changed": (params("kind: parameters, seeds: 1", "kind: flops, seeds: 1"), {*SCORING, "report"}),
    "target": (
        params("target: cifar10_accuracy", "target: other_accuracy"),
        {"sample", "search_task", "aggregate", "correlate", "encode", "search_architecture", "finals", "report"},
    ),
    "task search": (params("children: 1", "children: 2"), {"search_task", "report"}),
    "search": (
        params("kind: local_search, by: ranks", "kind: random_search, by: ranks"), {"search_architecture", "report"},
    ),
    "finals": (params("finalists: 2", "finalists: 1"), {"finals", "report"}),
    "training": (params("epochs: 2", "epochs: 1"), {"retrain", "report"}),
    "aggregate": (
        params("kind: log_rank", "kind: mean_rank"), {"aggregate", "search_architecture", "finals", "report"},
    ),
    "stage's code": (append("stages/correlate.py"), {"correlate"}),
    "shared code": (append("stages/support/artifacts.py"), STAGES),
    "used proxy's code": (append("gennas/proxies/parameters.py"), SCORING),
    "unused proxy's code": (append("gennas/proxies/flops.py"), SCORING),
    "search's code": (append("gennas/searches/local_search.py"), {"search_architecture", "finals"}),
    "rule": (append("workflow/rules/retrain.smk"), {"retrain"}),
    "template": (append("stages/report/page.html.jinja"), {"report"}),
    "published task": (append("gennas/regression/tasks/single.yaml"), {*SCORING, "search_task", "report"}),
    "new task": (
        lambda study: shutil.copy(study.path("gennas/regression/tasks/combo.yaml"), study.path("tasks/mine.yaml")),
        {*SCORING, "report"},
    ),
    "final file": (delete("report.html"), {"report"}),
    "intermediate file": (
        delete("architectures.parquet"), {"sample", "search_task", *SCORING, "retrain", "report"},
    ),
}  # fmt: skip


#: One change for each kind of dependency: data, code, task, value, rule, template, new item, missing output.
KINDS = {
    "download", "shared code", "published task", "larger sample", "rule", "template", "proxy added",
    "intermediate file",
}  # fmt: skip


def test_harmless_changes_make_nothing_stale(study):
    for change in HARMLESS.values():
        change(study)
    assert both(study) == (set(), set())


def test_every_kind_is_a_change():
    assert CHANGES.keys() > KINDS and len(KINDS) == 8


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in KINDS else pytest.mark.full) for n in CHANGES])
def test_both_call_the_same_stages_stale(study, downstream, name):
    change, stale = CHANGES[name]
    change(study)
    assert both(study) == (stale, downstream(stale))


PARTS = "results/a/parts/*.txt"


def test_a_file_damaged_in_place_is_refused_then_made_again(feather):
    """DVC calls the stage stale; Snakemake, which judges by its records, would not see it."""
    name = "results/a/squares.txt"
    feather.append(name, "damage")
    assert feather.dvc_calls_stale() == {"square", "total"}
    code, output = feather.run("snakemake", "-n")
    assert code != 0 and output.splitlines()[-1].startswith(f"error: {name} changed outside of Snakemake; run `")
    feather.sync()
    assert feather.snakemake_would_run() == {"square", "total"}


def test_a_larger_fan_out_costs_only_the_new_parts(feather):
    """J2, through the other door: after `dvc repro` and a sync, neither tool has anything to do."""
    before = feather.times(PARTS)
    feather.edit("params.yaml", "parts: 3", "parts: 4")
    feather.succeed("dvc", "repro")
    after = feather.times(PARTS)
    assert len(before) == 3 and len(after) == 4 and before.items() <= after.items()
    code, output = feather.run("snakemake", "-n")
    assert code != 0 and "dvc.lock changed outside of Snakemake" in output
    feather.sync()
    assert both(feather) == (set(), set())


def test_a_larger_fan_out_costs_only_the_new_parts_through_snakemake(feather):
    before = feather.times(PARTS)
    feather.edit("params.yaml", "parts: 3", "parts: 4")
    feather.snakemake()
    after = feather.times(PARTS)
    assert len(after) == 4 and before.items() <= after.items()
    assert both(feather) == (set(), set())


@pytest.mark.full
@pytest.mark.parametrize("door", ["snakemake", "dvc repro"])
def test_a_larger_sample_costs_only_the_new_shards(study, door):
    before = study.times(SHARDS)
    study.edit("params.yaml", "evaluate: 6", "evaluate: 9")
    study.succeed(*door.split())
    after = study.times(SHARDS)
    assert len(before) == 8 and len(after) == 11 and before.items() <= after.items()
    if door == "dvc repro":
        study.sync()
    assert both(study) == (set(), set())


def cloned(study: Study, folder: Path) -> Study:
    """A clone of a study that has pushed what it made, before it pulls."""
    study.commit()
    study.succeed("dvc", "remote", "add", "--quiet", "--default", "storage", str(folder / "storage"))
    study.commit()
    study.succeed("dvc", "push", "--quiet")
    study.succeed("git", "clone", "--quiet", str(study.folder), str(folder / "clone"))
    return type(study)(folder / "clone")


def test_a_clone_pulls_instead_of_computing(feather, tmp_path):
    """J5; and what was pulled is not fresh for ever."""
    clone = cloned(feather, tmp_path)
    assert clone.path("results/total.json").exists()
    # A fresh clone, with metrics from git, simply runs.
    assert clone.snakemake_would_run() == {"draw", "square", "total"}
    clone.succeed("dvc", "pull", "--quiet")
    code, output = clone.run("snakemake", "-n")
    assert code != 0 and output.splitlines()[-1].startswith("error: ")
    clone.sync()
    assert not clone.times(PARTS)
    assert both(clone) == (set(), set())
    clone.edit("params.yaml", "power: 2", "power: 3")
    assert clone.snakemake_would_run() == {"square", "total"}


@pytest.mark.full
def test_a_clone_of_a_study_pulls_instead_of_computing(study, tmp_path):
    clone = cloned(study, tmp_path)
    assert clone.snakemake_would_run() == STAGES
    clone.succeed("dvc", "pull", "--quiet")
    clone.sync()
    assert not clone.times(SHARDS)
    assert both(clone) == (set(), set())
    clone.edit("params.yaml", "shard_size: 3", "shard_size: 2")
    # The clone lacks the searches' runs and the roles' weights, so what follows from them is planned, too.
    assert clone.snakemake_would_run() == {*SCORING, "correlate", "retrain", "report"}
