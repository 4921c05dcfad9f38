"""Every search space through the whole chain, stage by stage, on a benchmark of made-up truth.

What the files of a benchmark say is tested with each space; whether their data are at hand does not matter here.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import varied

from gennas import spaces
from gennas.benchmarks import Benchmark, Trained
from gennas.regression import genes as tasks
from gennas.seeds import rng
from gennas.targets import ACCURACY, LOG_PERPLEXITY, Target
from stages import (
    aggregate,
    correlate,
    download,
    report,
    retrain,
    sample,
    search_architecture,
    search_task,
    time_proxies,
    train_proxy,
)
from stages.support import artifacts

TASKS = {"images": "tasks/single.yaml", "sequences": "tasks/nlp_dot.yaml"}
TARGETS = {"images": ("toy_accuracy", ACCURACY), "sequences": ("toy_loss", LOG_PERPLEXITY)}
DATASETS = {"images": "digits", "sequences": "descriptions"}
PROTOCOL = {
    "width": 0.05, "depth": 0.05, "batch_size": 2, "resolution": 8, "target_channels": 4, "iterations": 2,
    "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.0, "readout": "training",
    "readout_window": 1,
}  # fmt: skip
SEARCH = {
    "protocol": "toy",
    "over": "table",
    "population": 2,
    "tournament": 1,
    "offspring": 2,
    "rungs": [1],
    "evaluations": 3,
    "seeds": 1,
    "finals": {"protocol": "toy", "finalists": 2, "repetitions": 1},
}
TRAINING = {
    "width": 0.05, "depth": 0.05, "epochs": 1, "batch_size": 256, "optimizer": "adam", "learning_rate": 0.001,
    "momentum": 0.9, "weight_decay": 0.0, "validation_share": 0.2,
}  # fmt: skip
PROXIES = {"parameters": {"kind": "parameters", "seeds": 1}, "regression": {"kind": "regression", "seeds": 1}}
AGGREGATES = {"ranks": {"kind": "log_rank", "members": ["parameters", "regression"]}}


def write_benchmark(name: str, target: str, declaration: Target, folder: Path) -> None:
    """Ten architectures of the space; what they reached is made up."""
    space, generator = spaces.load(name), np.random.default_rng(0)
    drawn: dict[str, Trained] = {}
    while len(drawn) < 10:
        architecture = space.random_architecture(generator)
        drawn[space.to_id(architecture)] = Trained(architecture, {target: 4.0 + len(drawn)})
    table = download.to_table(Benchmark(name, ("toy",), {target: declaration}, {}, drawn))
    artifacts.write_parquet(table, artifacts.BENCHMARK, folder / "benchmark.parquet")
    images = download.image_pool("noise", rng(0))
    artifacts.write_parquet(images, artifacts.IMAGES, folder / "images.parquet")


def run(stage, *command: str, **options) -> None:
    """A stage as its command line would run it: names and paths as they are, other values as JSON."""
    words = [*command]
    for name, value in options.items():
        paths = value if isinstance(value, tuple) else (value,)
        plain = isinstance(paths[0], Path) or name in ("space", "proxy")
        words += [f"--{name.replace('_', '-')}", *(map(str, paths) if plain else [json.dumps(value)])]
    args = stage.arguments().parse_args(words)
    args.function(args) if command else stage.main(args)


@pytest.mark.parametrize("name", varied(spaces.NAMES))
def test_a_space_runs_from_a_benchmark_to_the_report(name, tmp_path):
    family = spaces.load(name).FAMILY
    (target, declaration), task = TARGETS[family], Path(TASKS[family])

    def at(path: str) -> Path:
        return tmp_path / path

    write_benchmark(name, target, declaration, tmp_path)
    common = {"seed": 1, "benchmark": at("benchmark.parquet")}
    scoring = {"space": name, "images": at("images.parquet"), "protocols": {"toy": PROTOCOL}}
    run(sample, **common, label=3, target=target, architectures=at("architectures.parquet"))
    run(
        search_task, **common, **scoring, target=target, architectures=at("architectures.parquet"),
        params={"protocol": "toy", "budget": {"population": 1, "tournament": 1, "children": 1}},
        trials=at("trials.parquet"), best_task=at("best_task.yaml"),
    )  # fmt: skip
    for proxy, section in PROXIES.items():
        trained = {"task": task} if proxy == "regression" else {}
        run(
            train_proxy, "shard", space=name, images=at("images.parquet"), seed=1, proxy=proxy, first=0, last=6,
            params={**section, "protocol": PROTOCOL}, architectures=at("architectures.parquet"),
            output=at(f"{proxy}.parquet"), **trained,
        )  # fmt: skip
    shards = [str(at(f"{proxy}.parquet")) for proxy in PROXIES]
    run(train_proxy, "gather", *shards, output=at("scores.parquet"))
    run(
        aggregate, params=AGGREGATES, target=target, scores=at("scores.parquet"), benchmark=at("benchmark.parquet"),
        aggregates=at("aggregates.parquet"), fits=at("fits.json"),
    )  # fmt: skip
    proxies = {
        name: section | ({"task": str(task)} if name == "regression" else {}) for name, section in PROXIES.items()
    }
    proxies = {"protocol": "toy", "proxies": proxies}
    run(
        time_proxies, **scoring, seed=1, params=proxies, architectures=at("architectures.parquet"),
        best_task=at("best_task.yaml"), costs=at("costs.parquet"),
    )  # fmt: skip
    run(
        correlate, **common, target=target, scores=(at("scores.parquet"), at("aggregates.parquet")),
        correlation=at("correlation.parquet"), proxy_correlation=at("proxy_correlation.parquet"),
        convergence=at("convergence.parquet"), plot=at("plot.csv"), metrics=at("metrics.json"),
    )  # fmt: skip
    run(
        search_architecture, **common, **scoring, target=target, task=task, params=SEARCH,
        trajectory=at("trajectory.parquet"), regret=at("regret.csv"), best=at("best.json"),
    )  # fmt: skip
    run(
        retrain, space=name, seed=1, params={**TRAINING, "dataset": DATASETS[family]}, best=at("best.json"),
        architectures=at("architectures.parquet"), history=at("history.parquet"),
        metrics=at("retrain_metrics.json"), weights=at("weights.pt"), checkpoint=at("checkpoint.pt"),
    )  # fmt: skip
    documents = {n: at(f"{n}.parquet") for n in report.TABLES if n != "benchmark"}
    run(
        report, **common, space=name, protocols={"toy": PROTOCOL}, **documents, tasks=task, best=at("best.json"),
        params={"target": target, "train_proxy": proxies, "aggregate": AGGREGATES, "search_architecture": SEARCH},
        best_task=at("best_task.yaml"),
        retrain_metrics=at("retrain_metrics.json"), html=at("report.html"), figures=at("figures"),
    )  # fmt: skip
    assert set(json.loads(at("metrics.json").read_text())) == {*PROXIES, *AGGREGATES}
    assert artifacts.read_parquet(at("costs.parquet"), artifacts.COSTS)["proxy"].to_pylist() == [*PROXIES]
    assert json.loads(at("best.json").read_text())["benchmark_size"] == 10
    assert tasks.family(yaml.safe_load(at("best_task.yaml").read_text())) == family
    assert name in at("report.html").read_text()
