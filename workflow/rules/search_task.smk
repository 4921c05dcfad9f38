"""A better regression task, found with the labelled architectures.

Reads:  architectures.parquet (role label), their accuracies, images.parquet
Writes: task_search/trials.parquet, task_search/best_task.yaml
"""


rule search_task:
    input:
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
        mem_mb=for_workers,
        runtime=growing(1440),
        gpu=1,
    params:
        files=files(),
        values=values(
            space=wildcard("space"),
            protocol=lambda wildcards: PROTOCOLS[of("search_task", "protocol")(wildcards)],
            budget=of("search_task", "budget"),
            target=of("target"),
            seed=SEED,
        ),
        section=values(protocols=PROTOCOLS),  # as DVC counts them
        code=room_code("search_task"),
    message:
        "{wildcards.space}: search for a task on the labelled architectures (follow it in {log})"
    shell:
        "python -m stages.search_task --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
