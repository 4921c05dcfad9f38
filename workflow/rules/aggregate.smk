"""Several proxies' scores in one.

Reads:  scores.parquet; for a fit, its members' scores of the labelled architectures, and their targets
Writes: scores/<proxy>/shard-labelled.parquet, then aggregates.parquet, fits.json

The labelled architectures' scores are Snakemake's alone, as are the shards of `train_proxy`, and for
the same reasons.
"""


rule aggregate_shard:
    input:
        architectures=rules.sample.output.architectures,
        images=rules.download.output.images,
        task=proxy_task,
    output:
        shard=temp("results/{space}/scores/{proxy}/shard-labelled.parquet"),
    log:
        "logs/{space}/aggregate/{proxy}.log",
    benchmark:
        "logs/{space}/aggregate/{proxy}.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
        gpu=needs_gpu,
    params:
        files=files(),
        values=values(
            space=wildcard("space"),
            name=wildcard("proxy"),
            proxy=proxy_job,
            role="label",
            first=0,
            last=of("sample", "label"),
            seed=SEED,
        ),
        code=proxy_code,
    message:
        "{wildcards.space}: score the labelled architectures with {wildcards.proxy}"
    shell:
        "python -m stages.train_proxy shard --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"


rule aggregate:
    input:
        tasks=named_tasks,
        own_tasks=TASKS,
        best_task=rules.search_task.output.best_task,
        architectures=rules.sample.output.architectures,
        images=rules.download.output.images,
        benchmark=rules.download.output.benchmark,
        scores=rules.train_proxy.output.scores_table,
        labelled=labelled_shards,
    output:
        aggregates="results/{space}/aggregates.parquet",
        fits="results/{space}/fits.json",
    log:
        "logs/{space}/aggregate.log",
    benchmark:
        "logs/{space}/aggregate.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        files=files("scores", "labelled", "benchmark", "aggregates", "fits"),
        values=values(section=of("aggregate"), target=of("target")),
        section=values(
            label=of("sample", "label"), train_proxy=of("train_proxy"), protocols=PROTOCOLS, seed=SEED
        ),
        # of the labelled architectures' scores, as DVC counts it
        code=room_code("aggregate"),
    message:
        "{wildcards.space}: combine proxies"
    shell:
        "python -m stages.aggregate --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
