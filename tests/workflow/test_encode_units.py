"""Encodings are jobs of their own: none costs nothing, another computes itself alone, another target trains none."""

import pytest
from conftest import RESULTS
from test_search_units import planned

ENCODING = "  encode: { mine: { kind: arch2vec, variant: paper, epochs: 1, architectures: 40 } }\n"
UNITS = {"encode_train", "encode_measure"}


def test_another_encoding_plans_itself(finished, tmp_path):
    study = finished.copy(tmp_path / "study")
    study.edit("params.yaml", "  encode: {}\n", ENCODING)
    jobs = planned(study)
    assert jobs["encode_train"] == jobs["encode_measure"] == jobs["encode"] == 1
    assert not {"train_proxy_shard", "search_architecture_unit", "finals_unit"} & jobs.keys()


@pytest.mark.full
def test_an_encoding_is_learnt_through_either_entry_point(finished, tmp_path):
    study = finished.copy(tmp_path / "study")
    study.edit("params.yaml", "  encode: {}\n", ENCODING)
    study.snakemake()
    assert study.nothing_to_do()
    assert "Learned encodings" in study.path(RESULTS / "report.html").read_text()
    before = study.times(f"{RESULTS}/encodings/*.parquet")
    study.edit("params.yaml", "target: cifar10_accuracy", "target: other_accuracy")
    assert UNITS & planned(study).keys() == {"encode_measure"}
    study.edit("params.yaml", "target: other_accuracy", "target: cifar10_accuracy")
    study.edit("params.yaml", "epochs: 1, arch", "epochs: 2, arch")
    study.succeed("dvc", "repro", f"encode@{RESULTS.name}")
    after = study.times(f"{RESULTS}/encodings/*.parquet")
    assert after.keys() == before.keys() and after != before
    study.sync()
    assert not study.snakemake_would_run() & {"encode"}
