"""The found architecture, trained for real; beside a random one of the sample.

Reads:  search/best.json, architectures.parquet, a labelled data set or texts
Writes: retrain/history.parquet, retrain/metrics.json, retrain/weights.pt
Steps:  a checkpoint after each epoch; a killed job resumes from it
"""


rule retrain:
    input:
        code=lambda wildcards: code.files("retrain", f"gennas/spaces/{wildcards.space}"),
        best=rules.search_architecture.output.best,
        architectures=rules.sample.output.architectures,
        texts=texts,
    output:
        history="results/{space}/retrain/history.parquet",
        metrics="results/{space}/retrain/metrics.json",
        weights="results/{space}/retrain/weights.pt",
    log:
        "logs/{space}/retrain.log",
    benchmark:
        "logs/{space}/retrain.tsv"
    priority: 10
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(1440),
        gpu=1,
    params:
        values=values("retrain"),
        seed=SEED,
        checkpoint="checkpoints/{space}/retrain.pt",
    message:
        "{wildcards.space}: train the found architecture for real (follow it in {log})"
    shell:
        "python -m stages.retrain --space {wildcards.space:q} --params {params.values:q}"
        " --seed {params.seed} --best {input.best:q} --architectures {input.architectures:q}"
        " --history {output.history:q} --metrics {output.metrics:q} --weights {output.weights:q}"
        " --checkpoint {params.checkpoint:q} --log {log:q}"
