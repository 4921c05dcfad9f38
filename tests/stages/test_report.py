"""What a reader of the report relies on: it is whole, self-contained, harmless and reproducible."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from helpers import with_target, write_answer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from gennas.errors import InputError
from gennas.files.documents import read_json
from gennas.regression.genes import load_task
from gennas.spaces import Vertex
from gennas.targets import ACCURACY, LOG_PERPLEXITY
from stages.report import __main__ as report
from stages.report import costs, figures, tables
from stages.report.figures import comparison, ranking, searches
from stages.report.figures.signals import mosaic
from stages.support import artifacts
from stages.support.ground_truth import GroundTruth
from stages.support.scores import Scores, by_proxy

TARGET = "cifar10_accuracy_percent"
HOSTILE = "<script>alert(1)</script>"
PROXIES = {"parameters": 0, "single": 5, HOSTILE: 5}  # training iterations
RANKED = ["labels", *PROXIES]  # worst first; `labels` is an aggregate
FOUND = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|avg_pool_3x3~1|nor_conv_1x1~2|"
ARCHITECTURES = [FOUND, f"{HOSTILE} & co", *(f"architecture-{i}" for i in range(12))]
ACCURACIES = np.linspace(94, 60, len(ARCHITECTURES))
EVALUATED = ARCHITECTURES[:12]
TASK = {
    "family": "images",
    "noise": {"kind": "uniform", "level": 0.1},
    "channel_factors": [1.0, 1.0, 1.0],
    "signals": {
        "stage_1": [{"basis": "dot", "amplitude": 1.0, "density": 0.5, "per_sample": True}],
        "stage_2": [{"basis": "resize", "amplitude": 1.0}],
        "stage_3": [],
    },
}
PARAMS = {
    "target": TARGET,
    "train_proxy": {
        "protocol": "tiny",
        "proxies": {
            "parameters": {"kind": "parameters", "seeds": 2},
            "single": {"kind": "regression", "seeds": 2},
            HOSTILE: {"kind": "short_training", "dataset": "digits", "seeds": 2},
        },
    },
    "aggregate": {"labels": {"kind": "fit", "members": ["parameters", "single"]}},
    "search_architecture": {
        "candidates": "space",
        "searches": {
            "evolution": {"kind": "ageing_evolution", "by": "single", "seeds": 2},
            "random": {"kind": "random_search", "by": ["single", "parameters"], "seeds": 2},
            "oracle": {"kind": "random_search", "by": "benchmark", "seeds": 2},
            "nasi_fix": {"kind": "nasi", "steps": 5, "seeds": 2},
        },
    },
    "finals": {"of": ["evolution", "random"], "by": "single", "protocol": "tiny", "finalists": 2, "repetitions": 2},
}
PROTOCOLS = {"tiny": {"width": 0.5, "depth": 0.2, "batch_size": 4, "resolution": 16}}
ACTIVE = {"script", "link", "iframe", "object", "embed", "form", "base", "foreignobject", "animate", "set"}
FIGURES = {"cost", "proxy_correlation", "scatter", "convergence", "signals", "task_search", "search", "retrain"}


def benchmark() -> pa.Table:
    rows = [
        {"architecture": a, "encoding": [i], "status": "ok", "labelled": False} for i, a in enumerate(ARCHITECTURES)
    ]
    table = pa.Table.from_pylist(rows, schema=artifacts.BENCHMARK)
    for name in (TARGET, "other_accuracy_percent"):
        table = with_target(table, name, ACCURACIES, nullable=False)
    return table


def score_rows() -> list[dict[str, Any]]:
    """Two seeds of each proxy; the last architecture's training diverged."""
    return [
        {
            "proxy": proxy,
            "seed": seed,
            "position": position,
            "architecture": architecture,
            "score": -float(position) if position < 11 else -np.inf,
            "status": "ok" if position < 11 else "diverged",
            "losses": [1.0] * iterations,
        }
        for proxy, iterations in PROXIES.items()
        for seed in range(2)
        for position, architecture in enumerate(EVALUATED)
    ]


