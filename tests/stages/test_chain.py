"""Every search space through the whole chain, stage by stage, on a benchmark of made-up truth.

What the files of a benchmark say is tested with each space; whether their data are at hand does not matter here.
"""

import inspect
import json
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import varied

from gennas import spaces
from gennas.benchmarks import Benchmark, Trained
from gennas.regression.genes import load_task, task_path
from gennas.seeds import rng
from gennas.targets import ACCURACY, LOG_PERPLEXITY, Target
from stages import (
    aggregate,
    correlate,
    download,
    encode,
    finals,
    retrain,
    sample,
    search_architecture,
    search_task,
    time_proxies,
    train_proxy,
)
from stages.report import __main__ as report
from stages.support import artifacts, command, scorers
from stages.support.inputs import read_images

TASKS = {"graphs": "graphs", "images": "single", "sequences": "nlp_dot"}
TARGETS = {
    "graphs": ("toy_accuracy", ACCURACY),
    "images": ("toy_accuracy", ACCURACY),
    "sequences": ("toy_loss", LOG_PERPLEXITY),
}
DATASETS = {"graphs": "digits_neighbours", "images": "digits", "sequences": "descriptions"}
PROTOCOL = {
    "width": 0.05, "depth": 0.05, "batch_size": 2, "resolution": 8, "target_channels": 4, "iterations": 2,
    "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.0, "readout": "training",
    "readout_window": 1, "time_limit": 60,
}  # fmt: skip
SEARCHES = {
    "evolution": {
        "kind": "ageing_evolution", "by": "regression", "evaluations": 3, "batch": 2, "seeds": 1, "population": 2,
        "tournament": 1, "halving": {"rungs": [1], "minimum": 2},
    },
    "local": {"kind": "local_search", "by": "ranks", "evaluations": 3, "batch": 2, "seeds": 1},
}  # fmt: skip
FINALS = {"of": ["evolution"], "by": "regression", "finalists": 2, "repetitions": 1}
TRAINING = {
    "width": 0.05, "depth": 0.05, "epochs": 1, "batch_size": 256, "optimizer": "adam", "learning_rate": 0.001,
    "momentum": 0.9, "weight_decay": 0.0, "validation_share": 0.2,
}  # fmt: skip
PROXIES = {"parameters": {"kind": "parameters", "seeds": 1}, "regression": {"kind": "regression", "seeds": 1}}
AGGREGATES = {"ranks": {"kind": "log_rank", "members": ["parameters", "regression"]}}
PROTOCOLS = {"toy": PROTOCOL}
PICTURES = ("cost", "proxy_correlation", "scatter", "convergence", "signals", "task_search", "search", "retrain")


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


