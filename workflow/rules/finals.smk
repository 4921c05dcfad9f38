"""The best-scored architectures of some searches, scored again; the best of the first search's is the answer.

Reads:  searches/<search>/, what `by` asks for, as search_architecture does; benchmark.parquet to judge the answers
Writes: finals/<search>/scores.parquet, then finals/scores.parquet, search/best.json
Steps:  one job per search; other finals search nothing again

What is in the searches' folders is Snakemake's alone, as the shards of train_proxy are.
"""


rule finals_unit:
    input:
        steps=lambda wildcards: runs_of(wildcards.space, wildcards.search),
        benchmark=needed("benchmark", rules.download.output.benchmark, by_finals),
        images=needed("images", rules.download.output.images, by_finals),
        scores=needed("scores", rules.train_proxy.output.scores_table, by_finals),
        labelled=scoring_labelled(by_finals),
        tasks=scoring_tasks(by_finals),
    output:
        finals=temp("results/{space}/finals/{search}/scores.parquet"),
    log:
        "logs/{space}/finals/{search}.log",
    benchmark:
        "logs/{space}/finals/{search}.tsv"
    priority: 10  # retraining waits for it
    conda:
        "../envs/gennas.yaml"
    threads: 8  # at most: as many as there are cores; one-thread jobs fill these first
    resources:
        mem_mb=for_workers,
        runtime=growing(1440),
        gpu=1,
    params:
        files=files("steps", "benchmark", "images", "scores", "labelled", "finals"),
        values=values(
            space=wildcard("space"),
            name=wildcard("search"),
            objectives=objectives(by_finals, of("finals")),
            finalists=of("finals", "finalists"),
            repetitions=of("finals", "repetitions"),
            target=finals_target,
            seed=SEED,
        ),
        code=searching_code("finals", by_finals),
    message:
        "{wildcards.space}: score the finalists of {wildcards.search} again (follow it in {log})"
    shell:
        "python -m stages.finals unit --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"


rule finals:
    input:
        tasks=named_tasks,
        own_tasks=TASKS,
        best_task=rules.search_task.output.best_task,
        architectures=rules.sample.output.architectures,
        images=rules.download.output.images,
        scores=rules.train_proxy.output.scores_table,
        benchmark=rules.download.output.benchmark,
        trajectory=rules.search_architecture.output.trajectory,
        units=lambda wildcards: expand(
            "results/{space}/finals/{search}/scores.parquet",
            space=wildcards.space,
            search=PARAMS[wildcards.space]["finals"]["of"],
        ),
    output:
        finals="results/{space}/finals/scores.parquet",
        best="results/{space}/search/best.json",
    log:
        "logs/{space}/finals.log",
    benchmark:
        "logs/{space}/finals.tsv"
    priority: 10
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=files("units", "trajectory", "benchmark", "finals", "best"),
        values=values(target=of("target")),
        section=values(
            finals=of("finals"),
            aggregate=of("aggregate"),
            train_proxy=of("train_proxy"),
            label=of("sample", "label"),
            protocols=PROTOCOLS,
            seed=SEED,
        ),
        # of the units, as DVC counts it
        code=room_code("finals"),
    message:
        "{wildcards.space}: gather the finals"
    shell:
        "python -m stages.finals gather --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