def tabled(rows: list[dict[str, Any]]) -> dict[str, Scores]:
    """Rows as a report reads them."""
    return by_proxy(pa.Table.from_pylist(rows, schema=artifacts.SCORES))


def aggregate_rows() -> list[dict[str, Any]]:
    """Scores as those of the first proxy."""
    own = [row for row in score_rows() if row["proxy"] == "parameters" and row["seed"] == 0]
    return [{**row, "proxy": "labels"} for row in own]


def cost_rows() -> list[dict[str, Any]]:
    """The first proxy costs 0.01 s per repetition, and each a tenfold of the one before."""
    rows = [(proxy, 5, 3, 0.01 * 10**i, 0.008 * 10**i, 0.02 * 10**i) for i, proxy in enumerate(PROXIES)]
    return [dict(zip(artifacts.COSTS.names, row, strict=True)) for row in rows]


def correlation_rows() -> list[dict[str, Any]]:
    return [
        dict(zip(artifacts.CORRELATION.names, row, strict=True))
        for rank, proxy in enumerate(RANKED)
        for target in (TARGET, "other_accuracy_percent")
        for seeds in ("0", "1", "mean")
        for row in [(proxy, target, seeds, 12, 1, 0.5 + 0.1 * rank, 0.4321, 0.9876, 0.4, 1.0)]
    ]


def search_rows() -> list[dict[str, Any]]:
    return [
        step_row(name, search, seed, e)
        for name, search in PARAMS["search_architecture"]["searches"].items()
        for seed in range(2)
        for e in range(1, 6)
    ]


def step_row(name: str, search: dict[str, Any], seed: int, evaluation: int) -> dict[str, Any]:
    """A row of a search whose regret falls to 0 with the fifth evaluation."""
    queries = evaluation if search.get("by") == "benchmark" else 0
    values = {
        "search": name, "kind": search["kind"], "seed": seed, "evaluation": evaluation, "architecture": FOUND,
        "scores": [-1.0] * len(search.get("by", "x")) if isinstance(search.get("by"), list) else [-1.0],
        "queries": queries, "best_architecture": FOUND, "best_value": 94.0, "best_rank": 1,
        "regret": 5.0 - evaluation, "target": TARGET,
    }  # fmt: skip
    return {column: values[column] for column in artifacts.TRAJECTORY.names}


def front_rows() -> list[dict[str, Any]]:
    """Two runs of a search whose front is half of the true one at the fifth evaluation."""
    values = [(seed, e, TARGET, "cost.flops", 0.1 * e, 0.25, 0.5) for seed in range(2) for e in range(1, 6)]
    return [dict(zip(artifacts.FRONTS.names, ("evolution", *row), strict=True)) for row in values]


def member_rows() -> list[dict[str, Any]]:
    """A true front of three, one of which each run found."""
    true = [("the truth", 0, ARCHITECTURES[i], 90.0 + i, 10.0 + i) for i in range(3)]
    found = [("evolution", seed, ARCHITECTURES[1], 91.0, 11.0) for seed in range(2)]
    return [
        dict(zip(artifacts.FRONT_MEMBERS.names,
                 (search, seed, TARGET, "cost.flops", one, value, "%", spent, "FLOP"), strict=True))
        for search, seed, one, value, spent in [*true, *found]
    ]  # fmt: skip


def final_rows() -> list[dict[str, Any]]:
    """Two finalists of each of two searches; of `random`, the second one wins."""
    means = {"evolution": (-1.0, -2.0), "random": (-4.0, -3.0)}
    return [
        artifacts.row(artifacts.FINALS, search, position, ARCHITECTURES[position], repetition, mean + 0.5 * sign, "ok")
        for search, both in means.items()
        for repetition, sign in ((1, 1), (2, -1))
        for position, mean in enumerate(both)
    ]


