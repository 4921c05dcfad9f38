"""Snakemake and DVC agree on what is stale, whichever of them ran last.

On the real pipeline, one change of each kind of dependency; the others are marked `full`: both tools react to kinds,
and that the lists of both name the same is tested below. What the bridge does is tested on the feather workflow.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import networkx
import pytest
import yaml
from conftest import PROJECT, RESULTS, SHARDS, Study, new_study, once
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo

from workflow import code

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


def remove_single(study: Study) -> None:
    """The proxy, and the aggregate that it is a member of."""
    study.edit("params.yaml", ONE_OF_THREE_PROXIES, "")
    study.edit("params.yaml", FIT, "")


HARMLESS = {
    "touch": lambda study: [path.touch() for path in study.folder.rglob("*") if path.is_file()],
    "comment": lambda study: study.append("params.yaml", "# a remark\n"),
    "notation": params("5.0e-4", "0.0005"),
    "shard": lambda study: next(study.folder.glob(SHARDS)).unlink(),
}
STAGES = {
    "download", "sample", "search_task", "train_proxy", "aggregate", "time_proxies", "correlate", "search_architecture",
    "retrain", "report",
}  # fmt: skip
ONE_OF_THREE_PROXIES = "      single: { kind: regression, task: tasks/single.yaml, seeds: 1 }\n"
#: What every score, and what it costs, depends on.
SCORING = {"train_proxy", "aggregate", "time_proxies"}
FIT = "    labels: { kind: fit, members: [parameters, single] }\n"
#: What is changed, and the stages for which that is a change of their own. Every parameter is the report's, too.
CHANGES = {
    "seed": (params("seed: 2021", "seed: 1"), STAGES),
    "download": (params("images: photographs", "images: noise"), {"download", "report"}),
    "sample": (params("label: 4", "label: 5"), {"sample", "aggregate", "report"}),
    "larger sample": (params("evaluate: 6", "evaluate: 9"), {"train_proxy", "report"}),
    "shard size": (params("shard_size: 3", "shard_size: 2"), {*SCORING, "report"}),
    "protocol": (
        params("iterations: 3", "iterations: 4"),
        {*SCORING, "search_task", "search_architecture", "report"},
    ),
    "proxy added": (
        params(ONE_OF_THREE_PROXIES, ONE_OF_THREE_PROXIES + "      flops: { kind: flops, seeds: 1 }\n"),
        {*SCORING, "report"},
    ),
    "proxy removed": (remove_single, {*SCORING, "report"}),
    "target": (
        params("target: cifar10_accuracy", "target: other_accuracy"),
        {"sample", "search_task", "aggregate", "correlate", "search_architecture", "report"},
    ),
    "task search": (params("children: 1", "children: 2"), {"search_task", "report"}),
    "search": (params("evaluations: 3", "evaluations: 4"), {"search_architecture", "report"}),
    "training": (params("epochs: 2", "epochs: 1"), {"retrain", "report"}),
    "aggregate": (params("kind: log_rank", "kind: mean_rank"), {"aggregate", "report"}),
    "stage's code": (append("stages/correlate.py"), {"correlate"}),
    "shared code": (append("stages/support/artifacts.py"), STAGES),
    "used proxy's code": (append("gennas/proxies/parameters.py"), {*SCORING}),
    "unused proxy's code": (append("gennas/proxies/flops.py"), {*SCORING}),
    "rule": (append("workflow/rules/retrain.smk"), {"retrain"}),
    "template": (append("stages/report/page.html.jinja"), {"report"}),
    "used task": (append("tasks/single.yaml"), {*SCORING, "search_architecture", "report"}),
    "unused task": (append("tasks/combo.yaml"), {*SCORING, "search_architecture", "report"}),
    "final file": (delete("report.html"), {"report"}),
    "intermediate file": (
        delete("architectures.parquet"), {"sample", "search_task", *SCORING, "retrain", "report"},
    ),
}  # fmt: skip


#: One change for each kind of dependency: data, code, task, value, rule, template, new item, missing output.
KINDS = {
    "download", "shared code", "used task", "larger sample", "rule", "template", "proxy added", "intermediate file",
}  # fmt: skip


MEASURE = """
import importlib, json, sys
from pathlib import Path

root, measured = Path.cwd(), {}
sys.path.insert(0, str(root))
for stage, *late in (argument.split(",") for argument in sys.argv[1:]):
    for name in [name for name in sys.modules if name.split(".")[0] == "stages"]:
        del sys.modules[name]
    for module in (stage, *late):
        importlib.import_module(f"stages.{module}")
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "stages"]
    measured[stage] = [str(Path(module.__file__).relative_to(root)) for module in modules]
print(json.dumps(measured))
"""


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
    assert clone.snakemake_would_run() == {*SCORING, "correlate", "report"}


DUMP = """
include: "Snakefile"

def dump():
    jobs = []
    for job in workflow.dag.jobs:
        made = workflow.dag.dependencies[job].items()
        own = [str(f) for maker, files in made if maker.rule.name == f"{job.rule.name}_shard" for f in files]
        jobs.append({
            "rule": job.rule.name, "input": list(map(str, job.input)), "own": own,
            "output": list(map(str, job.output)), "params": [str(value) for value in job.params],
        })
    Path("jobs.json").write_text(json.dumps(jobs))

