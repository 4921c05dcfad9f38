"""The logs of NAS-Bench-NLP: one cell each, the mean of its trainings, or one line that says what is wrong."""

import json
import math
import zipfile

import pytest
import torch
from conftest import FULL

from gennas import benchmarks
from gennas.benchmarks import nasbench_nlp as source
from gennas.errors import InputError
from gennas.spaces import nasbench_nlp

GRU = (
    "n0=linear(x,h0);n1=linear(x,h0);n2=sigm(n0);n3=sigm(n1);n4=prod(h0,n2);n5=linear(x,n4);n6=tanh(n5);"
    "n7=blend(n3,h0,n6);h0=n7"
)
GRU_LOG = {
    "r": {"op": "linear", "input": ["x", "h_prev_0"]},
    "r_act": {"op": "activation_sigm", "input": ["r"]},
    "z": {"op": "linear", "input": ["h_prev_0", "x"]},
    "z_act": {"op": "activation_sigm", "input": ["z"]},
    "rh": {"op": "elementwise_prod", "input": ["r_act", "h_prev_0"]},
    "h_tilde": {"op": "linear", "input": ["x", "rh"]},
    "h_tilde_act": {"op": "activation_tanh", "input": ["h_tilde"]},
    "h_new_0": {"op": "blend", "input": ["z_act", "h_prev_0", "h_tilde_act"]},
}
RENAMED = json.loads(json.dumps(GRU_LOG).replace('"rh"', '"node_7"'))


def log(recipe=GRU_LOG, **changes):
    losses = {"val_losses": [5.5, 4.5, 4.75], "test_losses": [5.0, 4.25, 4.0]}
    return {"recepie": json.dumps(recipe), "num_params": 9172400, "status": "OK", **losses, **changes}


def archive(path, *logs, folder="train_logs_single_run/"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number, content in enumerate(logs):
            file.writestr(f"{folder}log_{number}.json", content if isinstance(content, str) else json.dumps(content))
        file.writestr("__MACOSX/._log_0.json", b"\0")
        file.writestr("README.md", "no log")
    return path


@pytest.mark.parametrize("folder", ["train_logs_single_run/", ""])
def test_a_cell_that_was_trained_twice_has_its_mean(tmp_path, folder):
    second = log(RENAMED, val_losses=[4.0], test_losses=[3.0])
    path = archive(
        tmp_path / "logs.zip", log(), second, log(status="loss is nan!", val_losses=[math.nan]), folder=folder
    )
    [trained] = source.read("nasbench_nlp", [path])
    assert nasbench_nlp.to_id(trained.architecture) == GRU
    assert (trained.status, trained.parameters) == ("ok", 9172400)
    assert trained.targets == {
        "ptb_log_perplexity": 4.25,
        "ptb_finished_log_perplexity": 4.25,
        "ptb_finished_test_log_perplexity": 3.5,
    }


def test_a_failed_training_is_infinitely_bad_and_keeps_its_status(tmp_path):
    failed = log(status="loss is nan!", val_losses=[5.0, math.nan], test_losses=[])
    [trained] = source.read("nasbench_nlp", [archive(tmp_path / "logs.zip", failed)])
    assert trained.status == "loss is nan!"
    assert trained.targets == {"ptb_log_perplexity": math.inf}


def test_the_second_archive_is_of_wikitext2(tmp_path):
    tanh = {"f": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["f"]}}
    first = archive(tmp_path / "ptb.zip", log())
    second = archive(tmp_path / "wikitext2.zip", log(status="loss is nan!", num_params=1), log(tanh, num_params=1))
    parts = [
        benchmarks.read("nasbench_nlp", source, [path])
        for source, path in (("nasbench-nlp", first), ("nasbench-nlp-wikitext2", second))
    ]
    both, only = benchmarks.join(parts).trained.values()
    assert both.targets["ptb_log_perplexity"] == 4.5 and both.targets["wikitext2_log_perplexity"] == math.inf
    assert (both.status, both.parameters) == ("ok", 9172400)
    assert {name.split("_")[0] for name in only.targets} == {"wikitext2"}
    assert (only.status, only.parameters) == ("ok", None)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        "[" * 60000,
        "9" * 60000,
        json.dumps(log(val_losses=[])),
        json.dumps(log(val_losses=["low"])),
        json.dumps(log(val_losses=[math.nan])),
        json.dumps(log(num_params="many")),
        json.dumps(log(num_params=math.inf)),
        json.dumps({**log(), "recepie": "{}"}),
        json.dumps({**log(), "recepie": '{"h_new_0": {"op": ["linear"], "input": ["x"]}}'}),
        json.dumps(log({**GRU_LOG, "z": {"op": "linear", "input": ["z_act", "x"]}})),
        json.dumps(log()) + " " * (1 << 16),
    ],
)
def test_a_foreign_log_is_one_line_that_names_archive_and_log(tmp_path, content):
    with pytest.raises(InputError, match=r"logs\.zip: .*log_1\.json") as caught:
        source.read("nasbench_nlp", [archive(tmp_path / "logs.zip", log(), content)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-40], lambda b: b[:60] + b"\0" * 40 + b[100:]])
def test_a_broken_archive_is_one_line(tmp_path, damage):
    path = archive(tmp_path / "logs.zip", *[log(num_params=n) for n in range(20)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"logs\.zip: ") as caught:
        source.read("nasbench_nlp", [path])
    assert "\n" not in str(caught.value)


def test_an_archive_without_logs_is_refused(tmp_path):
    with pytest.raises(InputError, match="0 logs"):
        source.read("nasbench_nlp", [archive(tmp_path / "logs.zip")])


@pytest.fixture(scope="module")
def trained(mirror, tmp_path_factory):
    """All logs, or a twentieth of them."""
    path = mirror / source.FILES["nasbench_nlp"][0].repacked.path
    if not path.is_file():
        pytest.skip(f"needs {path}")
    if not FULL:
        with zipfile.ZipFile(path) as whole:
            some = [whole.read(member).decode() for member in whole.infolist()[::20]]
        path = archive(tmp_path_factory.mktemp("logs") / "logs.zip", *some)
    return source.read("nasbench_nlp", [path])


def test_parameters_are_those_the_benchmark_states(trained):
    """Besides the recurrent layers, the language model has 10,000 embeddings, tied to the decoder, and its biases."""
    for entry in trained:
        with torch.device("meta"):
            network = nasbench_nlp.build(entry.architecture)
        assert sum(p.numel() for p in network.parameters()) + 10_000 * (400 + 1) == entry.parameters


def test_every_trained_cell_has_an_id_and_features_of_its_own(trained):
    ids = [nasbench_nlp.to_id(entry.architecture) for entry in trained]
    assert [nasbench_nlp.from_id(text) for text in ids] == [entry.architecture for entry in trained]
    assert len({nasbench_nlp.encode(entry.architecture) for entry in trained}) == len(set(ids)) == len(trained)


@pytest.mark.skipif(not FULL, reason="needs all logs: set GENNAS_FULL=1")
def test_the_benchmark_has_12123_cells(trained):
    assert len(trained) == 12_123
    assert sum(entry.status == "ok" for entry in trained) == 9_461
