"""dvc.yaml declares what the rules use (J6), and the digests of code are of all that a job runs.

Of the default study, with a task of its own: the rules as Snakemake expands them, the stages as DVC resolves them.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import PROJECT, Study, new_study, once
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo

from gennas import benchmarks, catalogue, spaces
from workflow import code

STAGES = {path.stem for path in (PROJECT / "workflow" / "rules").glob("*.smk")} - {"common"}
PARAMS = yaml.safe_load((PROJECT / "params.yaml").read_text())
SPACE = "nasbench201"
#: One job of each rule, with the parameters that change what Snakemake tracks of it: each is changed in turn.
DUMP = """
include: "Snakefile"

def leaves(tree, *path):
    if isinstance(tree, dict):
        for name, child in tree.items():
            yield from leaves(child, *path, name)
    else:
        yield path

def another(value):
    if isinstance(value, str):
        return value + "_"
    return value[1:] if isinstance(value, list) else value + 1

def tracked(job):
    try:
        params, _ = job.rule.expand_params(job.wildcards_dict, job.input, job.output, job)
        return {name: str(params[name]) for name in params.keys() if name != "files"}
    except Exception as error:  # what is changed is not there, and the job reads it
        return repr(error)

def reacts(job, before, path):
    *sections, last = path
    section = PARAMS
    for name in sections:
        section = section[name]
    value, section[last] = section[last], another(section[last])
    try:
        return tracked(job) != before
    finally:
        section[last] = value

def dump():
    jobs = []
    for job in workflow.dag.jobs:
        if job.rule.name == "all":
            continue
        before = tracked(job)
        seeded = any("seed" in json.loads(before[name]) for name in before if name in ("values", "section"))
        jobs.append({
            "rule": job.rule.name, "input": list(map(str, job.input)), "output": list(map(str, job.output)),
            "reads": [".".join(path) for path in leaves(PARAMS) if reacts(job, before, path)] + ["base.seed"] * seeded,
        })
    Path("jobs.json").write_text(json.dumps(jobs))

