"""A better regression task, found with the labelled architectures.

Reads:  architectures.parquet (role label), their accuracies, images.parquet
Writes: task_search/trials.parquet, task_search/best_task.yaml
"""


rule search_task:
    input:
        code=scoring_code("search_task"),
        architectures=rules.sample.output.architectures,
        benchmark=rules.download.output.benchmark,
        images=rules.download.output.images,
    output:
        trials="results/{space}/task_search/trials.parquet",
        best_task="results/{space}/task_search/best_task.yaml",
    log:
        "logs/{space}/search_task.log",
    benchmark:
        "logs/{space}/search_task.tsv"
    priority: 10  # the searched task's scores wait for it
    conda:
        "../envs/gennas.yaml"
    threads: 8  # at most: as many as there are cores; one-thread jobs fill these first
    resources:
        mem_mb=lambda wildcards, threads, attempt: (1500 + 500 * threads) * attempt,
        runtime=growing(1440),
        gpu=1,
    params:
        values=values("search_task"),
        protocols=PROTOCOLS,
        target=values("target"),
        seed=SEED,
    message:
        "{wildcards.space}: search for a task on the labelled architectures (follow it in {log})"
    shell:
        "python -m stages.search_task --space {wildcards.space:q} --params {params.values:q}"
        " --protocols {params.protocols:q} --target {params.target:q}"
        " --seed {params.seed} --workers {threads} --architectures {input.architectures:q}"
        " --benchmark {input.benchmark:q} --images {input.images:q}"
        " --trials {output.trials:q} --best-task {output.best_task:q} --log {log:q}"
