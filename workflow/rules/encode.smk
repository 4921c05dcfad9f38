"""Encodings that are learnt of the space's graphs, and what they are worth.

Reads:  the space; benchmark.parquet, for the rows of one that cannot be enumerated, and to measure
Writes: encodings/<encoding>.parquet, .own.parquet, .worth.parquet and .points.parquet, then encode/vectors.parquet,
        measures.parquet and points.parquet
Steps:  two jobs per encoding, of which only the second sees the target; a checkpoint after each epoch

What is named after an encoding is Snakemake's alone, as the shards of train_proxy are.
"""


rule encode_train:
    input:
        benchmark=not_enumerated,
    output:
        vectors=temp("results/{space}/encodings/{encoding}.parquet"),
        measures=temp("results/{space}/encodings/{encoding}.own.parquet"),
    log:
        "logs/{space}/encode/{encoding}.log",
    benchmark:
        "logs/{space}/encode/{encoding}.tsv"
    priority: 10  # searches wait for it
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
        gpu=1,
    params:
        files=files("benchmark", "vectors", "measures", checkpoint="checkpoints/{space}/encode-{encoding}.pt"),
        values=values(space=wildcard("space"), name=wildcard("encoding"), encoding=encoding, seed=SEED),
        code=encoding_code,
    message:
        "{wildcards.space}: learn the encoding {wildcards.encoding} (follow it in {log})"
    shell:
        "python -m stages.encode train --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"


rule encode_measure:
    input:
        vectors=rules.encode_train.output.vectors,
        benchmark=rules.download.output.benchmark,
    output:
        measures=temp("results/{space}/encodings/{encoding}.worth.parquet"),
        points=temp("results/{space}/encodings/{encoding}.points.parquet"),
    log:
        "logs/{space}/encode/{encoding}-measure.log",
    benchmark:
        "logs/{space}/encode/{encoding}-measure.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
        gpu=1,
    params:
        files=files(),
        values=values(
            space=wildcard("space"),
            name=wildcard("encoding"),
            encoding=encoding,
            target=of("target"),
            seed=SEED,
        ),
        code=encoding_code,
    message:
        "{wildcards.space}: measure the encoding {wildcards.encoding} (follow it in {log})"
    shell:
        "python -m stages.encode measure --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"


rule encode:
    input:
        benchmark=rules.download.output.benchmark,
        vectors_of_each=of_encodings("parquet"),
        own=of_encodings("own.parquet"),
        worth=of_encodings("worth.parquet"),
        points_of_each=of_encodings("points.parquet"),
    output:
        vectors="results/{space}/encode/vectors.parquet",
        measures="results/{space}/encode/measures.parquet",
        points="results/{space}/encode/points.parquet",
    log:
        "logs/{space}/encode.log",
    benchmark:
        "logs/{space}/encode.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=files("vectors_of_each", "own", "worth", "points_of_each", "vectors", "measures", "points"),
        values=values(),
        section=values(encode=of("encode"), target=of("target"), seed=SEED),  # of the units, as DVC counts it
        code=room_code("encode"),
    message:
        "{wildcards.space}: gather the encodings"
    shell:
        "python -m stages.encode gather --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