atexit.register(dump)
"""


def dump_jobs(folder: Path) -> None:
    """The default study, with what Snakemake says of its jobs in a file jobs.json."""
    study = new_study(folder, PROJECT / "params.yaml")
    shutil.copy(PROJECT / "gennas/regression/tasks/single.yaml", study.path("tasks/mine.yaml"))
    study.path("workflow/dump.smk").write_text(DUMP)
    study.snakemake("all", "--snakefile", "workflow/dump.smk", "-n", "--quiet", "all")


@pytest.fixture(scope="session")
def jobs(tmp_path_factory) -> list[dict[str, Any]]:
    study = Study(once(tmp_path_factory, "default/study", dump_jobs))
    found: list[dict[str, Any]] = json.loads(study.path("jobs.json").read_text())
    return found


def stage_of(rule: str) -> str:
    """The stage of a rule: its own, or that of the units it makes, such as `train_proxy` of `train_proxy_shard`."""
    return rule if rule in STAGES else rule.rpartition("_")[0]


def union(jobs: list[dict[str, Any]], stage: str, key: str, units: bool) -> set[str]:
    """What the target rule of a stage, or the rules of its units, have under a key."""
    own = [job for job in jobs if stage_of(job["rule"]) == stage and (job["rule"] != stage) == units]
    assert own or units
    return {value for job in own for value in job[key]}


@pytest.fixture(scope="module")
def pipeline() -> dict[str, Any]:
    """The stages of dvc.yaml, as DVC resolves them."""
    with warnings.catch_warnings(), Repo(str(PROJECT)) as repo:
        warnings.simplefilter("ignore", DeprecationWarning)
        return {stage.name.split("@")[0]: stage for stage in repo.index.stages}


def data_deps(stage: Any) -> set[str]:
    """The deps that are no code."""
    paths = {str(dep) for dep in stage.deps if not isinstance(dep, ParamsDependency)}
    return {path for path in paths if path.split("/")[0] not in code.FOLDERS}


def leaves(tree: Any, key: str) -> Iterator[str]:
    """The keys of the values below a key of params.yaml."""
    if isinstance(tree, dict):
        for name, child in tree.items():
            yield from leaves(child, f"{key}.{name}")
    else:
        yield key


def declared_params(stage: Any) -> set[str]:
    """The keys of the values that a stage depends on."""
    keys = [key for dep in stage.deps if isinstance(dep, ParamsDependency) for key in dep.params]
    return {leaf for key in keys for leaf in leaves(functools.reduce(dict.__getitem__, key.split("."), PARAMS), key)}


def differences(in_rules: set[str], in_dvc: set[str]) -> list[str]:
    lines = [f"add: {line}" for line in sorted(in_rules - in_dvc)]
    return lines + [f"remove: {line}" for line in sorted(in_dvc - in_rules)]


def test_dvc_yaml_has_a_stage_for_each_rule_file(pipeline):
    assert pipeline.keys() == STAGES and len(STAGES) == 12


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_dvc_yaml_lists_the_data_that_the_rules_read(jobs, pipeline, stage):
    made_by_units = {path for job in jobs if job["rule"] not in STAGES for path in job["output"]}
    target = union(jobs, stage, "input", units=False) - made_by_units
    assert union(jobs, stage, "input", units=True) - made_by_units <= target, "of a unit, and not of its stage"
    rooms = {path for path in target if path.split("/")[0] in code.FOLDERS}
    named = code.rooms(stage, SPACE)
    assert not [path for path in rooms if not any(Path(path).is_relative_to(room) for room in named)]
    data = {"tasks" if Path(path).parent == Path("tasks") else path for path in target - rooms}
    assert not differences(data, data_deps(pipeline[stage]))


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_dvc_yaml_lists_what_the_rules_write(jobs, pipeline, stage):
    outs = {str(Path(out.fs_path).relative_to(PROJECT)) for out in pipeline[stage].outs}
    assert not differences(union(jobs, stage, "output", units=False), outs)


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_dvc_yaml_lists_the_parameters_that_the_rules_react_to(jobs, pipeline, stage):
    target = union(jobs, stage, "reads", units=False)
    assert union(jobs, stage, "reads", units=True) <= target, "of a unit, and not of its stage"
    assert not differences(target, declared_params(pipeline[stage]))


# --- code -----------------------------------------------------------------------------------------

SCORING = ["gennas/proxies", "gennas/families", "gennas/regression"]
#: What stages import by name while they run, besides the space, and for `download` its sources.
BY_NAME = {
    "download": [],
    "search_task": ["gennas/proxies/regression", "gennas/families", "gennas/regression"],
    "train_proxy": SCORING,
    "aggregate": [*SCORING, "gennas/aggregates", "stages/train_proxy"],
    "time_proxies": SCORING,
    "search_architecture": [*SCORING, "gennas/aggregates", "gennas/searches"],
    "finals": [*SCORING, "gennas/aggregates", "gennas/searches"],
    "retrain": ["gennas/training"],
    "encode": ["gennas/encodings"],
    "report": [],
}


@pytest.mark.parametrize("space", sorted(spaces.NAMES))
@pytest.mark.parametrize("stage", sorted(STAGES))
def test_the_rooms_of_a_stage_are_those_that_it_imports_from(stage, space):
    by_name = [*BY_NAME[stage], f"gennas/spaces/{space}"] if stage in BY_NAME else []
    sources = [f"gennas/benchmarks/{source}" for source in benchmarks.names(space)] if stage == "download" else []
    modules, rooms = code.modules(stage, *by_name, *sources), code.rooms(stage, space)
    outside = [module for module in modules if not any(Path(module).is_relative_to(room) for room in rooms)]
    assert not outside, f"dvc.yaml, {stage}: add the rooms of these to the deps: {', '.join(outside)}"
    unused = [room for room in rooms if not any(Path(module).is_relative_to(room) for module in modules)]
    assert not unused, f"dvc.yaml, {stage}: nothing of these is imported: {', '.join(unused)}"


def test_there_are_no_more_lines_than_a_reader_reads():
    assert len((PROJECT / "dvc.yaml").read_text().splitlines()) <= 280


MEASURE = """
import importlib, json, sys
from pathlib import Path

root = Path.cwd()
sys.path.insert(0, str(root))
OURS = ("gennas", "stages")

def loaded():
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in OURS]
    return [str(Path(module.__file__).relative_to(root)) for module in modules if module.__file__]