class Chain:
    """A space's stages in a folder, each run as a rule would run it: files and values as JSON."""

    def __init__(self, name: str, folder: Path) -> None:
        self.family = spaces.load(name).FAMILY
        self.folder, self.target = folder, TARGETS[self.family][0]
        self.task = str(task_path(TASKS[self.family]))
        proxies = {**PROXIES, "regression": {**PROXIES["regression"], "task": TASKS[self.family]}}
        self.section = {
            "target": self.target,
            "train_proxy": {"protocol": "toy", "proxies": proxies},
            "aggregate": AGGREGATES,
            "search_architecture": {"candidates": "benchmark", "searches": SEARCHES},
            "finals": FINALS,
        }
        self.common = {"space": name, "seed": 1, "target": self.target}

    def at(self, *names: str) -> list[str]:
        return [str(self.folder / name) for name in names]

    def run(self, function: Any, **given: Any) -> None:
        """A stage's function; where `given` names no file, it is `<name>.parquet` in the folder."""
        kinds = typing.get_type_hints(function)
        files: dict[str, Any] = {}
        values = {name: value for name, value in {**self.common, **given}.items() if name in kinds}
        for name in inspect.signature(function).parameters:
            if command.is_file(kinds[name]):
                own = values.pop(name, f"{name}.parquet")
                paths = own if isinstance(own, list) else self.at(own)
                files[name] = paths if kinds[name] == list[Path] else paths[0]
        named = {"files": json.dumps(files), "values": json.dumps(values), "workers": 1}
        function(**command.arguments(function, named))

    def objectives(self, by: str) -> list[dict[str, Any]]:
        """What a job is given of those that score."""
        return list(scorers.specifications(self.section, by, PROTOCOLS, lambda task: str(task_path(task))))

    def score(self) -> None:
        """Proxies, aggregates, and what they cost."""
        section = self.section["train_proxy"]
        jobs = {proxy: scorers.job_parameters(section, proxy, PROTOCOLS) for proxy in PROXIES}
        task_of = {"regression": self.task}
        for proxy, job in jobs.items():
            task = [task_of[proxy]] if proxy in task_of else []
            values = {"name": proxy, "proxy": job, "role": "evaluate", "first": 0, "last": 6}
            self.run(train_proxy.shard, **values, task=task, shard=f"{proxy}.parquet")
        self.run(train_proxy.gather, shards=self.at(*(f"{proxy}.parquet" for proxy in PROXIES)),
                 scores_table="scores.parquet")  # fmt: skip
        self.run(aggregate.aggregate, labelled=[], section=AGGREGATES, fits="fits.json")
        self.run(time_proxies.time_proxies, proxies=jobs, task_of=task_of, tasks=[self.task])

    def search(self) -> None:
        """Each search, and the finals."""
        for name, search in SEARCHES.items():
            self.run(
                search_architecture.unit, name=name, search=search, candidates="benchmark", protocol={}, repetition=0,
                labelled=[], prior=[], vectors=[], constants={}, objectives=self.objectives(search["by"]),
                steps=f"{name}.parquet",
            )  # fmt: skip
        units = self.at(*(f"{name}.parquet" for name in SEARCHES))
        judges = {name: scorers.judge(self.section, search) for name, search in SEARCHES.items()}
        self.run(search_architecture.gather, units=units, regret="regret.csv", judges=judges,
                 fronts_table="fronts.parquet", members="front_members.parquet", asked={}, constants={})  # fmt: skip
        self.run(
            finals.unit, steps=self.at("evolution.parquet"), finals="evolution-finals.parquet", labelled=[],
            name="evolution", objectives=self.objectives(FINALS["by"]), finalists=2, repetitions=1,
        )  # fmt: skip
        self.run(
            finals.gather, units=self.at("evolution-finals.parquet"), scores="finals.parquet", best="best.json"
        )  # fmt: skip

    def encode(self) -> None:
        """No encoding."""
        self.run(encode.gather, vectors_of_each=[], own=[], worth=[], points_of_each=[])

    def retrain(self) -> None:
        """Both roles."""
        params = {**TRAINING, "dataset": DATASETS[self.family]}
        for role in ("found", "random"):
            self.run(
                retrain.unit, role=role, params=params, best=self.at("best.json") if role == "found" else [],
                history=f"{role}-history.parquet", metrics=f"{role}.json", weights=f"{role}.pt", checkpoint="c.pt",
            )  # fmt: skip
        self.run(
            retrain.gather, histories=self.at("found-history.parquet", "random-history.parquet"),
            results=self.at("found.json", "random.json"), found_weights="found.pt", weights="weights.pt",
            metrics="retrained.json",
        )  # fmt: skip


def test_images_have_the_height_and_width_of_their_kind(tmp_path):
    path = tmp_path / "images.parquet"
    artifacts.write_parquet(download.image_pool("emg", rng(0)), artifacts.IMAGES, path)
    assert read_images(path).shape == (download.IMAGES, 52, 16, 3)


@pytest.mark.parametrize("name", varied(spaces.NAMES))
def test_a_space_runs_from_a_benchmark_to_the_report(name, tmp_path):
    chain = Chain(name, tmp_path)
    write_benchmark(name, *TARGETS[chain.family], tmp_path)
    chain.run(sample.sample, label=3)
    budget = {"population": 1, "tournament": 1, "children": 1}
    chain.run(search_task.search_task, protocol=PROTOCOL, budget=budget, best_task="best_task.yaml")
    chain.score()
    tables = chain.at("scores.parquet", "aggregates.parquet")
    chain.run(correlate.correlate, score_tables=tables, plot="plot.csv", metrics="metrics.json")
    chain.search()
    chain.encode()
    chain.retrain()
    chain.run(
        report.report, section=chain.section, protocols=PROTOCOLS, score_tables=tables, costs_table="costs.parquet",
        best_task="best_task.yaml", tasks=[chain.task], best="best.json", retrained="retrained.json",
        html="report.html", pictures=chain.at(*(f"{picture}.svg" for picture in PICTURES)),
    )  # fmt: skip
    assert set(json.loads((tmp_path / "metrics.json").read_text())) == {*PROXIES, *AGGREGATES}
    assert artifacts.read_parquet(tmp_path / "costs.parquet", artifacts.COSTS)["proxy"].to_pylist() == [*PROXIES]
    assert json.loads((tmp_path / "best.json").read_text())["benchmark_size"] == 10
    assert load_task(tmp_path / "best_task.yaml")["family"] == chain.family
    assert name in (tmp_path / "report.html").read_text()
