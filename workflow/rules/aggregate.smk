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
        code=proxy_code,
        values=proxy_values,
        label=values("sample", "label"),
        seed=SEED,
    message:
        "{wildcards.space}: score the labelled architectures with {wildcards.proxy}"
    shell:
        "python -m stages.train_proxy --log {log:q} shard --space {wildcards.space:q} --proxy {wildcards.proxy:q}"
        " --params {params.values:q} --seed {params.seed} --architectures {input.architectures:q} --role label"
        " --images {input.images:q} --task {input.task:q} --first 0 --last {params.label} --output {output.shard:q}"


rule aggregate:
    input:
        code=lambda wildcards: code.files(
            "aggregate", "stages/train_proxy", f"gennas/spaces/{wildcards.space}", *proxy_kinds()
        ),
        tasks=lambda wildcards: proxy_tasks(wildcards.space),
        architectures=rules.sample.output.architectures,
        images=rules.download.output.images,
        benchmark=rules.download.output.benchmark,
        scores=rules.train_proxy.output.scores,
        shards=labelled_shards,
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
        label=values("sample", "label"),
        proxies=values("train_proxy"),
        values=values("aggregate"),
        protocols=PROTOCOLS,
        target=values("target"),
        seed=SEED,
    message:
        "{wildcards.space}: combine proxies"
    shell:
        "python -m stages.aggregate --params {params.values:q} --target {params.target:q} --scores {input.scores:q}"
        " --labelled {input.shards:q} --benchmark {input.benchmark:q} --aggregates {output.aggregates:q}"
        " --fits {output.fits:q} --log {log:q}"
