"""Ground truth and unlabelled images.

Reads:  the sources named in params.yaml, verified by hash, fetched with retries; joined by architecture
Writes: benchmark.parquet (one row per architecture), images.parquet
"""


rule download:
    input:
        code=lambda wildcards: code.files(
            "download", f"gennas/spaces/{wildcards.space}", *sources(wildcards.space)
        ),
        sources=code.loaded_files("gennas/benchmarks"),
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
        values=values("download"),
        seed=SEED,
    message:
        "{wildcards.space}: fetch ground truth and unlabelled images"
    shell:
        "python -m stages.download --space {wildcards.space:q} --params {params.values:q}"
        " --seed {params.seed} --benchmark {output.benchmark:q} --images {output.images:q}"
        " --log {log:q}"
