"""Every proxy's score of every evaluated architecture, shard by shard.

Reads:  architectures.parquet (role evaluate), images.parquet, the proxy's task
Writes: scores/<proxy>/shard-<first>-<last>.parquet, then all of them in scores.parquet
Steps:  one job per proxy and run of positions; a larger sample only adds jobs

The shards are Snakemake's alone: DVC neither tracks nor removes them, so that a larger study costs
only its new architectures through either door. `temp` says that scores.parquet is not stale for
want of a shard; the profiles keep the files (`notemp`). Hence `train_proxy` itself declares all
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
        code=proxy_code,
        values=proxy_values,
        seed=SEED,
    message:
        "{wildcards.space}: score architectures {wildcards.first} to {wildcards.last} with {wildcards.proxy}"
    shell:
        "python -m stages.train_proxy --log {log:q} shard --space {wildcards.space:q} --proxy {wildcards.proxy:q}"
        " --params {params.values:q} --seed {params.seed} --architectures {input.architectures:q}"
        " --images {input.images:q} --task {input.task:q}"
        " --first {wildcards.first} --last {wildcards.last} --output {output.shard:q}"


rule train_proxy:
    input:
        code=lambda wildcards: code.files("train_proxy", f"gennas/spaces/{wildcards.space}", *proxy_kinds()),
        tasks=lambda wildcards: proxy_tasks(wildcards.space),
        architectures=rules.sample.output.architectures,
        images=rules.download.output.images,
        shards=shards,
    output:
        scores="results/{space}/scores.parquet",
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
        evaluate=values("sample", "evaluate"),
        values=values("train_proxy"),
        protocols=PROTOCOLS,
        seed=SEED,
    message:
        "{wildcards.space}: gather the scores"
    shell:
        "python -m stages.train_proxy --log {log:q} gather {input.shards:q} --output {output.scores:q}"
