"""Everything on one page.

Reads:  every other artifact
Writes: report.html (self-contained), figures/<name>.svg
"""


rule report:
    input:
        code=lambda wildcards: code.files("report", f"gennas/spaces/{wildcards.space}"),
        template="stages/report/page.html.jinja",
        benchmark=rules.download.output.benchmark,
        images=rules.download.output.images,
        architectures=rules.sample.output.architectures,
        scores=rules.train_proxy.output.scores,
        aggregates=rules.aggregate.output.aggregates,
        costs=rules.time_proxies.output.costs,
        correlation=rules.correlate.output.correlation,
        proxy_correlation=rules.correlate.output.proxy_correlation,
        convergence=rules.correlate.output.convergence,
        trials=rules.search_task.output.trials,
        best_task=rules.search_task.output.best_task,
        trajectory=rules.search_architecture.output.trajectory,
        best=rules.search_architecture.output.best,
        history=rules.retrain.output.history,
        retrain_metrics=rules.retrain.output.metrics,
        tasks=lambda wildcards: hand_made_tasks(wildcards.space),
        every_task=TASKS,
    output:
        html=report("results/{space}/report.html", caption="../report/report.rst", category="{space}"),
        cost=report("results/{space}/figures/cost.svg", caption="../report/cost.rst", category="{space}"),
        proxy_correlation=report(
            "results/{space}/figures/proxy_correlation.svg",
            caption="../report/proxy_correlation.rst",
            category="{space}",
        ),
        scatter=report(
            "results/{space}/figures/scatter.svg", caption="../report/scatter.rst", category="{space}"
        ),
        convergence=report(
            "results/{space}/figures/convergence.svg",
            caption="../report/convergence.rst",
            category="{space}",
        ),
        signals=report(
            "results/{space}/figures/signals.svg", caption="../report/signals.rst", category="{space}"
        ),
        task_search=report(
            "results/{space}/figures/task_search.svg",
            caption="../report/task_search.rst",
            category="{space}",
        ),
        search=report(
            "results/{space}/figures/search.svg", caption="../report/search.rst", category="{space}"
        ),
        retrain=report(
            "results/{space}/figures/retrain.svg", caption="../report/retrain.rst", category="{space}"
        ),
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
        values=values(),
        protocols=PROTOCOLS,
        seed=SEED,
        figures=lambda wildcards, output: Path(output.scatter).parent,
    message:
        "{wildcards.space}: draw the report"
    shell:
        "python -m stages.report --space {wildcards.space:q} --params {params.values:q}"
        " --protocols {params.protocols:q} --seed {params.seed}"
        " --benchmark {input.benchmark:q} --images {input.images:q} --architectures {input.architectures:q}"
        " --scores {input.scores:q} --aggregates {input.aggregates:q} --costs {input.costs:q}"
        " --correlation {input.correlation:q} --proxy-correlation {input.proxy_correlation:q}"
        " --convergence {input.convergence:q}"
        " --trials {input.trials:q} --best-task {input.best_task:q} --trajectory {input.trajectory:q}"
        " --best {input.best:q} --history {input.history:q} --retrain-metrics {input.retrain_metrics:q}"
        " --tasks {input.tasks:q} --html {output.html:q} --figures {params.figures:q} --log {log:q}"
