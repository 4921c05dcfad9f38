"""params.yaml: a bad key or value is one line that names it and what is allowed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from gennas.data import images as datasets
from gennas.errors import InputError
from gennas.files.documents import read_yaml
from stages.support import params

DEFAULT = Path("params.yaml")


def changed(*path_and_value):
    """The default study with one value changed (or, with `...`, removed)."""
    study = yaml.safe_load(DEFAULT.read_text())
    *path, last, value = path_and_value
    section = study
    for key in path:
        section = section[key]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return study


def test_the_default_study_is_valid():
    assert params.load(DEFAULT)["base"]["spaces"] == ["nasbench201"]


SPACE = "nasbench201"
PROXIES = (SPACE, "train_proxy", "proxies")


@pytest.mark.parametrize(
    ("path_and_value", "named"),
    [
        ((SPACE, "sample", "evaluate", "many"), ["sample.evaluate", "many", "integer"]),
        ((SPACE, "sample", "evaluate", 0), ["sample.evaluate", "0", "5"]),
        ((SPACE, "sample", "colour", "red"), ["sample", "colour"]),
        ((SPACE, "sample", "label", ...), ["sample", "label"]),
        ((SPACE, "download", "images", "rumour"), ["download.images", "rumour", "photographs"]),
        (("protocols", "reduced", "momentum", 1), ["reduced.momentum", "1"]),
        (("protocols", "reduced", "learning_rate", "1e-3"), ["learning_rate", "1e-3", "number"]),
        ((SPACE, "train_proxy", "proxies", "mine", {"kind": "telepathy", "seeds": 1}), ["mine", "telepathy"]),
        ((SPACE, "train_proxy", "proxies", "mine", {"kind": "regression", "seeds": 1}), ["mine", "task"]),
        ((*PROXIES, "mine", {"kind": "base", "seeds": 1}), ["mine.kind", "base is not", "naswot"]),
        ((*PROXIES, "mine", {"kind": "short_training", "seeds": 1}), ["mine", "dataset"]),
        ((*PROXIES, "naswot", "dataset", "digits"), ["naswot", "Only short_training"]),
        ((*PROXIES, "naswot", "protocol", "rumour"), ["naswot.protocol", "rumour", "untrained"]),
        ((*PROXIES, "single", "protocol", "untrained"), ["single.protocol", "untrained", "iterations"]),
        ((*PROXIES, "flops", "protocol", "untrained"), ["flops", "benchmark's network"]),
        ((SPACE, "search_task", "protocol", "untrained"), ["search_task.protocol", "untrained", "iterations"]),
        (("protocols", "untrained", "iterations", 10), ["untrained", "optimizer"]),
        (
            (SPACE, "aggregate", "all", {"kind": "log_rank", "members": ["naswot", "rumour"]}),
            ["all", "rumour", "flops"],
        ),
        ((SPACE, "aggregate", "naswot", {"kind": "log_rank", "members": ["flops", "single"]}), ["naswot", "name"]),
        ((SPACE, "aggregate", "all", {"kind": "fit", "members": ["naswot", "searched"]}), ["all", "searched", "fit"]),
        ((SPACE, "aggregate", "one", {"kind": "log_rank", "members": ["flops"]}), ["one.members", "2"]),
        ((SPACE, "search_architecture", "task", "tasks/nowhere.yaml"), ["search_architecture", "nowhere"]),
        (("protocols", "reduced", "readout_window", 99), ["reduced.readout_window", "99", "iterations", "30"]),
        ((SPACE, "search_task", "protocol", "rumour"), ["search_task.protocol", "rumour", "reduced"]),
        ((SPACE, "search_architecture", "protocol", "paper"), ["rungs", "paper", "evaluation"]),
        ((SPACE, "search_architecture", "finals", "protocol", "rumour"), ["finals.protocol", "rumour", "reduced"]),
        (
            (SPACE, "search_architecture", "finals", "protocol", "untrained"),
            ["finals.protocol", "untrained", "iterations"],
        ),
        ((SPACE, "search_architecture", "nasi", "protocol", "rumour"), ["nasi.protocol", "rumour", "reduced"]),
        ((SPACE, "search_architecture", "nasi", "steps", 0), ["nasi.steps", "0", "1"]),
        ((SPACE, "search_architecture", "over", "table"), ["nasi", "over: space"]),
        ((SPACE, "search_task", "budget", "tournament", 9), ["budget.tournament", "9", "population", "5"]),
        (
            (SPACE, "search_architecture", "population", 199),
            ["search_architecture.population", "199", "evaluations", "150"],
        ),
        ((SPACE, "search_architecture", "rungs", [10, 31]), ["search_architecture.rungs", "31", "iterations", "30"]),
        ((SPACE, "train_proxy", "proxies", "single", "task", "dvc.yaml"), ["single.task", "dvc.yaml"]),
        (
            (SPACE, "train_proxy", "proxies", "flops", "task", "tasks/single.yaml"),
            ["proxies.flops", "Only a regression proxy"],
        ),
        ((SPACE, "download", "images", "none"), ["protocol", "sequences", "images"]),
        ((SPACE, "search_architecture", "task", "tasks/nlp.yaml"), ["tasks/nlp.yaml", "images"]),
        ((SPACE, "retrain", "dataset", "cifar-10"), ["retrain.dataset", "cifar-10", "cifar10_subset"]),
        (("protocols", "reduced", "resolution", ...), ["protocol", "reduced", "images"]),
        (("base", "spaces", ["nasbench301"]), ["base.spaces", "nasbench301"]),
        (("nasbench301", yaml.safe_load(DEFAULT.read_text())[SPACE]), ["nasbench301", "nasbench201"]),
        (("base", "seed", ...), ["base", "seed"]),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_bad_values_are_named(path_and_value, named):
    with pytest.raises(InputError) as caught:
        params.check(changed(*path_and_value), Path("params.yaml"))
    message = str(caught.value)
    assert message.startswith("params.yaml: ") and "\n" not in message
    assert all(word in message for word in named), message


def test_image_datasets_are_those_that_there_are():
    assert set(params.IMAGE_DATASETS) == set(datasets.LABELLED)
    proxy = read_yaml(params.SCHEMA)["$defs"]["proxy"]["properties"]
    assert set(proxy["dataset"]["enum"]) == set(datasets.LABELLED)


def test_what_dvc_exp_run_sets_is_set(tmp_path):
    """YAML anchors would lose it: DVC writes a shared section once for each of its names."""
    path = tmp_path / "params.yaml"
    shutil.copy(DEFAULT, path)
    wanted = changed("protocols", "reduced", "iterations", 50)
    wanted[SPACE]["search_task"]["protocol"] = "paper"
    apply_overrides(path, ["protocols.reduced.iterations=50", f"{SPACE}.search_task.protocol=paper"])
    assert params.load(path) == wanted


@pytest.mark.parametrize("text", ["base: [", "\x00", "base: {seed: 1}", "[]", ""])
def test_the_command_exits_with_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    done = subprocess.run([sys.executable, "-m", "stages.support.params", path], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert str(path) in done.stderr


def test_docs_parameters_is_generated():
    message = "run `make docs`"
    assert Path("docs/parameters.md").read_text() == params.documentation(), message


def test_every_key_of_the_schema_is_described():
    rows = params.documentation().splitlines()[6:]
    assert rows and not [row for row in rows if row.endswith("|  |")]