def measure(run, *arguments):
    for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
        del sys.modules[name]
    run(*arguments)
    return loaded()
"""
IMPORT = MEASURE + "print(json.dumps({stage: measure(importlib.import_module, stage) for stage in sys.argv[1:]}))"
SCORE = (
    MEASURE
    + """
import torch

def score(space, kind):
    importlib.import_module("stages.train_proxy")
    from gennas import spaces
    from stages.support.workers import make_scorer
    import numpy
    images = numpy.random.default_rng(1).integers(256, size=(8, 32, 32, 3), dtype=numpy.uint8)
    protocol = {"width": 0.25, "depth": 0.2, "batch_size": 4, "time_limit": 60, "iterations": 2}
    protocol |= {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0}
    protocol |= {"readout": "training", "readout_window": 1}
    task = None
    if spaces.load(space).FAMILY == "images":
        protocol |= {"resolution": 8, "target_channels": 8}
    given = {"kind": kind, "seeds": 1, "protocol": protocol}
    if kind == "regression":
        task = Path("gennas/regression/tasks") / ("single.yaml" if "resolution" in protocol else "nlp_dot.yaml")
    if kind == "short_training":
        given["dataset"] = "digits"
    loaded = spaces.load(space)
    architecture = loaded.to_id(loaded.random_architecture(numpy.random.default_rng(1)))
    list(make_scorer(given, space, images, 1, 0, task).scores(torch.device("cpu"), [architecture]))

print(json.dumps({f"{space} {kind}": measure(score, space, kind) for space, kind in json.loads(sys.argv[1])}))
"""
)


def measured(script: str, *arguments: str) -> dict[str, list[str]]:
    """What a Python that has nothing of ours has imported after each of some things."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=PROJECT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_a_digest_is_of_all_that_a_stage_imports():
    modules = {stage: f"stages.{stage}.__main__" if stage == "report" else f"stages.{stage}" for stage in STAGES}
    found = measured(IMPORT, *modules.values())
    for stage, module in modules.items():
        assert set(found[module]) <= set(code.modules(stage)), stage


def test_a_digest_is_of_all_that_scoring_imports():
    kinds = [(space, kind) for space, family in (("nasbench201", "images"), ("nasbench_nlp", "sequences"))
             for kind in catalogue.names("proxies", family)]  # fmt: skip
    found = measured(SCORE, json.dumps(kinds))
    for space, kind in kinds:
        known = code.modules("train_proxy", *code.scoring_modules(space, [kind]))
        assert set(found[f"{space} {kind}"]) <= set(known), kind


def copied(folder: Path) -> Path:
    for name in ("gennas", "stages", "workflow"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "dvc.yaml", folder)
    return folder


def digests(folder: Path) -> tuple[str, str]:
    """The digest of a shard of the proxy flops, and that of the stage."""
    script = (
        "from workflow import code; names = code.scoring_modules('nasbench201', ['flops']);"
        "print(code.of_modules('train_proxy', *names), code.of_rooms('train_proxy', 'nasbench201'))"
    )
    fine, coarse = subprocess.check_output([sys.executable, "-c", script], cwd=folder, text=True).split()
    return fine, coarse


@pytest.mark.parametrize(
    ("name", "shard", "stage"),
    [
        ("gennas/proxies/flops.py", True, True),
        ("gennas/proxies/regression.py", False, True),
        ("gennas/spaces/nasbench201/__init__.py", True, True),
        ("gennas/spaces/nasbench101/cell.py", False, False),
        ("gennas/files/documents.py", True, True),
        ("gennas/searches/nasi.py", False, False),
        ("stages/report/tables.py", False, False),
        ("workflow/rules/train_proxy.smk", True, True),
        ("gennas/proxies/.#flops.py", False, False),
        ("gennas/proxies/flops.py~", False, False),
    ],
)
def test_digests_change_with_the_code_of_theirs_alone(tmp_path, name, shard, stage):
    folder = copied(tmp_path)
    before = digests(folder)
    with (folder / name).open("a") as file:
        file.write("\n# edited\n")
    after = digests(folder)
    assert (after[0] != before[0], after[1] != before[1]) == (shard, stage)
