"""Everything on one page.

Reads:  every other artifact
Writes: report.html (self-contained), figures/<name>.svg
"""


rule report:
    input:
        benchmark=rules.download.output.benchmark,
        images=rules.download.output.images,
        architectures=rules.sample.output.architectures,
        score_tables=[rules.train_proxy.output.scores_table, rules.aggregate.output.aggregates],
        costs_table=rules.time_proxies.output.costs,
        correlation=rules.correlate.output.correlation,
        proxy_correlation=rules.correlate.output.proxy_correlation,
        convergence=rules.correlate.output.convergence,
        trials=rules.search_task.output.trials,
        best_task=rules.search_task.output.best_task,
        tasks=hand_made_tasks,
        own_tasks=TASKS,
        measures=rules.encode.output.measures,
        points=rules.encode.output.points,
        trajectory=rules.search_architecture.output.trajectory,
        fronts=rules.search_architecture.output.fronts_table,
        front_members=rules.search_architecture.output.members,
        finals=rules.finals.output.finals,
        best=rules.finals.output.best,
        history=rules.retrain.output.history,
        retrained=rules.retrain.output.metrics,
    output:
        html=report("results/{space}/report.html", caption="../report/report.rst", category="{space}"),
        pictures=[
            picture("cost"),
            picture("proxy_correlation"),
            picture("scatter"),
            picture("convergence"),
            picture("signals"),
            picture("task_search"),
            picture("search"),
            picture("retrain"),
        ],
    log:
        "logs/{space}/report.log",
    benchmark:
        "logs/{space}/report.tsv"
    conda:
        "../envs/gennas.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=0,
    params:
        files=files(
            "benchmark",
            "images",
            "architectures",
            "score_tables",
            "costs_table",
            "correlation",
            "proxy_correlation",
            "convergence",
            "trials",
            "best_task",
            "tasks",
            "measures",
            "points",
            "trajectory",
            "fronts",
            "front_members",
            "finals",
            "best",
            "history",
            "retrained",
            "html",
            "pictures",
        ),
        values=values(space=wildcard("space"), section=of(), protocols=PROTOCOLS, seed=SEED),
        code=room_code("report"),
    message:
        "{wildcards.space}: draw the report"
    shell:
        "python -m stages.report --files {params.files:q} --values {params.values:q}"
        " --workers {threads} --log {log:q}"
