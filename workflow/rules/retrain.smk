"""The found architecture, trained for real; beside a random one of the sample.

Reads:  search/best.json, architectures.parquet, a labelled data set or texts
Writes: retrain/<role>/ for the roles found and random, then retrain/history.parquet, metrics.json, weights.pt
Steps:  one job per role, so that another answer trains itself alone; a checkpoint after each epoch, from which a
        killed job goes on

What is in the roles' folders is Snakemake's alone, as the shards of train_proxy are.
"""


rule retrain_role:
    input:
        best=role_best,
        architectures=rules.sample.output.architectures,
        texts=texts,
    output:
        history=temp("results/{space}/retrain/{role}/history.parquet"),
        metrics=temp("results/{space}/retrain/{role}/metrics.json"),
        weights=temp("results/{space}/retrain/{role}/weights.pt"),
    log:
        "logs/{space}/retrain/{role}.log",
    benchmark:
        "logs/{space}/retrain/{role}.tsv"
    priority: 10
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(1440),
        gpu=1,
    params:
        files=files(
            "best",
            "architectures",
            "history",
            "metrics",
            "weights",
            checkpoint="checkpoints/{space}/{role}.pt",
        ),
        values=values(space=wildcard("space"), role=wildcard("role"), params=of("retrain"), seed=SEED),
        code=training_code,
    message:
        "{wildcards.space}: train the {wildcards.role} architecture for real (follow it in {log})"
    shell:
        "python -m stages.retrain unit --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"


rule retrain:
    input:
        best=rules.finals.output.best,
        architectures=rules.sample.output.architectures,
        texts=texts,
        histories=roles("history.parquet"),
        results=roles("metrics.json"),
        found_weights="results/{space}/retrain/found/weights.pt",
        random_weights="results/{space}/retrain/random/weights.pt",
    output:
        history="results/{space}/retrain/history.parquet",
        metrics="results/{space}/retrain/metrics.json",
        weights="results/{space}/retrain/weights.pt",
    log:
        "logs/{space}/retrain.log",
    benchmark:
        "logs/{space}/retrain.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=files("histories", "results", "found_weights", "history", "metrics", "weights"),
        values=values(),
        section=values(retrain=of("retrain"), seed=SEED),  # of the roles, as DVC counts it
        code=room_code("retrain"),
    message:
        "{wildcards.space}: gather the trainings"
    shell:
        "python -m stages.retrain gather --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
