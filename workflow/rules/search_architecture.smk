"""The best architecture of the space, as the proxy sees it; beside random search and, if asked, NASI.

Reads:  images.parquet, a task, the space; benchmark.parquet to judge the answer, and for the candidates `over: table`
Writes: search/trajectory.parquet, search/best.json, plots/regret.csv
"""


rule search_architecture:
    input:
        code=scoring_code("search_architecture"),
        benchmark=rules.download.output.benchmark,
        images=rules.download.output.images,
        task=lambda wildcards: task_file(
            PARAMS[wildcards.space]["search_architecture"]["task"], wildcards.space
        ),
        every_task=TASKS,
    output:
        trajectory="results/{space}/search/trajectory.parquet",
        best="results/{space}/search/best.json",
        regret="results/{space}/plots/regret.csv",
    log:
        "logs/{space}/search_architecture.log",
    benchmark:
        "logs/{space}/search_architecture.tsv"
    priority: 10  # retraining waits for it
    conda:
        "../envs/gennas.yaml"
    threads: 8  # at most: as many as there are cores; one-thread jobs fill these first
    resources:
        mem_mb=lambda wildcards, threads, attempt: (1500 + 500 * threads) * attempt,
        runtime=growing(1440),
        gpu=1,
    params:
        values=values("search_architecture"),
        protocols=PROTOCOLS,
        target=values("target"),
        seed=SEED,
    message:
        "{wildcards.space}: search the space with the proxy (follow it in {log})"
    shell:
        "python -m stages.search_architecture --space {wildcards.space:q} --params {params.values:q}"
        " --protocols {params.protocols:q} --target {params.target:q}"
        " --seed {params.seed} --workers {threads} --benchmark {input.benchmark:q} --images {input.images:q}"
        " --task {input.task:q} --trajectory {output.trajectory:q} --regret {output.regret:q}"
        " --best {output.best:q} --log {log:q}"
