"""The architectures, in the order of their draw, with their role.

Reads:  benchmark.parquet
Writes: architectures.parquet; how many are evaluated is decided by train_proxy's shards
"""


rule sample:
    input:
        benchmark=rules.download.output.benchmark,
    output:
        architectures="results/{space}/architectures.parquet",
    log:
        "logs/{space}/sample.log",
    benchmark:
        "logs/{space}/sample.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=files(),
        values=values(label=of("sample", "label"), target=of("target"), seed=SEED),
        code=room_code("sample"),
    message:
        "{wildcards.space}: draw the architectures"
    shell:
        "python -m stages.sample --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
