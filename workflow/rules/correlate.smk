"""How well every proxy and aggregate ranks, and which proxies agree.

Reads:  scores.parquet, aggregates.parquet, benchmark.parquet
Writes: correlation.parquet, proxy_correlation.parquet, convergence.parquet, metrics.json, plots/convergence.csv
"""


rule correlate:
    input:
        score_tables=[rules.train_proxy.output.scores_table, rules.aggregate.output.aggregates],
        benchmark=rules.download.output.benchmark,
    output:
        correlation="results/{space}/correlation.parquet",
        proxy_correlation="results/{space}/proxy_correlation.parquet",
        convergence="results/{space}/convergence.parquet",
        plot="results/{space}/plots/convergence.csv",
        metrics="results/{space}/metrics.json",
    log:
        "logs/{space}/correlate.log",
    benchmark:
        "logs/{space}/correlate.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=0,
    params:
        files=files(),
        values=values(target=of("target"), seed=SEED),
        code=room_code("correlate"),
    message:
        "{wildcards.space}: compare scores and accuracies"
    shell:
        "python -m stages.correlate --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
