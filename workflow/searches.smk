"""What the rules of the searches and the finals share. No rules here."""


def search(wildcards):
    """A search's section in params.yaml."""
    return PARAMS[wildcards.space]["search_architecture"]["searches"][wildcards.search]


def by_search(wildcards):
    """What scores its architectures; nothing if it scores none."""
    return search(wildcards).get("by", [])


def cost_constants(wildcards):
    """The constants of costs, by their modules, where they are not the library's."""
    return PARAMS[wildcards.space]["search_architecture"].get("costs", {})


def search_costs(wildcards):
    """The modules of the costs that constrain a search or that it scores by."""
    objectives = filter(None, map(scorers.cost, scorers.names(by_search(wildcards))))
    return sorted({*map(costs.kind_of, [*search(wildcards).get("constraints", {}), *objectives])})


def search_constants(wildcards):
    """The constants of these costs alone, so that another one's change runs no search again."""
    given = cost_constants(wildcards)
    return {kind: given[kind] for kind in search_costs(wildcards) if kind in given}


def by_finals(wildcards):
    """What scores the finalists."""
    return PARAMS[wildcards.space]["finals"]["by"]


def searched(wildcards):
    """What a search reads besides what scores: the benchmark, if only its architectures are searched."""
    return {PARAMS[wildcards.space]["search_architecture"]["candidates"]}


def needed(name, file, by, also=lambda wildcards: set()):
    """An input function: a file if scoring `by` those named reads it, or `also` what scores."""

    def find(wildcards):
        read = scorers.needs(PARAMS[wildcards.space], by(wildcards)) | also(wildcards)
        return [file.format(space=wildcards.space)] if name in read else []

    return find


def learnt_task(wildcards):
    """The file of the task that a search by a supernet learns, if it learns one."""
    own = search(wildcards)
    return [task_file(own["task"], wildcards.space)] if "task" in own else []


def prior_scores(wildcards):
    """The scores of the evaluated sample that a search starts from, if it has a prior."""
    named = search(wildcards).get("prior")
    aggregated = named in PARAMS[wildcards.space]["aggregate"]
    table = rules.aggregate.output.aggregates if aggregated else rules.train_proxy.output.scores_table
    return [table.format(space=wildcards.space)] if named else []


def encoded(wildcards):
    """The vectors of the architectures, for a search by a learned encoding."""
    table = rules.encode.output.vectors.format(space=wildcards.space)
    return [table] if "encoding" in search(wildcards) else []


def scoring_tasks(by):
    """An input function: the task files of the proxies that score."""

    def find(wildcards):
        tasks = tasks_by_proxy(wildcards)
        names = scorers.proxies(PARAMS[wildcards.space], by(wildcards))
        return sorted({tasks[name] for name in names if name in tasks})

    return find


def scoring_labelled(by):
    """An input function: the labelled architectures' scores, for the aggregates among what scores."""
    return lambda wildcards: labelled_scores(
        wildcards.space, scorers.aggregates(PARAMS[wildcards.space], by(wildcards))
    )


def objectives(by, section):
    """A function of wildcards: what a job is given of those that score."""

    def find(wildcards):
        own = PARAMS[wildcards.space]
        protocol = section(wildcards).get("protocol") if by(wildcards) else None
        find_task = lambda task: task_file(task, wildcards.space)
        return list(scorers.specifications(own, by(wildcards), PROTOCOLS, find_task, protocol))

    return find


def searching_code(stage, by, kinds=lambda wildcards: []):
    """A params function: a hash of the code of one job of a stage that scores, and of the `kinds` of its searches."""

    def find(wildcards):
        own = PARAMS[wildcards.space]
        scoring = {proxies(wildcards.space)[name]["kind"] for name in scorers.proxies(own, by(wildcards))}
        combining = {f"gennas/aggregates/{one['kind']}" for one in scorers.aggregates(own, by(wildcards))}
        modules = [*sorted(combining), *kinds(wildcards), *code.scoring_modules(wildcards.space, scoring)]
        return code.of_modules(stage, *modules)

    return find


def search_modules(wildcards):
    """What a search imports by name: its kind, and the costs that constrain it or that it scores by."""
    kind = search(wildcards)["kind"]
    return [f"gennas/searches/{kind}", *(f"gennas/costs/{cost}" for cost in search_costs(wildcards))]


def search_job(wildcards):
    """What a run of a search is given of its section."""
    given = {key: value for key, value in search(wildcards).items() if key not in ("by", "seeds", "protocol")}
    if "task" not in given:
        return given
    return {
        **given,
        "task": learnt_task(wildcards)[0],
        "images": PARAMS[wildcards.space]["download"]["images"],
    }


def search_protocol(wildcards):
    """The protocol of the networks that a search builds itself."""
    own = catalogue.declaration("searches", search(wildcards)["kind"])["supernet"]
    return PROTOCOLS[search(wildcards)["protocol"]] if own else {}


def search_target(wildcards):
    """The target, for a search that looks at the benchmark."""
    read = scorers.needs(PARAMS[wildcards.space], by_search(wildcards)) | searched(wildcards)
    return PARAMS[wildcards.space]["target"] if "benchmark" in read else ""


def judges(wildcards):
    """The column of the benchmark that judges each search's answers."""
    own = PARAMS[wildcards.space]
    searches = own["search_architecture"]["searches"]
    return {name: scorers.judge(own, one) for name, one in searches.items()}


def asked(wildcards):
    """What each search of several objectives asks for, in the words of params.yaml."""
    searches = PARAMS[wildcards.space]["search_architecture"]["searches"]
    every = {name: scorers.names(one.get("by", [])) for name, one in searches.items()}
    return {name: by for name, by in every.items() if len(by) > 1}


def search_needs_gpu(wildcards):
    """Whether a search has work for a GPU."""
    scoring = scorers.proxies(PARAMS[wildcards.space], by_search(wildcards))
    kinds = [proxies(wildcards.space)[name]["kind"] for name in scoring]
    return int(bool(search_protocol(wildcards)) or any(map(scorers.needs_protocol, kinds)))


def search_threads(wildcards):
    """At most: as many as there are cores; one-thread jobs fill these first."""
    return 8 if scorers.proxies(PARAMS[wildcards.space], by_search(wildcards)) else 1


def runs_of(space, name):
    """The units of a search."""
    seeds = PARAMS[space]["search_architecture"]["searches"][name]["seeds"]
    return [f"results/{space}/searches/{name}/seed-{repetition}.parquet" for repetition in range(seeds)]


def search_units(wildcards):
    """The units of all searches of a space."""
    names = PARAMS[wildcards.space]["search_architecture"]["searches"]
    return [unit for name in names for unit in runs_of(wildcards.space, name)]


def finals_target(wildcards):
    """The target, for finals that look at the benchmark."""
    read = scorers.needs(PARAMS[wildcards.space], by_finals(wildcards))
    return PARAMS[wildcards.space]["target"] if "benchmark" in read else ""
