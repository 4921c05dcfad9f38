"""What each proxy costs.

Reads:  architectures.parquet (the first few of role evaluate), images.parquet, the proxies' tasks
Writes: costs.parquet, a measurement: the one artifact that another run makes differently

One job on one machine, so that its numbers compare; nothing but the report is made of them.
"""


rule time_proxies:
    input:
        code=lambda wildcards: code.files("time_proxies", f"gennas/spaces/{wildcards.space}", *proxy_kinds()),
        tasks=TASKS,
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
        values=values("train_proxy"),
        protocols=PROTOCOLS,
        seed=SEED,
    message:
        "{wildcards.space}: measure what each proxy costs"
    shell:
        "python -m stages.time_proxies --space {wildcards.space:q} --params {params.values:q}"
        " --protocols {params.protocols:q} --seed {params.seed} --architectures {input.architectures:q}"
        " --images {input.images:q} --best-task {input.best_task:q} --costs {output.costs:q} --log {log:q}"
