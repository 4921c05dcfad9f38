"""What the rules share: the checked parameters, and helpers. No rules here."""

import json
import sys

sys.path.insert(0, str(Path(workflow.basedir).parent))

from stages import params as study_params
from stages.errors import InputError
from workflow import bridge, code

if config:
    sys.exit("error: --config is invisible to DVC; edit params.yaml, or use `dvc exp run -S key=value`")
try:
    PARAMS = study_params.load()
    BRIDGE = bridge.Bridge()
    BRIDGE.check()
except InputError as error:
    sys.exit(f"error: {error}")

SEED = PARAMS["base"]["seed"]
SPACES = PARAMS["base"]["spaces"]
STAGES = [path.stem for path in Path(workflow.basedir, "rules").glob("*.smk") if path.stem != "common"]


wildcard_constraints:
    space="|".join(SPACES),
    proxy="[a-z][a-z0-9_]*",
    first=r"\d+",
    last=r"\d+",


def values(*keys):
    """A params function: the values under <space>.<keys>, as JSON, so that Snakemake tracks them."""

    def lookup(wildcards):
        value = PARAMS[wildcards.space]
        for key in keys:
            value = value[key]
        return json.dumps(value)

    return lookup


def scoring_code(stage):
    """An input function: the code of a stage that scores with the regression proxy."""
    return lambda wildcards: code.files(stage, f"spaces/{wildcards.space}", "proxies/regression")


def task_file(task, space):
    """The file of a task named in params.yaml."""
    return f"results/{space}/task_search/best_task.yaml" if task == "searched" else task


def proxy(wildcards):
    """A proxy's section in params.yaml."""
    return PARAMS[wildcards.space]["train_proxy"]["proxies"][wildcards.proxy]


def proxy_values(wildcards):
    """What a shard is told, as JSON: not the task's path, whose content is an input."""
    told = {"kind": proxy(wildcards)["kind"], "seeds": proxy(wildcards)["seeds"]}
    if "task" in proxy(wildcards):
        told["protocol"] = PARAMS[wildcards.space]["train_proxy"]["protocol"]
    return json.dumps(told)


def proxy_task(wildcards):
    """The task file of a proxy that has one."""
    return [task_file(task, wildcards.space) for task in [proxy(wildcards).get("task")] if task]


def proxy_kinds(space):
    """The modules of all proxies of a space."""
    return sorted(
        {f"proxies/{section['kind']}" for section in PARAMS[space]["train_proxy"]["proxies"].values()}
    )


def proxy_tasks(space):
    """The task files of all proxies of a space."""
    sections = PARAMS[space]["train_proxy"]["proxies"].values()
    return sorted({task_file(section["task"], space) for section in sections if "task" in section})


def hand_made_tasks(space):
    """The task files of all proxies of a space that no search made."""
    return [task for task in proxy_tasks(space) if not task.startswith("results/")]


def shards(wildcards):
    """The shards of a space: `shard_size` positions each, the last one shorter."""
    section, total = PARAMS[wildcards.space]["train_proxy"], PARAMS[wildcards.space]["sample"]["evaluate"]
    size = section["shard_size"]
    return [
        f"results/{wildcards.space}/scores/{name}/shard-{first:06}-{min(first + size, total):06}.parquet"
        for name in section["proxies"]
        for first in range(0, total, size)
    ]


def job_targets():
    """The DVC stages whose target rule was in the finished DAG, in dvc.yaml's names."""
    jobs = workflow.dag.jobs
    return sorted({f"{job.rule.name}@{job.wildcards.space}" for job in jobs if job.rule.name in STAGES})
