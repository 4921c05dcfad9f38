"""What each proxy costs.

Reads:  architectures.parquet (the first few of role evaluate), images.parquet, the proxies' tasks
Writes: costs.parquet, a measurement: the one artifact that another run makes differently

One job on one machine, so that its numbers compare; nothing but the report is made of them.
"""


rule time_proxies:
    input:
        tasks=named_tasks,
        own_tasks=TASKS,
        best_task=rules.search_task.output.best_task,
        architectures=rules.sample.output.architectures,
        images=rules.download.output.images,
    output:
        costs="results/{space}/costs.parquet",
    log:
        "logs/{space}/time_proxies.log",
    benchmark:
        "logs/{space}/time_proxies.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
        gpu=any_needs_gpu,
    params:
        files=files("tasks", "architectures", "images", "costs"),
        values=values(space=wildcard("space"), proxies=proxy_jobs, task_of=tasks_by_proxy, seed=SEED),
        section=values(train_proxy=of("train_proxy"), protocols=PROTOCOLS),  # as DVC counts them
        code=room_code("time_proxies"),
    message:
        "{wildcards.space}: measure what each proxy costs"
    shell:
        "python -m stages.time_proxies --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