def measure_rows() -> list[dict[str, Any]]:
    """An encoding with the shares of two measures, and the predictions of two encoders from 100 labels."""
    own = [("reconstruction", "whole cell", 10, 0.8765, 0, 1, 0.0), ("validity", "draws", 10, 0.5, 0, 1, 0.0)]
    own += [(f"prediction {what}", subject, 14, value, 100, 10, 0.01) for subject, value in
            (("learned", 0.777), ("plain", 0.666)) for what in ("r", "rho", "rmse")]  # fmt: skip
    return [artifacts.row(artifacts.MEASURES, HOSTILE, *row) for row in own]


def point_rows() -> list[dict[str, Any]]:
    return [
        artifacts.row(artifacts.POINTS, HOSTILE, architecture, float(i), float(i % 3), accuracy)
        for i, (architecture, accuracy) in enumerate(zip(ARCHITECTURES, ACCURACIES, strict=True))
    ]


def small_rows() -> dict[str, list[dict[str, Any]]]:
    """The rows of the small tables."""
    image = {"pixels": bytes(range(192)), "height": 8, "width": 8}
    curve = [{"proxy": p, "target": TARGET, "iteration": i, "spearman_rho": 0.1 * i}
             for p, iterations in PROXIES.items() for i in range(1, iterations + 1)]  # fmt: skip
    trials = [{"trial": i, "generation": "initial" if i < 2 else "child", "fitness": 0.1 * i,
               "best_fitness": 0.1 * i, "task": "{}"} for i in range(4)]  # fmt: skip
    history = [dict(zip(artifacts.HISTORY.names, (role, epoch, 0.1, 1.0, 1.1, "accuracy_percent", 60.0), strict=True))
               for role in ("found", "random") for epoch in (1, 2)]  # fmt: skip
    pairs = [dict(zip(artifacts.PROXY_CORRELATION.names, (*pair, 0.5, 12), strict=True))
             for pair in combinations(RANKED, 2)]  # fmt: skip
    return {
        "images": [image] * 4,
        "convergence": curve,
        "proxy_correlation": pairs,
        "trials": trials,
        "history": history,
    }