atexit.register(dump)
"""


def dump_jobs(folder: Path) -> None:
    """The default study, with what Snakemake says of its jobs in a file jobs.json."""
    study = new_study(folder, PROJECT / "params.yaml")
    study.path("workflow/dump.smk").write_text(DUMP)
    study.snakemake("all", "--snakefile", "workflow/dump.smk", "-n", "--quiet", "all")


@pytest.fixture(scope="session")
def rules(tmp_path_factory) -> dict[str, dict[str, set[str]]]:
    """What the rules of the default study read, write and are told, shards with the stage that they are of."""
    study = Study(once(tmp_path_factory, "default/study", dump_jobs))
    rules = {stage: {"input": set(), "output": set(), "params": set()} for stage in STAGES}
    jobs = json.loads(study.path("jobs.json").read_text())
    for job in (job for job in jobs if job["rule"] != "all"):
        rule = rules[job["rule"].removesuffix("_shard")]
        rule["input"] |= set(job["input"]) - set(job["own"])
        if job["rule"] in STAGES:
            rule["output"] |= set(job["output"])
            paths = ("results/", "checkpoints/")  # where to write is no parameter
            rule["params"] |= {value for value in job["params"] if not value.startswith(paths)}
    return rules


@pytest.fixture(scope="module")
def pipeline() -> dict[str, dict[str, set[str]]]:
    """The same of dvc.yaml, as DVC resolves it."""
    with warnings.catch_warnings(), Repo(str(PROJECT)) as repo:
        warnings.simplefilter("ignore", DeprecationWarning)
        stages = {stage.name.split("@")[0]: stage for stage in repo.index.stages}
    return {
        name: {"input": deps(stage), "output": outs(stage), "params": values(stage)} for name, stage in stages.items()
    }


def deps(stage) -> set[str]:
    """The files that a stage depends on; a folder stands for the files in it."""
    paths = [PROJECT / str(dep) for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    files = [file for path in paths for file in (path.rglob("*.*") if path.is_dir() else [path])]
    return {str(file.relative_to(PROJECT)) for file in files if "__pycache__" not in file.parts}


def outs(stage) -> set[str]:
    return {str(Path(out.fs_path).relative_to(PROJECT)) for out in stage.outs}


def values(stage) -> set[str]:
    """The values of a stage's parameters, as the rules pass them."""
    keys = [key for dep in stage.deps if isinstance(dep, ParamsDependency) for key in dep.params]
    return {json.dumps(functools.reduce(lambda section, part: section[part], key.split("."), PARAMS)) for key in keys}


@pytest.mark.parametrize("kind", ["input", "output", "params"])
@pytest.mark.parametrize("stage", sorted(STAGES))
def test_dvc_yaml_lists_what_the_rules_use(rules, pipeline, stage, kind):
    """J6."""
    in_rules, in_dvc = rules[stage][kind], pipeline[stage][kind]
    lines = [f"add: {line}" for line in sorted(in_rules - in_dvc)]
    lines += [f"remove: {line}" for line in sorted(in_dvc - in_rules)]
    assert not lines, "\n".join([f"dvc.yaml, {stage}, {kind}:", *lines])


def test_dvc_yaml_has_a_stage_for_each_rule_file(pipeline):
    files = {path.stem for path in (PROJECT / "workflow" / "rules").glob("*.smk")} - {"common"}
    assert pipeline.keys() == files == STAGES


def test_the_digest_of_a_stage_changes_with_its_code_only(tmp_path):
    shutil.copytree(PROJECT / "stages", tmp_path / "stages")
    shutil.copytree(PROJECT / "workflow", tmp_path / "workflow")
    script = "from workflow import code; print(code.digest('train_proxy', 'spaces/nasbench201', 'proxies/flops'))"

    def digest():
        return subprocess.check_output([sys.executable, "-c", script], cwd=tmp_path, text=True)

    before = digest()
    with (tmp_path / "gennas/proxies/regression.py").open("a") as file:
        file.write("# another proxy's")
    assert digest() == before
    with (tmp_path / "gennas/proxies/flops.py").open("a") as file:
        file.write("# its own")
    assert digest() != before


def test_the_code_of_a_stage_is_what_it_imports(tmp_path):
    """Measured by importing each stage into a Python that has nothing of ours."""
    script = tmp_path / "measure.py"
    script.write_text(MEASURE)
    late = {  # imported by a function, for it takes seconds
        "search_architecture": ",search.nasi",
        "time_proxies": ",regression.packed",
    }
    stages = [stage + late.get(stage, "") for stage in sorted(STAGES)]
    measured = json.loads(subprocess.check_output([sys.executable, script, *stages], cwd=PROJECT, text=True))
    for stage, modules in measured.items():
        listed = set(code.files(stage)) - {f"workflow/rules/{stage}.smk"}
        assert listed == set(modules), stage
