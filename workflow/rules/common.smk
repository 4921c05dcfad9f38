"""What the rules share: the checked parameters, and helpers. No rules here.

Every rule runs a function of a stage with the same shell line, which only names the function. Its files (`files`) follow
from the rule's inputs and outputs, its values (`values`) are what Snakemake tracks, and `code` is a hash of its source.
"""

import json

from gennas import catalogue, costs, spaces
from stages.support import params as study_params, scorers, sources
from workflow import code

or_exit(sources.check_library)
PARAMS = or_exit(study_params.load)

# The default profile's `cores` are this machine's, and would bound the threads of jobs that run elsewhere, too.
if workflow.resource_settings.nodes is not None:  # `jobs`, of a cluster's profile
    workflow.global_resources["_cores"] = None

SEED = PARAMS["base"]["seed"]
PROTOCOLS = PARAMS["protocols"]
SPACES = PARAMS["base"]["spaces"]
#: Every task file of one's own, used or not: dvc.yaml cannot follow the names in params.yaml.
TASKS = sorted(str(path) for path in Path("tasks").glob("[!.]*.yaml") if path.is_file())


wildcard_constraints:
    space="|".join(SPACES),
    proxy="[a-z][a-z0-9_]*",
    search="[a-z][a-z0-9_]*",
    encoding="[a-z][a-z0-9_]*",
    role="found|random",
    first=r"\d+",
    last=r"\d+",
    repetition=r"\d+",


def files(*names, **others):
    """A params function: the named inputs and outputs of a rule as JSON, and others' paths with their wildcards.

    Of some `names` only, where the others are there to be depended on. Snakemake does not track what is made of inputs
    and outputs: it follows the files themselves.
    """

    def named(wildcards, input, output):
        own = {name: path.format(**wildcards) for name, path in others.items()}
        for name, paths in [*input.items(), *output.items()]:
            if name in names or not names:
                own[name] = paths if isinstance(paths, str) else list(map(str, paths))
        return json.dumps(own)

    return named


def values(**what):
    """A params function: values as JSON, which Snakemake tracks; a function among them is called with the wildcards."""

    def named(wildcards):
        found = {name: value(wildcards) if callable(value) else value for name, value in what.items()}
        return json.dumps(found)

    return named


def of(*keys):
    """A function of wildcards: the value under <space>.<keys> of params.yaml."""

    def lookup(wildcards):
        value = PARAMS[wildcards.space]
        for key in keys:
            value = value[key]
        return value

    return lookup


def wildcard(name, kind=str):
    """A function of wildcards: one of them."""
    return lambda wildcards: kind(getattr(wildcards, name))


def room_code(stage):
    """A params function: a hash of the code that dvc.yaml names for a stage."""
    return lambda wildcards: code.of_rooms(stage, wildcards.space)


def growing(amount):
    """A resource of which a job that failed gets twice as much: the lack of it is the most likely reason."""
    return lambda wildcards, attempt: amount * attempt


def for_workers(wildcards, threads, attempt):
    """Memory of a stage and its worker processes, in MB."""
    return (1500 + 500 * threads) * attempt


def task_file(task, space):
    """The file of a task named in params.yaml."""
    return study_params.task_file(task, space)


def proxies(space):
    """The sections of a space's proxies in params.yaml."""
    return PARAMS[space]["train_proxy"]["proxies"]


def proxy(wildcards):
    """A proxy's section in params.yaml."""
    return proxies(wildcards.space)[wildcards.proxy]


def proxy_job(wildcards):
    """What a shard is given of its proxy: not the task's path, whose content is an input."""
    return scorers.job_parameters(PARAMS[wildcards.space]["train_proxy"], wildcards.proxy, PROTOCOLS)


def proxy_jobs(wildcards):
    """The same of every proxy, by name."""
    section = PARAMS[wildcards.space]["train_proxy"]
    return {name: scorers.job_parameters(section, name, PROTOCOLS) for name in section["proxies"]}


def proxy_code(wildcards):
    """A hash of the code of a shard alone, so that an edit of one proxy makes no other one's scores stale."""
    return code.of_modules("train_proxy", *code.scoring_modules(wildcards.space, [proxy(wildcards)["kind"]]))


def needs_gpu(wildcards):
    """Whether a shard has work for a GPU."""
    return int(scorers.needs_protocol(proxy(wildcards)["kind"]))


def any_needs_gpu(wildcards):
    """Whether any proxy of a space has."""
    return int(any(scorers.needs_protocol(one["kind"]) for one in proxies(wildcards.space).values()))


def proxy_task(wildcards):
    """The task file of a proxy that has one."""
    return [task_file(task, wildcards.space) for task in [proxy(wildcards).get("task")] if task]


def tasks_by_proxy(wildcards):
    """The task file of each proxy that has one, by the proxy's name."""
    return {
        name: task_file(one["task"], wildcards.space)
        for name, one in proxies(wildcards.space).items()
        if "task" in one
    }


def named_tasks(wildcards):
    """The task files of the proxies of a space, each once."""
    return sorted(set(tasks_by_proxy(wildcards).values()))


def hand_made_tasks(wildcards):
    """Those of them that no search made."""
    searched = task_file("searched", wildcards.space)
    return [task for task in named_tasks(wildcards) if task != searched]


def texts(wildcards):
    """The files of the folder of texts that a recurrent network is trained on."""
    folder = Path(PARAMS[wildcards.space]["retrain"]["dataset"])
    return sorted(str(path) for path in folder.glob("[!.]*") if path.is_file())


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
    """The scores of the labelled architectures by the members of aggregates that learn from them."""
    return labelled_scores(wildcards.space, PARAMS[wildcards.space]["aggregate"].values())


def labelled_scores(space, aggregates):
    """The same for some of the aggregates."""
    learning = filter(scorers.learns_labels, aggregates)
    members = sorted({member for one in learning for member in one["members"]})
    return [f"results/{space}/scores/{member}/shard-labelled.parquet" for member in members]


def encoding(wildcards):
    """An encoding's section in params.yaml."""
    return PARAMS[wildcards.space]["encode"][wildcards.encoding]


def encoding_code(wildcards):
    """A hash of the code of one encoding's jobs."""
    kind = encoding(wildcards)["kind"]
    return code.of_modules("encode", f"gennas/spaces/{wildcards.space}", f"gennas/encodings/{kind}")


def not_enumerated(wildcards):
    """The benchmark, for a space of which no other file lists what is to be encoded."""
    listed = hasattr(spaces.load(wildcards.space), "all_architectures")
    return [] if listed else [rules.download.output.benchmark.format(space=wildcards.space)]


def of_encodings(suffix):
    """An input function: one file of each encoding of a space."""
    return lambda wildcards: [
        f"results/{wildcards.space}/encodings/{name}.{suffix}" for name in PARAMS[wildcards.space]["encode"]
    ]


def role_best(wildcards):
    """best.json, for the role that it decides."""
    return rules.finals.output.best.format(space=wildcards.space) if wildcards.role == "found" else []


def roles(name):
    """A file of each role's folder."""
    return expand("results/{{space}}/retrain/{role}/{name}", role=["found", "random"], name=name)


def training_code(wildcards):
    """A hash of the code of one role's training."""
    family = catalogue.declaration("families", catalogue.declaration("spaces", wildcards.space)["family"])
    return code.of_modules(
        "retrain", f"gennas/spaces/{wildcards.space}", f"gennas/training/{family['training']}"
    )


def picture(name):
    """A figure, shown in `snakemake --report`, too."""
    return report(
        f"results/{{space}}/figures/{name}.svg", caption=f"../report/{name}.rst", category="{space}"
    )
