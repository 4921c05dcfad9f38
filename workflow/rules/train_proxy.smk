"""Every proxy's score of every evaluated architecture, shard by shard.

Reads:  architectures.parquet (role evaluate), images.parquet, the proxy's task
Writes: scores/<proxy>/shard-<first>-<last>.parquet, then all of them in scores.parquet
Steps:  one job per proxy and run of positions; a larger sample only adds jobs

The shards are Snakemake's alone: DVC neither tracks nor removes them, so that a larger study costs
only its new architectures through either entry point. `temp` says that scores.parquet is not stale for
lack of a shard; the profiles keep the files (`notemp`). Hence `train_proxy` itself declares all
that its shards depend on.
"""


rule train_proxy_shard:
    input:
        architectures=rules.sample.output.architectures,
        images=rules.download.output.images,
        task=proxy_task,
    output:
        shard=temp("results/{space}/scores/{proxy}/shard-{first}-{last}.parquet"),
    log:
        "logs/{space}/train_proxy/{proxy}-{first}-{last}.log",
    benchmark:
        "logs/{space}/train_proxy/{proxy}-{first}-{last}.tsv"
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
            role="evaluate",
            first=wildcard("first", int),
            last=wildcard("last", int),
            seed=SEED,
        ),
        code=proxy_code,
    message:
        "{wildcards.space}: score architectures {wildcards.first} to {wildcards.last} with {wildcards.proxy}"
    shell:
        "python -m stages.train_proxy shard --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"


rule train_proxy:
    input:
        tasks=named_tasks,
        own_tasks=TASKS,
        best_task=rules.search_task.output.best_task,
        architectures=rules.sample.output.architectures,
        images=rules.download.output.images,
        shards=shards,
    output:
        scores_table="results/{space}/scores.parquet",
    log:
        "logs/{space}/train_proxy.log",
    benchmark:
        "logs/{space}/train_proxy.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=files("shards", "scores_table"),
        values=values(),
        section=values(
            evaluate=of("sample", "evaluate"), train_proxy=of("train_proxy"), protocols=PROTOCOLS, seed=SEED
        ),
        # of the shards, as DVC counts it
        code=room_code("train_proxy"),
    message:
        "{wildcards.space}: gather the scores"
    shell:
        "python -m stages.train_proxy gather --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
