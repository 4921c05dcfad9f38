"""Snakemake and DVC agree on what is stale, whichever of them ran last."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import networkx
import pytest
from conftest import RESULTS, SHARDS, Study
from dvc.repo import Repo

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
    "download", "sample", "search_task", "train_proxy", "correlate", "search_architecture", "retrain", "report",
}  # fmt: skip
ONE_OF_THREE_PROXIES = "      single: { kind: regression, task: tasks/single.yaml, seeds: 1 }\n"
#: What is changed, and the stages for which that is a change of their own. Every parameter is the report's, too.
CHANGES = {
    "seed": (params("seed: 2021", "seed: 1"), STAGES),
    "download": (params("images: photographs", "images: noise"), {"download", "report"}),
    "sample": (params("label: 4", "label: 5"), {"sample", "report"}),
    "larger sample": (params("evaluate: 6", "evaluate: 9"), {"train_proxy", "report"}),
    "shard size": (params("shard_size: 3", "shard_size: 2"), {"train_proxy", "report"}),
    "protocol": (
        params("iterations: 3", "iterations: 4"),
        {"train_proxy", "search_task", "search_architecture", "report"},
    ),
    "proxy added": (
        params(ONE_OF_THREE_PROXIES, ONE_OF_THREE_PROXIES + "      flops: { kind: flops, seeds: 1 }\n"),
        {"train_proxy", "report"},
    ),
    "proxy removed": (params(ONE_OF_THREE_PROXIES, ""), {"train_proxy", "report"}),
    "target": (
        params("correlate:\n    target: cifar10_accuracy", "correlate:\n    target: other_accuracy"),
        {"correlate", "report"},
    ),
    "task search": (params("children: 1", "children: 2"), {"search_task", "report"}),
    "search": (params("evaluations: 3", "evaluations: 4"), {"search_architecture", "report"}),
    "training": (params("epochs: 2", "epochs: 1"), {"retrain", "report"}),
    "stage's code": (append("stages/correlate.py"), {"correlate"}),
    "shared code": (append("stages/artifacts.py"), STAGES),
    "used proxy's code": (append("stages/proxies/parameters.py"), {"train_proxy"}),
    "unused proxy's code": (append("stages/proxies/flops.py"), {"train_proxy"}),
    "rule": (append("workflow/rules/retrain.smk"), {"retrain"}),
    "template": (append("stages/report.html.jinja"), {"report"}),
    "used task": (append("tasks/nasbench101.yaml"), {"train_proxy", "search_architecture", "report"}),
    "unused task": (append("tasks/combo.yaml"), {"train_proxy", "report"}),
    "final file": (delete("report.html"), {"report"}),
    "intermediate file": (
        delete("architectures.parquet"), {"sample", "search_task", "train_proxy", "retrain", "report"},
    ),
}  # fmt: skip


def test_harmless_changes_make_nothing_stale(study):
    for change in HARMLESS.values():
        change(study)
    assert both(study) == (set(), set())


@pytest.mark.parametrize("name", CHANGES)
def test_both_call_the_same_stages_stale(study, downstream, name):
    change, stale = CHANGES[name]
    change(study)
    assert both(study) == (stale, downstream(stale))


def test_a_file_damaged_in_place_is_refused_then_made_again(study):
    """DVC calls the stage stale; Snakemake, which judges by its records, would not see it."""
    name = str(RESULTS / "correlation.parquet")
    study.append(name, "damage")
    assert study.dvc_calls_stale() == {"correlate", "report"}
    code, output = study.run("snakemake", "-n")
    assert code != 0 and output.splitlines()[-1].startswith(f"error: {name} changed outside of Snakemake; run `")
    study.sync()
    assert study.snakemake_would_run() == {"correlate", "report"}


def test_a_larger_sample_costs_only_the_new_shards(study):
    """J2, through the other door: after `dvc repro` and a sync, neither tool has anything to do."""
    before = study.times(SHARDS)
    study.edit("params.yaml", "evaluate: 6", "evaluate: 9")
    study.succeed("dvc", "repro")
    after = study.times(SHARDS)
    assert len(before) == 6 and len(after) == 9 and before.items() <= after.items()
    code, output = study.run("snakemake", "-n")
    assert code != 0 and "dvc.lock changed outside of Snakemake" in output
    study.sync()
    assert both(study) == (set(), set())


def test_a_larger_sample_costs_only_the_new_shards_through_snakemake(study):
    before = study.times(SHARDS)
    study.edit("params.yaml", "evaluate: 6", "evaluate: 9")
    study.snakemake()
    after = study.times(SHARDS)
    assert len(after) == 9 and before.items() <= after.items()
    assert both(study) == (set(), set())


def test_a_clone_pulls_instead_of_computing(study, tmp_path):
    """J5; and what was pulled is not fresh for ever."""
    study.commit()
    study.succeed("dvc", "remote", "add", "--quiet", "--default", "storage", str(tmp_path / "storage"))
    study.commit()
    study.succeed("dvc", "push", "--quiet")
    study.succeed("git", "clone", "--quiet", str(study.folder), str(tmp_path / "clone"))
    clone = Study(tmp_path / "clone")
    assert clone.snakemake_would_run() == STAGES  # a fresh clone, with metrics from git, simply runs
    clone.succeed("dvc", "pull", "--quiet")
    code, output = clone.run("snakemake", "-n")
    assert code != 0 and output.splitlines()[-1].startswith("error: ")
    clone.sync()
    assert not clone.times(SHARDS)
    assert both(clone) == (set(), set())
    clone.edit("params.yaml", "shard_size: 3", "shard_size: 2")
    assert clone.snakemake_would_run() == {"train_proxy", "correlate", "report"}
