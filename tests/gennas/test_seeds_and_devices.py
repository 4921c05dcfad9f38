"""Seeds, GPUs shared out between jobs, artifacts that appear whole or not at all."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.dataset import dataset

from gennas.errors import InputError
from gennas.seeds import derive_seed
from stages import sample
from stages.support import artifacts

HOLD = """
import sys, pathlib
from gennas.devices import take_slot
print(take_slot(["a", "b"], pathlib.Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_seeds_are_stable_across_versions_and_purposes():
    assert derive_seed(2021, "proxy", 0) == 7266760827983667528
    assert len({derive_seed(b, n, i) for b in (1, 2) for n in "ab" for i in range(5)}) == 20
    assert derive_seed(1, "a", 1) != derive_seed(1, "a1")


def test_jobs_spread_over_gpus_and_a_killed_job_frees_its_own(tmp_path):
    """Four jobs on two GPUs: two each; the slot of a killed one is taken by the next."""

    def job():
        command = [sys.executable, "-c", HOLD, str(tmp_path)]
        started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return started, int(started.stdout.readline())

    jobs = [job() for _ in range(4)]
    assert [gpu for _, gpu in jobs] == [0, 1, 0, 1]
    jobs[1][0].kill()
    jobs[1][0].wait()
    jobs.append(job())
    assert jobs[-1][1] == 1
    for process, _ in jobs:
        process.kill()
        process.communicate()


@given(
    st.lists(st.text(min_size=1), min_size=5, max_size=40, unique=True),
    st.integers(0, 4),
    st.integers(1, 4),
    st.integers(0, 99),
)
def test_a_sample_is_disjoint_and_complete(ids, marked, label, seed):
    """What the paper labelled is labelled first, and never evaluated."""
    table = sample.draw(ids, [i < marked for i in range(len(ids))], label, seed).to_pylist()
    by_role = {role: [row["architecture"] for row in table if row["role"] == role] for role in ("label", "evaluate")}
    assert len(by_role["label"]) == label
    unused = set(ids[:marked]) - set(by_role["label"])
    assert len(unused) == max(0, marked - label)
    assert sorted([*by_role["label"], *by_role["evaluate"], *unused]) == sorted(ids)
    evaluated = [row["position"] for row in table if row["role"] == "evaluate"]
    assert evaluated == list(range(len(ids) - max(marked, label)))


def rows(count):
    return [{"role": "label", "position": i, "architecture": str(i)} for i in range(count)]


def test_artifacts_are_byte_deterministic_and_say_what_they_hold(tmp_path):
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    for path in (first, second):
        artifacts.write_rows(rows(5), artifacts.ARCHITECTURES, path, {"torch": "2"})
    assert first.read_bytes() == second.read_bytes()
    schema = pq.read_schema(first)
    assert schema.metadata[b"format_version"] == b"2" and schema.metadata[b"torch"] == b"2"
    assert all(field.metadata[b"description"] for field in schema)
    assert pq.ParquetFile(first).metadata.row_group(0).column(0).compression == "ZSTD"


def test_there_is_one_nan(tmp_path):
    """Which of its bit patterns a computation ends with depends on where its operands lie in memory."""
    written = []
    for nan in np.array([0x7FF8 << 48, 0xFFF8 << 48], np.uint64).view(np.float64):
        score = {"proxy": "a", "seed": 0, "position": 0, "architecture": "b", "status": "ok"}
        row = score | {"score": nan, "losses": np.array([1, nan], np.float32)}
        artifacts.write_rows([row], artifacts.SCORES, tmp_path / "a.parquet")
        written.append((tmp_path / "a.parquet").read_bytes())
    assert written[0] == written[1]
    (found,) = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert np.isnan(found["score"]) and found["losses"][0] == 1 and np.isnan(found["losses"][1])


def test_a_reader_of_one_role_skips_the_row_groups_of_the_others(tmp_path):
    path = tmp_path / "a.parquet"
    many = 3 * artifacts.ROW_GROUP
    evaluated = [{"role": "evaluate", "position": i, "architecture": str(i)} for i in range(many)]
    artifacts.write_rows(evaluated + rows(artifacts.ROW_GROUP), artifacts.ARCHITECTURES, path)
    (fragment,) = dataset(path).get_fragments()
    assert [len(f.row_groups) for f in (fragment, fragment.subset(pc.field("role") == "label"))] == [4, 1]
    (found,) = fragment.subset(pc.field("position") == many - 1).row_groups
    assert found.id == 2


def test_a_failed_write_leaves_the_old_artifact_and_nothing_else(tmp_path):
    path = tmp_path / "a.parquet"
    artifacts.write_rows(rows(5), artifacts.ARCHITECTURES, path)
    before = path.read_bytes()
    with pytest.raises(RuntimeError), artifacts.atomic_write(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def test_a_table_that_does_not_fit_is_not_written(tmp_path: Path):
    wrong = pa.table({"role": [1], "position": [1], "architecture": ["a"]})
    with pytest.raises(InputError, match="role"):
        artifacts.write_parquet(wrong, artifacts.ARCHITECTURES, tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())
