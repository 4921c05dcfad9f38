"""The pages docs/add-a-*.md do what they say: their blocks, put where their titles say, add a plug-in with two files.

A fenced block of a page names the file that it is: `python gennas/proxies/mine.py`, `yaml params.yaml: a.section`, or
`csv a/name/in/the.mirror`.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from conftest import PROJECT, RESULTS, Study
from ruamel.yaml import YAML

BLOCK = re.compile(r"^( *)```(\w+) (\S+?)(?:: (\S+))?\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def add_to_params(study: Study, section: str, text: str) -> None:
    """Set the keys of a block under a section of params.yaml."""
    yaml = YAML()
    yaml.width = 4096
    params = yaml.load(study.path("params.yaml"))
    place = params
    for key in section.split("."):
        place = place[key]
    place.update(yaml.load(text))
    yaml.dump(params, study.path("params.yaml"))


def follow(page: str, study: Study, mirror: Path) -> set[str]:
    """Do what a page says; the files of the project that it touched."""
    touched = set()
    for indent, kind, name, section, body in BLOCK.findall((PROJECT / "docs" / page).read_text()):
        text = textwrap.dedent(body) if indent else body
        if kind == "csv":
            (mirror / name).parent.mkdir(parents=True, exist_ok=True)
            (mirror / name).write_text(text)
            continue
        touched.add(name)
        if section:
            add_to_params(study, section, text)
        else:
            assert not study.path(name).exists(), f"{name} is there already"
            study.path(name).write_text(text)
    return touched


def changed_files(study: Study) -> set[str]:
    """What git calls changed or new."""
    return {line[3:] for line in study.succeed("git", "status", "--porcelain", "--untracked-files=all").splitlines()}


@pytest.fixture
def committed(study: Study) -> Study:
    """A finished study of which nothing is uncommitted."""
    study.commit()
    return study


def planned(study: Study) -> dict[str, int]:
    """The jobs that `snakemake -n` lists, by rule."""
    table = study.snakemake("-n", "--quiet", "rules")
    return {rule: int(count) for rule, count in re.findall(r"^([a-z_]+) +(\d+)$", table, re.MULTILINE)}


def test_a_proxy_is_two_files(committed, tmp_path):
    assert follow("add-a-proxy.md", committed, tmp_path) == {"gennas/proxies/layer_count.py", "params.yaml"}
    assert changed_files(committed) == {"gennas/proxies/layer_count.py", "params.yaml"}
    jobs = planned(committed)
    assert jobs["train_proxy_shard"] == 2 and "search_task" not in jobs  # those of the new proxy alone
    shards = [str(RESULTS / f"scores/layers/shard-{first:06}-{first + 3:06}.parquet") for first in (0, 3)]
    committed.snakemake(*shards)
    assert all(committed.path(shard).exists() for shard in shards)


def test_a_search_is_two_files(committed, tmp_path):
    assert follow("add-a-search.md", committed, tmp_path) == {"gennas/searches/hill_climbing.py", "params.yaml"}
    assert changed_files(committed) == {"gennas/searches/hill_climbing.py", "params.yaml"}
    jobs = planned(committed)
    assert jobs["search_architecture_unit"] == 2  # one per seed, of the new search alone
    assert not {"train_proxy_shard", "finals_unit", "search_task"} & jobs.keys()
    committed.snakemake(str(RESULTS / "searches/climbing/seed-1.parquet"))
    assert committed.path(RESULTS / "searches/climbing/seed-1.parquet").exists()


def test_an_encoding_is_two_files(committed, tmp_path):
    added = {"gennas/encodings/label_counts.py", "params.yaml"}
    assert follow("encodings.md", committed, tmp_path) == added == changed_files(committed)
    jobs = planned(committed)
    assert jobs["encode_train"] == jobs["encode_measure"] == 1
    assert not {"train_proxy_shard", "search_architecture_unit", "finals_unit"} & jobs.keys()
    committed.snakemake(str(RESULTS / "encodings/counts.worth.parquet"))
    assert committed.path(RESULTS / "encodings/counts.worth.parquet").exists()


def test_a_cost_is_two_files(committed, tmp_path):
    added = {"gennas/costs/weight_memory.py", "params.yaml"}
    assert follow("costs.md", committed, tmp_path) == added == changed_files(committed)
    assert not {"train_proxy_shard", "finals_unit", "search_task"} & planned(committed).keys()
    committed.snakemake(str(RESULTS / "searches/light/seed-0.parquet"))
    assert committed.path(RESULTS / "searches/light/seed-0.parquet").exists()


def test_a_target_is_two_files(committed, tmp_path, monkeypatch):
    mirror = tmp_path / "mirror"
    assert follow("add-a-target.md", committed, mirror) == {"gennas/benchmarks/phone.py", "params.yaml"}
    assert changed_files(committed) == {"gennas/benchmarks/phone.py", "params.yaml"}
    monkeypatch.setenv("GENNAS_MIRROR", str(mirror))
    committed.snakemake(str(RESULTS / "benchmark.parquet"))
    content = committed.path(RESULTS / "benchmark.parquet").read_bytes()
    assert b"phone_latency" in content
