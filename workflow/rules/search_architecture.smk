"""The best architecture, as a proxy, an aggregate or the benchmark sees it, by several searches side by side.

Reads:  what its searches read, each only what its options ask for: images.parquet, the proxies' and
        searches' tasks, benchmark.parquet, scores.parquet, aggregates.parquet, the labelled architectures' scores and
        encode/vectors.parquet; benchmark.parquet to judge the answers
Writes: searches/<search>/seed-<k>.parquet, then search/trajectory.parquet, plots/regret.csv, and of searches for two
        objectives search/fronts.parquet, search/front_members.parquet
Steps:  one job per run of a search, so that another search or seed computes nothing else again; those that train a
        supernet go on from a checkpoint when they were killed

What is in searches/ is Snakemake's alone, as the shards of train_proxy are.
"""


rule search_architecture_unit:
    input:
        benchmark=needed("benchmark", rules.download.output.benchmark, by_search, searched),
        images=needed("images", rules.download.output.images, by_search),
        scores=needed("scores", rules.train_proxy.output.scores_table, by_search),
        prior=prior_scores,
        vectors=encoded,
        labelled=scoring_labelled(by_search),
        tasks=scoring_tasks(by_search),
        learnt=learnt_task,
    output:
        steps=temp("results/{space}/searches/{search}/seed-{repetition}.parquet"),
    log:
        "logs/{space}/searches/{search}-{repetition}.log",
    benchmark:
        "logs/{space}/searches/{search}-{repetition}.tsv"
    priority: 10  # the finals and retraining wait for it
    conda:
        "../envs/gennas.yaml"
    threads: search_threads
    resources:
        mem_mb=for_workers,
        runtime=growing(1440),
        gpu=search_needs_gpu,
    params:
        files=files(
            "benchmark",
            "images",
            "scores",
            "labelled",
            "prior",
            "vectors",
            "steps",
            checkpoint="checkpoints/{space}/searches/{search}-{repetition}.pt",
        ),
        values=values(
            space=wildcard("space"),
            name=wildcard("search"),
            search=search_job,
            candidates=of("search_architecture", "candidates"),
            objectives=objectives(by_search, search),
            protocol=search_protocol,
            target=search_target,
            constants=search_constants,
            seed=SEED,
            repetition=wildcard("repetition", int),
        ),
        code=searching_code("search_architecture", by_search, search_modules),
    message:
        "{wildcards.space}: run {wildcards.repetition} of the search {wildcards.search} (follow it in {log})"
    shell:
        "python -m stages.search_architecture unit --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"


rule search_architecture:
    input:
        tasks=named_tasks,
        own_tasks=TASKS,
        best_task=rules.search_task.output.best_task,
        architectures=rules.sample.output.architectures,
        images=rules.download.output.images,
        scores=rules.train_proxy.output.scores_table,
        aggregates=rules.aggregate.output.aggregates,
        vectors=rules.encode.output.vectors,
        benchmark=rules.download.output.benchmark,
        units=search_units,
    output:
        trajectory="results/{space}/search/trajectory.parquet",
        regret="results/{space}/plots/regret.csv",
        fronts_table="results/{space}/search/fronts.parquet",
        members="results/{space}/search/front_members.parquet",
    log:
        "logs/{space}/search_architecture.log",
    benchmark:
        "logs/{space}/search_architecture.tsv"
    priority: 10
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=files("units", "benchmark", "trajectory", "regret", "fronts_table", "members"),
        values=values(space=wildcard("space"), judges=judges, asked=asked, constants=cost_constants),
        section=values(
            search_architecture=of("search_architecture"),
            target=of("target"),
            aggregate=of("aggregate"),
            train_proxy=of("train_proxy"),
            label=of("sample", "label"),
            images=of("download", "images"),
            protocols=PROTOCOLS,
            seed=SEED,
        ),
        # of the units, as DVC counts it
        code=room_code("search_architecture"),
    message:
        "{wildcards.space}: gather the searches"
    shell:
        "python -m stages.search_architecture gather --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
