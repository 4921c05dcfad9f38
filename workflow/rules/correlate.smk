"""How well each proxy ranks the architectures.

Reads:  scores.parquet, aggregates.parquet, benchmark.parquet
Writes: correlation.parquet, proxy_correlation.parquet, convergence.parquet, plots/convergence.csv, metrics.json
"""


rule correlate:
    input:
        code=code.files("correlate"),
        scores=rules.train_proxy.output.scores,
        aggregates=rules.aggregate.output.aggregates,
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
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        target=values("target"),
        seed=SEED,
    message:
        "{wildcards.space}: correlate scores and accuracies"
    shell:
        "python -m stages.correlate --scores {input.scores:q} {input.aggregates:q} --benchmark {input.benchmark:q}"
        " --target {params.target:q} --seed {params.seed} --correlation {output.correlation:q}"
        " --proxy-correlation {output.proxy_correlation:q} --convergence {output.convergence:q}"
        " --plot {output.plot:q} --metrics {output.metrics:q} --log {log:q}"
