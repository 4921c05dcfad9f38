"""What the rules share: the checked parameters, and helpers. No rules here."""

import json

from stages import params as study_params
from stages.protocols import WITHOUT_PROTOCOL, told
from workflow import code

PARAMS = or_exit(study_params.load)

# The default profile's `cores` are this machine's, and would bound the threads of jobs that run elsewhere, too.
if workflow.resource_settings.nodes is not None:  # `jobs`, of a cluster's profile
    workflow.global_resources["_cores"] = None

SEED = PARAMS["base"]["seed"]
PROTOCOLS = json.dumps(PARAMS["protocols"])
SPACES = PARAMS["base"]["spaces"]
#: Every hand-made task, used or not: dvc.yaml cannot follow the names in params.yaml.
TASKS = sorted(map(str, Path("tasks").glob("*.yaml")))


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


def growing(amount):
    """A resource of which a job that failed gets twice as much: want of it is the likeliest reason."""
    return lambda wildcards, attempt: amount * attempt


def scoring_code(stage):
    """An input function: the code of a stage that scores with the regression proxy."""
    return lambda wildcards: code.files(stage, f"spaces/{wildcards.space}", "proxies/regression")


def task_file(task, space):
    """The file of a task named in params.yaml."""
    return f"results/{space}/task_search/best_task.yaml" if task == "searched" else task


def proxies(space):
    """The sections of a space's proxies in params.yaml."""
    return PARAMS[space]["train_proxy"]["proxies"]


def proxy(wildcards):
    """A proxy's section in params.yaml."""
    return proxies(wildcards.space)[wildcards.proxy]


def proxy_values(wildcards):
    """What a shard is told, as JSON: not the task's path, whose content is an input."""
    return json.dumps(told(PARAMS[wildcards.space]["train_proxy"], wildcards.proxy, PARAMS["protocols"]))


def proxy_code(wildcards):
    """A hash of the code of a shard: as thirty inputs of each of thousands, its files would double the time to plan."""
    return code.digest("train_proxy", f"spaces/{wildcards.space}", f"proxies/{proxy(wildcards)['kind']}")


def needs_gpu(wildcards):
    """Whether a shard has work for a GPU."""
    return int(proxy(wildcards)["kind"] not in WITHOUT_PROTOCOL)


def any_needs_gpu(wildcards):
    """Whether any proxy of a space has."""
    return int(any(one["kind"] not in WITHOUT_PROTOCOL for one in proxies(wildcards.space).values()))


def proxy_task(wildcards):
    """The task file of a proxy that has one."""
    return [task_file(task, wildcards.space) for task in [proxy(wildcards).get("task")] if task]


def proxy_kinds():
    """Every proxy's module, used or not, for the same reason as `TASKS`."""
    return [f"proxies/{path.stem}" for path in sorted(Path("stages/proxies").glob("[!_]*.py"))]


def proxy_tasks(space):
    """Every task file, used or not."""
    return [*TASKS, task_file("searched", space)]


def hand_made_tasks(space):
    """The task files of the proxies of a space that no search made."""
    tasks = {section.get("task", "searched") for section in proxies(space).values()}
    return sorted(tasks - {"searched"})


def texts(wildcards):
    """The files of the folder of texts that a recurrent network is trained on."""
    folder = Path(PARAMS[wildcards.space]["retrain"]["dataset"])
    return sorted(str(path) for path in folder.glob("*") if path.is_file())


def shards(wildcards):
    """The shards of a space: `shard_size` positions each, the last one shorter."""
    section, total = PARAMS[wildcards.space]["train_proxy"], PARAMS[wildcards.space]["sample"]["evaluate"]
    size = section["shard_size"]
    return [
        f"results/{wildcards.space}/scores/{name}/shard-{first:06}-{min(first + size, total):06}.parquet"
        for name in section["proxies"]
        for first in range(0, total, size)
    ]


def labelled_shards(wildcards):
    """The scores of the labelled architectures by the members of fits."""
    fits = [one for one in PARAMS[wildcards.space]["aggregate"].values() if one["kind"] == "fit"]
    members = sorted({member for one in fits for member in one["members"]})
    return [f"results/{wildcards.space}/scores/{member}/shard-labelled.parquet" for member in members]
