"""Ground truth and unlabelled images.

Reads:  the sources named in params.yaml, verified by hash, fetched with retries
Writes: benchmark.parquet (one row per architecture), images.parquet
"""


rule download:
    output:
        benchmark="results/{space}/benchmark.parquet",
        images="results/{space}/images.parquet",
    log:
        "logs/{space}/download.log",
    benchmark:
        "logs/{space}/download.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
    params:
        files=files(),
        values=values(
            space=wildcard("space"),
            sources=of("download", "sources"),
            image_kind=of("download", "images"),
            seed=SEED,
        ),
        code=room_code("download"),
    message:
        "{wildcards.space}: fetch ground truth and unlabelled images"
    shell:
        "python -m stages.download --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
