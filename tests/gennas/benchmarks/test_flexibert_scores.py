"""NAS-Bench-BERT's file: each network as trained, once, with its mean scores; or one line that says what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from gennas import benchmarks
from gennas.benchmarks import Trained
from gennas.benchmarks import flexibert as source
from gennas.errors import InputError
from gennas.spaces import flexibert
from gennas.spaces.flexibert.architecture import LAYERS

LAYER = {
    "operation_type": "SA", "operation_parameter": "WMA", "num_operation_heads": 4, "feed_forward_dimension": 512,
    "num_feed_forward": 3,
}  # fmt: skip
SCORES = {
    "cola": -1.5,
    "sts": 80,
    **dict.fromkeys(("mnli", "mrpc", "qnli", "qqp", "rte", "sst"), 70.0),
    "glue": 62.3125,
}


def entry(*layers: dict[str, Any], hidden: Any = 128, **scores: Any) -> dict[str, Any]:
    """A row of the file, of two layers or those given."""
    config = {"hidden_size": hidden, "nas_config": {"encoder_layers": [*layers] or [LAYER, LAYER]}}
    return {"id": 0, "scores": SCORES | scores, "hparams": {"model_hparam_overrides": config}}


def read(folder: Path, content: Any) -> list[Trained]:
    path = folder / "BERT_benchmark.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return source.read("flexibert", [path])


def test_networks_that_are_the_same_as_trained_have_the_mean_of_their_scores(tmp_path):
    one = LAYER | {"num_feed_forward": 1}
    rows = [
        entry(one, LAYER, glue=60),
        entry(hidden=256),
        entry({**one, "feed_forward_dimension": 1024}, {**LAYER, "operation_type": "LT"}, glue=61),
    ]
    first, second = read(tmp_path, rows)
    assert flexibert.to_id(first.architecture) == "128|h4-f1|h4-f3-512"
    assert flexibert.to_id(second.architecture) == "256|h4-f3-512|h4-f3-512"
    assert (first.targets["glue_score"], first.targets["cola_score"]) == (60.5, -1.5)
    assert (first.status, first.parameters, first.labelled) == ("ok", None, False)
    assert first.targets.keys() == source.TARGETS.keys()


def test_a_training_that_failed_is_not_averaged_nor_is_the_score_of_all_tasks_beside_it(tmp_path):
    (together,) = read(tmp_path, [entry(rte=0, glue=53.5625, sst=60), entry()])
    assert together.targets["rte_accuracy_percent"] == 70 and together.targets["glue_score"] == 62.3125
    assert together.targets["sst_accuracy_percent"] == 65
    (alone,) = read(tmp_path, [entry(rte=0, cola=0)])
    assert source.TARGETS.keys() - alone.targets.keys() == {"glue_score", "rte_accuracy_percent"}
    assert alone.targets["cola_score"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "not readable as JSON"),
        ("{}", "not a list of trained networks"),
        ("[]", "not a list of trained networks"),
        ("[1]", "entry 0 is no trained network"),
        ([entry(), entry(hidden=512)], "entry 1 .*hidden_size is 512, not one of 128, 256"),
        ([entry(hidden="128")], "hidden_size is '128'"),
        ([entry(hidden=True)], "hidden_size is True"),
        ([entry(LAYER)], "the number of layers is 1, not one of 2, 4"),
        ([entry(LAYER, LAYER | {"num_operation_heads": 8})], "num_operation_heads is 8"),
        ([entry(LAYER, LAYER | {"num_feed_forward": 2})], "num_feed_forward is 2, not one of 1, 3"),
        ([entry(LAYER, LAYER | {"feed_forward_dimension": [512]})], r"feed_forward_dimension is \[512\]"),
        ([entry(LAYER, {})], "KeyError"),
        ([entry(cola=-101)], "cola is -101, not a number from -100 to 100"),
        ([entry(rte=-1)], "rte is -1, not a number from 0 to 100"),
        ([entry(sst="70")], "sst is '70'"),
        ([entry(qqp=None)], "qqp is None"),
        ([{**entry(), "scores": {}}], "KeyError.*'glue'"),
    ],
)
def test_another_file_is_one_line_that_names_it(tmp_path, content, message):
    with pytest.raises(InputError, match=rf"BERT_benchmark\.json: .*{message}.*; get the file again") as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


# --- the real file --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def path(mirror):
    (file,) = source.FILES["flexibert"]
    path = mirror / file.path
    if not path.is_file():
        pytest.skip(f"needs {path}")
    assert file.fits(path)
    return path


def test_of_500_trainings_301_are_of_different_networks(path):
    rows, read_together = source.read_rows(path), benchmarks.read("flexibert", "flexibert", [path])
    assert (len(rows), len(read_together.ids)) == (500, 301)
    assert set(read_together.columns) == {*source.TARGETS}
    assert {len(network.targets) for network in read_together.trained.values()} == {9}
    counted = {layer for architecture, _ in rows for layer in architecture.layers}
    assert counted == {*LAYERS}


def test_the_score_of_all_tasks_is_the_mean_of_eight(path):
    for _, scores in source.read_rows(path):
        tasks = [value for column, value in scores.items() if column != source.GLUE]
        if len(tasks) == 8:
            assert sum(tasks) / 8 == pytest.approx(scores[source.GLUE], abs=1e-9)


#: Questions in the development sets.
QUESTIONS = {"mnli": 9815, "mrpc": 408, "qnli": 5463, "qqp": 40430, "rte": 277, "sst": 872}


@pytest.mark.parametrize(("task", "questions"), QUESTIONS.items())
def test_accuracies_are_shares_of_the_questions_of_a_task(path, task, questions):
    stated = [row["scores"][task] for row in json.loads(path.read_text())]
    assert all(abs(value - 100 * round(value * questions / 100) / questions) < 0.0051 for value in stated)


def test_one_training_failed(path):
    failed = [number for number, (_, scores) in enumerate(source.read_rows(path)) if len(scores) < 9]
    assert failed == [47]
    zeros = [(number, architecture) for number, (architecture, scores) in enumerate(source.read_rows(path))
             if scores["cola_score"] == 0]  # fmt: skip
    assert len(zeros) == 53 and {len(architecture.layers) for _, architecture in zeros} == {2}
