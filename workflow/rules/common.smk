"""What the rules share: the checked parameters, and helpers. No rules here."""

import atexit
import json
import logging
import os
import sys

sys.path.insert(0, str(Path(workflow.basedir).parent))

from stages.support import params as study_params
from gennas.errors import InputError
from stages.support.protocols import WITHOUT_PROTOCOL, told
from workflow import bridge, checks, code, locks


def or_exit(function, *arguments):
    """Call a function; bad input ends in one line."""
    try:
        return function(*arguments)
    except InputError as error:
        sys.exit(f"error: {error}")


if config:
    sys.exit("error: --config is invisible to DVC; edit params.yaml, or use `dvc exp run -S key=value`")
PARAMS = or_exit(study_params.load)
logging.raiseExceptions = False  # no tracebacks for lines that a full disk has no room for
BRIDGE = bridge.Bridge(workflow.is_main_process)
or_exit(BRIDGE.check)
shell.prefix(locks.JOB_PREFIX)

# The default profile's `cores` are this machine's, and would bound the threads of jobs that run elsewhere, too.
if workflow.resource_settings.nodes is not None:  # `jobs`, of a cluster's profile
    workflow.global_resources["_cores"] = None

SEED = PARAMS["base"]["seed"]
PROTOCOLS = json.dumps(PARAMS["protocols"])
SPACES = PARAMS["base"]["spaces"]
#: Every hand-made task, used or not: dvc.yaml cannot follow the names in params.yaml.
TASKS = sorted(map(str, Path("tasks").glob("*.yaml")))
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


def growing(amount):
    """A resource of which a job that failed gets twice as much: want of it is the likeliest reason."""
    return lambda wildcards, attempt: amount * attempt


def scoring_code(stage):
    """An input function: the code of a stage that scores with the regression proxy."""
    return lambda wildcards: code.files(
        stage, f"gennas/spaces/{wildcards.space}", "gennas/proxies/regression"
    )


def sources(space):
    """The modules of the sources of a space's ground truth."""
    return [f"gennas/benchmarks/{name.replace('-', '_')}" for name in PARAMS[space]["download"]["sources"]]


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
    return code.digest(
        "train_proxy", f"gennas/spaces/{wildcards.space}", f"gennas/proxies/{proxy(wildcards)['kind']}"
    )


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
    return [f"gennas/proxies/{path.stem}" for path in sorted(Path("gennas/proxies").glob("[!_]*.py"))]


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


def dvc_stages(jobs):
    """The DVC stages of those jobs that are target rules."""
    return {f"{job.rule.name}@{job.wildcards.space}" for job in jobs if job.rule.name in STAGES}


def finished_stages():
    """The DVC stages in the DAG that this run finished or found up to date."""
    return dvc_stages(filter(workflow.dag.noneedrun_finished, workflow.dag.jobs))


def check_declared():
    """Refuse when a stage reads what dvc.yaml does not say, for one a task newly named in params.yaml."""
    for job in workflow.dag.needrun_jobs():
        for stage in dvc_stages([job]):
            made = workflow.dag.dependencies[job].items()
            own = {file for maker, files in made if maker.rule.name not in STAGES for file in files}
            checks.check_declared(stage, set(job.input) - own)


def name_failed_jobs():
    """The last lines of a run that failed say which jobs did, after all that Snakemake says of them."""
    for job in workflow.scheduler.failed:
        print(f"error: {job.rule.name} failed; {', '.join(job.log)} says why", file=sys.stderr)


def record_killed_run():
    """Snakemake calls no hook when there is nothing to do; a run killed after its last job is recorded here."""
    runs = workflow.executor_plugin and not workflow.dryrun
    planned = workflow.dag is not None  # a DAG with nothing to do is false
    if runs and planned and not len(workflow.dag):
        try:
            BRIDGE.record_rest(finished_stages())
        except InputError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            os._exit(1)  # nothing else sets the exit code this late


atexit.register(record_killed_run)
