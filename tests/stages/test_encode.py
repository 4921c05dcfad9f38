"""The stage encode, on a part of NAS-Bench-201 with made-up accuracies."""

import numpy as np
import pytest

from gennas.benchmarks import Benchmark, Trained
from gennas.encodings import arch2vec, draws, prediction
from gennas.errors import InputError
from gennas.spaces import nasbench201
from gennas.targets import ACCURACY
from stages import download, encode
from stages.support import artifacts, params

TARGET = "cifar10_accuracy_percent"
CELLS = nasbench201.all_architectures()[::100]
ENCODING = {"kind": "arch2vec", "variant": "paper", "epochs": 2, "architectures": 40}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(nasbench201, "all_architectures", lambda: CELLS)
    monkeypatch.setattr(prediction, "LABELS", (40, 10_000))
    monkeypatch.setattr(prediction, "SEEDS", 2)
    monkeypatch.setattr(arch2vec, "SUPERVISED_STEPS", 2)
    monkeypatch.setattr(draws, "DRAWS", 200)


@pytest.fixture
def benchmark(tmp_path):
    """An accuracy by the number of convolutions; that of the first cell was not measured."""
    rows = {
        nasbench201.to_id(cell): Trained(
            cell, {TARGET: 50.0 + 5 * sum(op in (2, 3) for op in cell)} if any(cell) else {}
        )
        for cell in CELLS
    }
    table = download.to_table(Benchmark("nasbench201", ("toy",), {TARGET: ACCURACY}, {}, rows))
    artifacts.write_parquet(table, artifacts.BENCHMARK, tmp_path / "benchmark.parquet")
    return tmp_path / "benchmark.parquet"


def train(folder, benchmark=(), name="mine"):
    encode.train([*benchmark], folder / f"{name}.parquet", folder / f"{name}.own.parquet", folder / f"{name}.pt",
                 "nasbench201", name, ENCODING, seed=1)  # fmt: skip


def rows(path, schema=artifacts.MEASURES):
    return artifacts.read_parquet(path, schema).to_pylist()


def test_an_encoding_is_learnt_measured_and_gathered(benchmark, tmp_path):
    train(tmp_path)
    vectors = rows(tmp_path / "mine.parquet", artifacts.VECTORS)
    assert [row["architecture"] for row in vectors] == [nasbench201.to_id(cell) for cell in CELLS]
    assert {len(row["vector"]) for row in vectors} == {16}
    encode.measure(tmp_path / "mine.parquet", benchmark, tmp_path / "mine.worth.parquet", tmp_path / "points.parquet",
                   "nasbench201", "mine", ENCODING, TARGET, seed=1)  # fmt: skip
    encode.gather([tmp_path / "mine.parquet"], [tmp_path / "mine.own.parquet"], [tmp_path / "mine.worth.parquet"],
                  [tmp_path / "points.parquet"], tmp_path / "vectors.parquet", tmp_path / "all.parquet",
                  tmp_path / "all_points.parquet")  # fmt: skip
    assert rows(tmp_path / "vectors.parquet", artifacts.VECTORS) == vectors
    found = rows(tmp_path / "all.parquet")
    assert {row["encoding"] for row in found} == {"mine"}
    predicted = {row["subject"]: row for row in found if row["measure"] == "prediction r"}
    assert {*predicted} == {"learned", "plain", "untrained", "supervised"}
    assert {(row["labels"], row["n"], row["seeds"]) for row in predicted.values()} == {(40, len(CELLS) - 41, 2)}
    assert predicted["plain"]["value"] > 0.8
    assert all(row["labels"] == 0 for row in found if not row["measure"].startswith("prediction"))
    points = rows(tmp_path / "all_points.parquet", artifacts.POINTS)
    assert len(points) == len(CELLS) - 1
    coordinates = np.array([(row["x"], row["y"]) for row in points], float)
    assert np.allclose(np.cov(coordinates.T)[0, 1], 0, atol=1e-6)


def test_without_encodings_there_are_tables_without_rows(tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in ("vectors", "measures", "points")]
    encode.gather([], [], [], [], *paths)
    assert rows(paths[0], artifacts.VECTORS) == []
    assert rows(paths[1]) == rows(paths[2], artifacts.POINTS) == []


def test_a_training_that_was_killed_gives_the_same_bytes(tmp_path, monkeypatch):
    (tmp_path / "whole").mkdir()
    train(tmp_path / "whole")
    expected = (tmp_path / "whole" / "mine.parquet").read_bytes()

    def one_epoch(items, *_, **__):
        yield items[0]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(encode, "track", one_epoch)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path)
    assert not (tmp_path / "mine.parquet").exists() and (tmp_path / "mine.pt").exists()
    train(tmp_path)
    assert (tmp_path / "mine.parquet").read_bytes() == expected


def test_no_training_sees_an_accuracy(benchmark, tmp_path):
    """Of a benchmark it reads the rows' names: other accuracies give the same bytes."""
    table = artifacts.read_parquet(benchmark, artifacts.BENCHMARK)
    other = tmp_path / "other.parquet"
    shuffled = table.set_column(table.schema.get_field_index(TARGET), table.schema.field(TARGET), table[TARGET][::-1])
    artifacts.write_parquet(shuffled, artifacts.BENCHMARK, other)
    written = []
    for source in (benchmark, other):
        train(tmp_path, [source])
        written.append((tmp_path / "mine.parquet").read_bytes())
        (tmp_path / "mine.pt").unlink()
    assert written[0] == written[1]


def test_of_a_benchmark_its_rows_and_those_trained_on_are_encoded(benchmark):
    extra = nasbench201.from_id("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    found = encode.to_encode(nasbench201, [benchmark], [extra, CELLS[0]])
    assert [*found.values()] == [*CELLS, extra]


def test_a_space_whose_graphs_cannot_be_read_is_refused_at_the_start():
    section = {"encode": {"mine": ENCODING}}
    (problem,) = params.encoding_problems({"nds_resnet": section}, "nds_resnet")
    assert problem.startswith("encode.mine: the graphs of nds_resnet cannot be encoded")
    assert not [*params.encoding_problems({"nds_darts": section}, "nds_darts")]
    with pytest.raises(InputError, match=r"known: arch2vec"):
        params.schema.check_section({"kind": "graph2vec"}, "encodings", "encode.mine", "params.yaml")
