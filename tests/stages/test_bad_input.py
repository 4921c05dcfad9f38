"""Bad input, through the real commands: exit code 1, one line that names it, nothing half-written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import PROJECT
from helpers import with_target

from stages.support import artifacts

PROXY = {"kind": "parameters", "seeds": 1}
GOOD_ID = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def architectures(path: Path, ids: list[str]) -> None:
    rows = [{"role": "evaluate", "position": i, "architecture": a} for i, a in enumerate(ids)]
    artifacts.write_rows(rows, artifacts.ARCHITECTURES, path)


def write_benchmark(path: Path, ids: list[str]) -> None:
    rows = [{"architecture": a, "encoding": [0], "status": "ok", "labelled": False} for a in ids]
    table = pa.Table.from_pylist(rows, schema=artifacts.BENCHMARK)
    artifacts.write_parquet(with_target(table, "x_percent", [50.0] * len(ids)), artifacts.BENCHMARK, path)


@pytest.fixture
def folder(tmp_path):
    """Inputs that a shard of two architectures can be scored from."""
    architectures(tmp_path / "architectures.parquet", [GOOD_ID, GOOD_ID.replace("none~0", "skip_connect~0")])
    image = {"pixels": bytes(32 * 32 * 3), "height": 32, "width": 32}
    artifacts.write_rows([image], artifacts.IMAGES, tmp_path / "images.parquet")
    return tmp_path


def stage(name, folder, files, values, **environment):
    """Run a stage, or one of its functions, as a rule does."""
    command = [sys.executable, "-m", *f"stages.{name}".split(), "--log", str(folder / "log")]
    command += ["--files", json.dumps(files, default=str), "--values", json.dumps(values)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def shard(folder, environment=None, task=(), **values):
    files = {name: folder / f"{name}.parquet" for name in ("architectures", "images")}
    files |= {"task": list(task), "shard": folder / "out.parquet"}
    given = {
        "space": "nasbench201",
        "name": "mine",
        "proxy": PROXY,
        "role": "evaluate",
        "first": 0,
        "last": 2,
        "seed": 1,
    }
    return stage("train_proxy shard", folder, files, {**given, **values}, **(environment or {}))


def assert_refused(done, folder, *named):
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in named), done.stderr
    assert not list(folder.glob("*out*")) and not list(folder.glob(".*"))


def test_good_input_is_scored(folder):
    done = shard(folder)
    assert done.returncode == 0, done.stderr
    assert len(artifacts.read_parquet(folder / "out.parquet", artifacts.SCORES)) == 2


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "foreign", "other schema"])
def test_a_bad_artifact_is_named(folder, damage):
    path = folder / "architectures.parquet"
    content = path.read_bytes()
    path.unlink()
    if damage == "other schema":
        path.write_bytes((folder / "images.parquet").read_bytes())
    elif damage != "missing":
        path.write_bytes({"empty": b"", "truncated": content[:-20], "foreign": b"hello" * 99}[damage])
    assert_refused(shard(folder), folder, str(path))


def test_an_architecture_that_does_not_parse_is_named(folder):
    architectures(folder / "architectures.parquet", [GOOD_ID, "|conv_7x7~0|"])
    assert_refused(shard(folder), folder, "|conv_7x7~0|", "conv_7x7")


def test_a_sample_larger_than_the_space_is_named(folder):
    assert_refused(shard(folder, last=9), folder, "sample.evaluate", "9", "architectures.parquet has 2")


def test_an_unknown_kind_of_proxy_is_named(folder):
    assert_refused(shard(folder, proxy={"kind": "telepathy", "seeds": 1}), folder, "telepathy")


def test_a_bad_task_is_named(folder):
    task = folder / "task.yaml"
    task.write_text("noise: loud\n")
    protocol = {"width": 1, "depth": 1, "batch_size": 2, "time_limit": 9}
    proxy = {"kind": "regression", "seeds": 1, "protocol": protocol}
    assert_refused(shard(folder, task=[task], proxy=proxy), folder, str(task))


def test_a_protocol_that_is_none_is_named(folder):
    proxy = {"kind": "naswot", "seeds": 1, "protocol": {"width": 1}}
    assert_refused(shard(folder, proxy=proxy), folder, "protocols", "depth")


def test_a_gpu_that_is_not_there_is_named(folder):
    assert_refused(shard(folder, {"GENNAS_DEVICE": "cuda:99"}), folder, "GENNAS_DEVICE=cuda:99")


def download(folder, source, **environment):
    return stage(
        "download", folder, {"benchmark": folder / "out.parquet", "images": folder / "out-images.parquet"},
        {"space": "nasbench201", "sources": [source], "image_kind": "noise", "seed": 1}, **environment,
    )  # fmt: skip


def test_no_network_and_no_mirror_says_what_to_do(tmp_path):
    """The proxy refuses every connection, as a machine without a network does."""
    offline = {"https_proxy": "http://127.0.0.1:9", "XDG_CACHE_HOME": str(tmp_path / "cache"), "GENNAS_MIRROR": ""}
    done = download(tmp_path, "nasbench201", **offline)
    assert_refused(done, tmp_path, "nasbench201/cifar10valid.json", "network", "GENNAS_MIRROR")


def test_a_mirror_with_another_file_is_named(tmp_path):
    mirrored = tmp_path / "mirror" / "nasbench201" / "cifar10valid.json"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_text("[]")
    assert_refused(download(tmp_path, "nasbench201", GENNAS_MIRROR=str(tmp_path / "mirror")), tmp_path, str(mirrored))


def test_an_unknown_source_lists_the_known_ones(tmp_path):
    assert_refused(download(tmp_path, "rumour"), tmp_path, "rumour", "analog_nasbench")


OUTS = ("correlation", "proxy_correlation", "convergence", "plot", "metrics")


def test_a_target_the_benchmark_lacks_lists_what_it_has(tmp_path):
    write_benchmark(tmp_path / "benchmark.parquet", ["a"])
    artifacts.write_rows([], artifacts.SCORES, tmp_path / "scores.parquet")
    files = {"score_tables": [tmp_path / "scores.parquet"], "benchmark": tmp_path / "benchmark.parquet"}
    files |= {name: tmp_path / f"out-{name}" for name in OUTS}
    done = stage("correlate", tmp_path, files, {"target": "y_percent", "seed": 1})
    assert_refused(done, tmp_path, "y_percent", "x_percent")


@pytest.mark.parametrize("label", [2, 3])
def test_more_labels_than_architectures(tmp_path, label):
    write_benchmark(tmp_path / "benchmark.parquet", ["a", "b"])
    files = {"benchmark": tmp_path / "benchmark.parquet", "architectures": tmp_path / "out.parquet"}
    done = stage("sample", tmp_path, files, {"label": label, "target": "x_percent", "seed": 1})
    assert_refused(done, tmp_path, "sample.label", str(label))
    assert "sample.label" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    "name", [path.stem for path in sorted(PROJECT.glob("workflow/rules/*.smk")) if path.stem != "common"]
)
def test_every_stage_explains_itself(name):
    done = subprocess.run([sys.executable, "-m", f"stages.{name}", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 10