def roles() -> list[dict[str, Any]]:
    drawn = [("evaluate", i, a) for i, a in enumerate(EVALUATED)]
    drawn += [("label", i, a) for i, a in enumerate(ARCHITECTURES[12:])]
    return [dict(zip(artifacts.ARCHITECTURES.names, row, strict=True)) for row in drawn]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every artifact that the report reads."""
    folder = tmp_path_factory.mktemp("inputs")
    made_with = {"python": "3.11.9", "torch": "2.13.0", "numpy": "2.4.6", "device": "cpu (x86_64)"}
    artifacts.write_parquet(benchmark(), artifacts.BENCHMARK, folder / "benchmark.parquet")
    artifacts.write_rows(score_rows(), artifacts.SCORES, folder / "scores.parquet", made_with)
    artifacts.write_rows(aggregate_rows(), artifacts.SCORES, folder / "aggregates.parquet")
    timed_with = {"processor": "Difference Engine", "torch": "2.13.0", "device": "cpu (brass)"}
    artifacts.write_rows(cost_rows(), artifacts.COSTS, folder / "costs.parquet", timed_with)
    tables = {
        "architectures": roles(),
        "correlation": correlation_rows(),
        "measures": measure_rows(),
        "points": point_rows(),
        "trajectory": search_rows(),
        "fronts": front_rows(),
        "front_members": member_rows(),
        "finals": final_rows(),
    }
    for name, rows in {**tables, **small_rows()}.items():
        artifacts.write_rows(rows, getattr(artifacts, name.upper()), folder / f"{name}.parquet")
    for name in ("single", "best_task"):
        artifacts.write_text(yaml.safe_dump(TASK), folder / f"{name}.yaml")
    write_answer(folder / "best.json", FOUND, value=94.0, rank=1, benchmark_size=14, finalists=15, regret=0.0)
    retrained = {role: {"test_accuracy_percent": 97.25} for role in ("found", "random")}
    retrained |= {"dataset": "digits", "metric": "accuracy_percent"}
    artifacts.write_json(retrained, folder / "retrain_metrics.json")
    return folder


#: The report's tables and documents, as its function calls them, and the file of each.
NAMES = {
    "benchmark", "images", "architectures", "correlation", "proxy_correlation", "convergence", "trials", "best_task",
    "measures", "points", "trajectory", "fronts", "front_members", "finals", "best", "history",
}  # fmt: skip
RENAMED = {"costs_table": "costs", "retrained": "retrain_metrics"}


def write_report(inputs: Path, html: Path) -> None:
    """Run the stage's function."""
    found = {name: inputs / f"{RENAMED.get(name, name)}" for name in (*NAMES, *RENAMED)}
    read = {name: next(path.parent.glob(f"{path.name}.*")) for name, path in found.items()}
    report.report(
        **read, score_tables=[inputs / "scores.parquet", inputs / "aggregates.parquet"], tasks=[inputs / "single.yaml"],
        html=html, pictures=[html.parent / "figures" / f"{name}.svg" for name in FIGURES],
        space="nasbench201", section=PARAMS, protocols=PROTOCOLS, seed=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "report.html"
    write_report(inputs, path)
    return path


@pytest.fixture(scope="module")
def html(written: Path) -> str:
    return written.read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Collects tags, references, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.references: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "xlink:href")]
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_report_and_figures_are_byte_identical_when_made_again(inputs: Path, written: Path, tmp_path: Path) -> None:
    write_report(inputs, tmp_path / "report.html")
    names = ["report.html", *(f"figures/{name}.svg" for name in sorted(FIGURES))]
    assert [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*.*"))] == sorted(names)
    for name in names:
        assert (tmp_path / name).read_bytes() == (written.parent / name).read_bytes()


def test_report_refers_to_nothing_outside_itself(html: str) -> None:
    reader = Reader(html)
    assert reader.references
    assert all(reference.startswith("data:image/svg+xml;base64,") for reference in reader.references)
    assert not reader.tags & {"script", "link", "iframe", "object"}
    assert "url(" not in html and "@import" not in html


def test_every_picture_has_an_alternative_text(html: str) -> None:
    images = Reader(html).images
    assert len(images) == len(FIGURES) + 4  # and a front, how it grew, the architecture found, the map of the encoding
    assert all(image["alt"] for image in images)


def test_an_encoding_is_shown_with_what_it_predicts(html: str) -> None:
    text = Reader(html).text
    assert "Learned encodings" in text and "learned 100 0.777 ± 0.010" in text and "whole cell 10 0.8765" in text


def test_fronts_come_first(html: str) -> None:
    text = Reader(html).text
    assert text.index("Fronts: a quality and a cost") < text.index("How well each proxy ranks")
    assert "cifar10 accuracy and flops" in text and "evolution 2 runs 0.500 ± 0.000" in text


def test_without_fronts_the_page_does_not_speak_of_them(inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs, tmp_path / "none")
    for name in ("fronts", "front_members"):
        artifacts.write_rows([], getattr(artifacts, name.upper()), tmp_path / "none" / f"{name}.parquet")
    write_report(tmp_path / "none", tmp_path / "report.html")
    assert "Fronts:" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_without_encodings_the_page_does_not_speak_of_them(inputs: Path, tmp_path: Path) -> None:
    shutil.copytree(inputs, tmp_path / "none")
    for name in ("measures", "points"):
        artifacts.write_rows([], getattr(artifacts, name.upper()), tmp_path / "none" / f"{name}.parquet")
    write_report(tmp_path / "none", tmp_path / "report.html")
    assert "Learned encodings" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_names_are_text_and_never_markup(html: str) -> None:
    assert "<script" not in html
    text = Reader(html).text
    assert HOSTILE in text
    assert f"{HOSTILE} & co" in text  # an architecture of the sample


QUOTES = "\"><img src=https://example.org/x onerror=alert(2)> & 'single'"


def test_no_value_is_ever_markup(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes and tags in everything that parameters and artifacts can bring; the SVG files are pages of their own."""
    hostile = tmp_path / "hostile"
    shutil.copytree(inputs, hostile)
    artifacts.write_rows(score_rows(), artifacts.SCORES, hostile / "scores.parquet", {"device": QUOTES})
    timed_with = dict.fromkeys(("processor", "torch", "device"), QUOTES)
    artifacts.write_rows(cost_rows(), artifacts.COSTS, hostile / "costs.parquet", timed_with)
    rows = [row | {"target": row["target"].replace("other", QUOTES)} for row in correlation_rows()]
    artifacts.write_rows(rows, artifacts.CORRELATION, hostile / "correlation.parquet")
    retrained = read_json(hostile / "retrain_metrics.json") | {"dataset": QUOTES}
    artifacts.write_json(retrained, hostile / "retrain_metrics.json")
    artifacts.write_text(f"# {QUOTES}\n{yaml.safe_dump(TASK)}", hostile / "best_task.yaml")
    monkeypatch.setitem(PARAMS, "remark", QUOTES)
    monkeypatch.setitem(PROTOCOLS["tiny"], "batch_size", QUOTES)
    write_report(hostile, tmp_path / "report.html")
    reader = Reader((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert reader.text.count(QUOTES) >= 7 and reader.tags.isdisjoint(ACTIVE) and not reader.handlers
    for page in [tmp_path / "report.html", *(tmp_path / "figures").iterdir()]:
        found = Reader(page.read_text(encoding="utf-8"))
        assert found.tags.isdisjoint(ACTIVE) and not found.handlers, page
        assert all(reference.startswith(("data:image/", "#")) for reference in found.references), page


@pytest.mark.parametrize(
    "name, change",
    [
        ("best", {"rank": HOSTILE}), ("best", {"rank": 0}), ("best", {"value": [1]}), ("best", {"architecture": None}),
        ("retrain_metrics", {"metric": HOSTILE}), ("retrain_metrics", {"found": {}}),
    ],
)  # fmt: skip
def test_a_document_of_another_form_is_named(inputs: Path, tmp_path: Path, name: str, change: dict[str, Any]) -> None:
    shutil.copytree(inputs, tmp_path / "inputs")
    path = tmp_path / "inputs" / f"{name}.json"
    artifacts.write_json(read_json(path) | change, path)
    with pytest.raises(InputError, match=rf"{name}\.json: {next(iter(change))}.*; delete it and re-run"):
        write_report(tmp_path / "inputs", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_headline_states_what_a_proxy_is_its_interval_and_its_cost(html: str) -> None:
    """Seconds of both seeds; of an aggregate, those of its members."""
    text = Reader(html.replace("<wbr>", "")).text
    rest, seeds = "1 without a score {} [0.43, 0.99] 0.40 100 % {}", "2 seeds \N{MULTIPLICATION SIGN} 5 iterations"
    for words, rho, seconds in (
        (f"{HOSTILE} short training, {seeds}, needs labels", "0.800", "2.0 [1.6, 4.0]"),
        (f"single regression, {seeds}", "0.700", "0.20 [0.16, 0.40]"),
        ("parameters baseline, 2 seeds", "0.600", "0.020 [0.016, 0.040]"),
        ("labels aggregate, fit of 2, needs labels", "0.500", "0.22 [0.18, 0.44]"),
    ):
        assert f"{words}, {rest.format(rho, seconds)}" in text
    assert "the n = 12 architectures" in text
    assert "on the same 5 architectures, 3 times in turn with the others" in text
    assert "on one thread of Difference Engine, torch 2.13.0." in text


def test_only_what_there_is_is_explained(html: str) -> None:
    assert re.findall(r"<dt>([a-z -]*)</dt>", html)[:5] == [
        "baseline", "regression", "short training", "aggregate", "needs labels",
    ]  # fmt: skip


def test_best_proxy_comes_first(html: str) -> None:
    (best,) = re.findall(r'<tr class="best"><th scope="row">\n?([^\n]*)', html)
    assert best == "&lt;script&gt;alert(1)&lt;/script&gt;"


def test_answer_and_retraining_are_told(html: str) -> None:
    text = Reader(html).text
    assert "true accuracy is 94.00 % , rank 1 of 14" in text
    assert "found 97.25 %" in text


def test_every_search_has_a_row_with_what_scored_it(html: str) -> None:
    """Its kind, what scored it, architectures of a run times runs, queries, regret, ranks."""
    text = Reader(html.replace("<wbr>", "")).text
    for words in (
        "evolution ageing evolution single 5 \N{MULTIPLICATION SIGN} 2 0 0.00 1, 1",
        "random random search single, parameters 5 \N{MULTIPLICATION SIGN} 2 0 0.00 1, 1",
        "oracle random search benchmark 5 \N{MULTIPLICATION SIGN} 2 5 0.00 1, 1",
        "nasi_fix nasi - 5 \N{MULTIPLICATION SIGN} 2 0 0.00 1, 1",
    ):
        assert words in text


def test_the_best_finalists_of_each_search_come_first_by_their_mean_score() -> None:
    truth = GroundTruth(dict(zip(ARCHITECTURES, ACCURACIES.tolist(), strict=True)), ACCURACY)
    rows = [(row["search"], row["architecture"], row["score"], row["rank"]) for row in tables.finalists(
        final_rows(), truth, 2)]  # fmt: skip
    first, second = ARCHITECTURES[:2]
    assert rows == [
        ("evolution", first, -1, 1), ("evolution", second, -2, 2), ("random", second, -3, 2), ("random", first, -4, 1),
    ]  # fmt: skip
    assert [row["search"] for row in tables.finalists(final_rows(), truth, 1)] == ["evolution", "random"]


def test_record_names_versions_seed_and_checksums(html: str, inputs: Path) -> None:
    text = Reader(html).text
    for words in ("torch 2.13.0", "device cpu (x86_64)", "base seed 1", "batch_size: 4"):
        assert words in text
    for file in inputs.iterdir():
        assert report.checksums([file])["/".join(file.parts[-2:])] in text


def test_report_names_no_folder_of_this_machine(html: str, inputs: Path) -> None:
    assert str(inputs.parent) not in html


def test_proxy_that_ranks_nothing_comes_last() -> None:
    rows = correlation_rows()
    for row in rows:
        if row["proxy"] == HOSTILE:
            row["spearman_rho"] = float("nan")
    table = tables.headline(rows, tabled([*score_rows(), *aggregate_rows()]), cost_rows(), PARAMS)
    assert [row["proxy"] for row in table] == ["single", "parameters", "labels", HOSTILE]
    assert report.decimals(table[-1]["spearman_rho"], 3) == report.decimals(None, 3) == "-"
    assert HOSTILE not in figures.cost(table)


def test_what_labels_have_chosen_needs_them_and_a_training_that_always_fails_is_a_training() -> None:
    """Wherever it stands: in the table, in the figure of costs, or in an aggregate; as one that labels have chosen."""
    section = {
        "train_proxy": {"proxies": {"found": {"kind": "regression", "task": "searched", "seeds": 1}}},
        "aggregate": {"ranks": {"kind": "log_rank", "members": ["found", "found"]}},
    }
    section["train_proxy"]["proxies"]["flops"] = {"kind": "flops", "seeds": 1}
    section["aggregate"] |= {
        name: {"kind": "mean_rank", "members": ["flops", "flops"], "labels": name == "chosen"}
        for name in ("chosen", "free")
    }
    described = tables.describe(section, "found", 0)
    assert described["labels"] and described["group"] == "trained"
    labelled = {name: tables.describe(section, name, 0)["labels"] for name in section["aggregate"]}
    assert labelled == {"ranks": True, "chosen": True, "free": False}


def test_scores_far_below_the_others_do_not_stretch_the_axis() -> None:
    scores = np.array([*np.linspace(-1, 0, 50), -1e6, -np.inf])
    assert -3 < ranking.score_floor(scores) <= -1


def test_search_figure_keeps_seeds_apart() -> None:
    assert searches.regrets(search_rows(), "random").tolist() == [[4.0, 3.0, 2.0, 1.0, 0.0]] * 2


def test_search_figure_has_a_panel_for_each_column_that_judges() -> None:
    other = "other_accuracy_percent"
    rows = [row | {"target": other if row["search"] == "random" else TARGET} for row in search_rows()]
    truth = GroundTruth({FOUND: 94.0}, ACCURACY)
    one = figures.search(search_rows(), {TARGET: truth})
    both = figures.search(rows, {TARGET: truth, other: truth})
    assert both.count("regret") > one.count("regret") and "other accuracy" in both


def test_a_failed_training_has_no_place_on_the_axis_of_truth() -> None:
    rows, styles = score_rows(), figures.proxy_styles(PROXIES)
    values = {architecture: 4.0 + i for i, architecture in enumerate(EVALUATED)} | {EVALUATED[0]: np.inf}
    truth = GroundTruth(values, LOG_PERPLEXITY)
    drawn, kept = (
        figures.scatter(tabled(some), truth, dict.fromkeys(PROXIES, 0.5), styles)
        for some in (rows, [row for row in rows if row["architecture"] != EVALUATED[0]])
    )
    assert drawn == kept


def test_the_figure_of_a_whole_space_stays_small() -> None:
    """15,625 dots as SVG would be 1.5 MB, of each proxy."""
    ids = [str(i) for i in range(15_625)]
    scores = {"p": Scores(ids, np.arange(15_625.0)[None] % 97, [])}
    truth = GroundTruth({a: float(a) % 89 for a in ids}, ACCURACY)
    drawn = figures.scatter(scores, truth, {"p": 0.5}, figures.proxy_styles(["p"]))
    assert len(drawn) < 400_000 and drawn.count("<image") == 1


def test_of_many_proxies_the_best_are_scattered() -> None:
    names = [f"p{i}" for i in range(figures.PANELS + 1)]
    scores = {name: Scores(EVALUATED, np.ones((1, len(EVALUATED))), []) for name in names}
    truth, styles = GroundTruth(dict.fromkeys(EVALUATED, 90.0), ACCURACY), figures.proxy_styles(names)
    rhos = {name: 0.5 for name in names}
    shown = {name: scores[name] for name in names[:-1]}
    assert figures.scatter(scores, truth, rhos, styles) == figures.scatter(shown, truth, rhos, styles)


def test_every_proxy_has_a_line_of_its_own() -> None:
    styles = figures.proxy_styles(f"p{i}" for i in range(28))
    assert len({tuple(style.values()) for style in styles.values()}) == 28


def headline_row(name: str, seconds: float, rho: float, **changes: Any) -> dict[str, Any]:
    row = {"proxy": name, "seconds": costs.Seconds(seconds, seconds, seconds), "spearman_rho": rho, "labels": False}
    return {**row, "rho_low": rho - 0.1, "rho_high": rho + 0.1, "group": "zero-cost", **changes}


def names_drawn(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> np.ndarray:
    """The boxes (n, 4) of the names in the figure of costs, in points."""
    drawn: list[Any] = []
    monkeypatch.setattr(comparison, "to_svg", drawn.append)
    figures.cost(rows)
    figure = drawn[0]
    figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    return np.array([Text.get_window_extent(label, renderer).extents for label in figure.axes[0].texts])


@pytest.mark.parametrize("seed", range(3))
def test_names_in_the_figure_of_costs_do_not_overlap(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Twenty-four proxies, as crowded as proxies are that cost about the same."""
    rng = np.random.default_rng(seed)
    rows = [headline_row(f"a_proxy_{i}", 10 ** rng.uniform(-2, 0), rng.uniform(0.3, 0.9)) for i in range(24)]
    boxes = names_drawn(monkeypatch, rows)
    assert len(boxes) == 24
    shared = comparison.overlaps(boxes, boxes) - np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    assert shared.max() < 3  # square points


def test_the_best_trade_needs_no_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(comparison, "draw_front", lambda axis, steps: drawn.extend(steps) or [])
    rows = [headline_row("cheap", 0.1, 0.5), headline_row("dear", 1, 0.7), headline_row("worse", 2, 0.6)]
    figures.cost([*rows, headline_row("labels", 0.5, 0.9, labels=True)])
    assert drawn == [(0.1, 0.5), (1, 0.7)]


@pytest.mark.parametrize("labels", [True, False])
def test_one_proxy_is_enough_for_every_figure(labels: bool) -> None:
    assert "</svg>" in figures.cost([headline_row("alone", 0.1, 0.5, labels=labels)])
    assert "</svg>" in figures.cost([headline_row("alone", 0.1, float("nan"), labels=labels)])
    assert "</svg>" in figures.proxy_correlation([], ["alone"])


def test_proxies_that_rank_alike_are_side_by_side() -> None:
    """Two pairs, mixed up: whatever the order of the proxies, the matrix is the same or turned around."""
    rho = {("a", "b"): 0.9, ("c", "d"): 0.8, ("a", "c"): 0.1, ("a", "d"): 0.2, ("b", "c"): 0.1, ("b", "d"): 0.3}
    rows = [{"proxy": one, "other": other, "spearman_rho": value} for (one, other), value in rho.items()]
    names = ["a", "c", "b", "d"]
    matrix = comparison.square(rows, names)
    assert matrix[0].tolist() == [1, 0.1, 0.9, 0.2] and (matrix == matrix.T).all()
    order = "".join(names[i] for i in comparison.side_by_side(matrix))
    assert order in ("abdc", "cdba")
    assert comparison.side_by_side(matrix * np.nan)  # of proxies that tell nothing apart


def test_rho_in_little_space() -> None:
    shown = [comparison.short(rho) for rho in (1.0, 0.866, -0.866, -0.001, -1.0)]
    assert shown == ["1", ".87", "\N{MINUS SIGN}.87", ".00", "\N{MINUS SIGN}1"]


def test_sequences_have_a_figure_of_their_own() -> None:
    task = load_task("nlp")
    drawn = figures.signals({"nlp": task, "the searched task": task}, np.empty((0, 1, 1, 3), np.uint8), 0)
    assert drawn.count("<image") == 4  # input and target of both


def test_images_that_are_no_squares_are_set_side_by_side() -> None:
    images = np.arange(2 * 4 * 3 * 3).reshape(1, 2, 4, 3, 3)
    shown = mosaic(images)
    assert shown.shape == (5, 8, 3)
    np.testing.assert_array_equal(shown[:4, 4:7], images[0, 1])
    assert np.isnan(shown[4]).all() and np.isnan(shown[:, [3, 7]]).all()


def test_the_diagram_has_a_line_for_each_edge() -> None:
    chain = [Vertex("in"), Vertex("middle", (0,)), Vertex("out", (1,))]
    skip = [*chain[:2], Vertex("out", (0, 1))]
    assert lines(figures.diagram({"cell": skip})) == lines(figures.diagram({"cell": chain})) + 1 == 3
    assert lines(figures.diagram({"normal": chain, "reduction": skip})) == 5
    assert lines(figures.diagram({"cell": [*skip[:1], skip[1]._replace(label="none"), *skip[2:]]})) == 1


def lines(svg: str) -> int:
    return len(re.findall(r'<g id="line2d_', svg))


def test_missing_target_is_named(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PARAMS, "target", "nothing")
    with pytest.raises(InputError, match="nothing"):
        write_report(inputs, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
