"""The worked example of docs/add-a-search-space.md, added as the text says, runs through the whole chain."""

import json
import shutil

import pytest
import yaml
from conftest import PROJECT, TOY, new_study

EXAMPLE = PROJECT / "docs" / "example"


@pytest.mark.full
def test_a_space_of_ones_own_runs_from_download_to_report(tmp_path, monkeypatch):
    params = yaml.safe_load(TOY.read_text())
    section = params.pop("nasbench201") | {"target": "digits_accuracy"}
    section["download"]["sources"] = ["plainnet-digits"]
    section["search_architecture"]["candidates"] = "benchmark"
    params["base"]["spaces"] = ["plainnet"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params | {"plainnet": section}, sort_keys=False))
    study = new_study(tmp_path / "study")
    shutil.copytree(EXAMPLE / "plainnet", study.path("gennas/spaces/plainnet"))
    shutil.copy2(EXAMPLE / "plainnet_digits.py", study.path("gennas/benchmarks"))
    shutil.copy2(tmp_path / "params.yaml", study.path("params.yaml"))
    (tmp_path / "mirror" / "plainnet").mkdir(parents=True)
    shutil.copy2(EXAMPLE / "plainnet.csv", tmp_path / "mirror" / "plainnet")
    monkeypatch.setenv("GENNAS_MIRROR", str(tmp_path / "mirror"))
    study.snakemake()
    assert "digits_accuracy" in study.path("results/plainnet/report.html").read_text()
    best = json.loads(study.path("results/plainnet/search/best.json").read_text())
    assert best["benchmark_size"] == 64 and best["architecture"].count("-") == 2
    assert study.nothing_to_do()
