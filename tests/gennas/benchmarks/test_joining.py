"""Sources of ground truth: what every one declares, and how several become one benchmark."""

import ast
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT

from gennas import benchmarks, spaces
from gennas.benchmarks import Trained, hw_nas_bench
from gennas.errors import InputError
from gennas.files.fetch import File, PackageFile
from gennas.spaces.nasbench201 import all_architectures, to_id
from gennas.targets import ACCURACY, LATENCY, LOG_PERPLEXITY, Target
from stages import download
from stages.support import artifacts

PAIRS = [(space, source) for space in spaces.NAMES for source in benchmarks.names(space)]
every_source = pytest.mark.parametrize(("space", "source"), PAIRS)
A, B, C = all_architectures()[:3]
SPACE = "nasbench201"


def is_at_hand(file: File | PackageFile | Path) -> bool:
    """Whether anyone can have a file: from an address, from a package, or from this project."""
    if isinstance(file, Path):
        return file.is_file() and file.is_relative_to(PROJECT / "gennas" / "benchmarks")
    return isinstance(file, PackageFile) or str(file.url).startswith("https://")


@every_source
def test_a_source_has_files_and_targets_for_every_space_that_it_declares(space, source):
    module = benchmarks.load_source(space, source)
    files = module.FILES[space]
    assert files and all(is_at_hand(file) for file in files)
    assert module.TARGETS and all(isinstance(target, Target) for target in module.TARGETS.values())
    assert set(getattr(module, "UNCERTAINTIES", {}).values()) <= module.TARGETS.keys()
    assert set(module.FILES) == {one for one, name in PAIRS if name == source}


def test_every_space_has_a_source():
    assert {space for space, _ in PAIRS} == {*spaces.NAMES}


def test_hyphens_and_underscores_name_the_same_source():
    one, other = (benchmarks.load_source(SPACE, name) for name in ("analog-nasbench", "analog_nasbench"))
    assert one is other


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        (["rumour"], r"no source 'rumour' of nasbench201; known: analog_nasbench, hw_nas_bench, nasbench201, "),
        (["nasbench101"], r"no source 'nasbench101' of nasbench201"),
        (["../nasbench201"], r"no source '\.\./nasbench201'"),
        (["_nasbench201"], r"no source '_nasbench201'"),
        (["analog-nasbench", "analog_nasbench"], "'analog_nasbench' is named twice"),
        ([], "no source is named"),
    ],
)
def test_sources_that_are_not_there_or_named_twice_are_refused_before_anything_is_fetched(
    monkeypatch, sources, complaint
):
    monkeypatch.setattr("gennas.files.fetch.fetch", lambda file: pytest.fail("fetched"))
    with pytest.raises(InputError, match=complaint):
        benchmarks.load(SPACE, sources)


# --- made-up sources --------------------------------------------------------------------------


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Read made-up sources: by name, the targets and what the file would say."""

    def read_all(**sources):
        modules = {
            name: SimpleNamespace(
                TARGETS=targets, UNCERTAINTIES={"spread": "x"}, read=lambda space, paths, t=trained: t
            )
            for name, (targets, trained) in sources.items()
        }
        monkeypatch.setattr(benchmarks, "load_source", lambda space, name: modules[name])
        return [benchmarks.read(SPACE, name, [tmp_path / f"{name}.csv"]) for name in sources]

    return read_all


def test_architectures_are_joined_in_the_order_of_the_first_source(read):
    joined = benchmarks.join(
        read(
            first=({"x": ACCURACY}, [Trained(B, {"x": 90}, "ok", 7), Trained(A, {"x": 80}, "failed")]),
            second=({"y": LATENCY}, [Trained(C, {"y": 3}), Trained(A, {"y": 1}, "ok", 9, labelled=True)]),
        )
    )
    assert joined.ids == [to_id(cell) for cell in (B, A, C)] and joined.sources == ("first", "second")
    np.testing.assert_array_equal(joined.values("x"), [90, 80, math.nan])
    np.testing.assert_array_equal(joined.quality("y"), [math.nan, -1, -3])
    both = joined.trained[to_id(A)]
    assert (both.status, both.parameters, both.labelled) == ("failed", 9, True)


def test_the_benchmark_of_several_sources_is_one_table_with_every_declaration(read, tmp_path):
    joined = benchmarks.join(
        read(
            first=({"x": ACCURACY}, [Trained(A, {"x": 80, "spread": 1})]),
            second=({"z": LOG_PERPLEXITY, "y": LATENCY}, [Trained(B, {"y": 1}), Trained(C, {"y": 2, "z": math.inf})]),
        )
    )
    path = tmp_path / "benchmark.parquet"
    artifacts.write_parquet(download.to_table(joined), artifacts.BENCHMARK, path)
    table = artifacts.read_parquet(path, artifacts.BENCHMARK)
    assert table.column_names == [*artifacts.BENCHMARK.names, "x", "spread", "z", "y"]
    assert artifacts.targets(table) == {"x": ACCURACY, "z": LOG_PERPLEXITY, "y": LATENCY}
    assert table["x"].to_pylist() == [80, None, None] and table["z"].to_pylist() == [None, None, math.inf]
    with pytest.raises(InputError, match=r"no target 'spread'; its sources have x, z, y"):
        artifacts.target(table, "spread", path)


def test_two_sources_that_agree_may_have_a_target_of_one_name(read):
    """Values that are rounded in other ways agree; the first one's is kept."""
    joined = benchmarks.join(
        read(
            first=({"x": ACCURACY}, [Trained(A, {"x": 80, "spread": 1}), Trained(B, {"x": 70})]),
            second=({"x": ACCURACY}, [Trained(C, {"x": 60}), Trained(B, {}), Trained(A, {"x": 80 + 1e-9})]),
        )
    )
    assert joined.values("x").tolist() == [80, 70, 60] and joined.columns == ["x", "spread"]


@pytest.mark.parametrize(
    ("target", "of_b", "of_c", "complaint"),
    [
        (ACCURACY, {"x": 81.5}, {"x": 1}, f"disagree on x of {to_id(B)}: 81 and 81.5; take one"),
        (ACCURACY, {"x": 81, "spread": 2}, {"x": 82}, f"disagree on spread of {to_id(B)}: 1 and 2; take one"),
        (LATENCY, {"x": 81}, {"x": 82}, "declare x differently; take one"),
    ],
)
def test_two_sources_that_disagree_are_one_line_that_names_them_and_the_first_cell(read, target, of_b, of_c, complaint):
    parts = read(
        first=({"x": ACCURACY}, [Trained(A, {"x": 80}), Trained(B, {"x": 81, "spread": 1}), Trained(C, {"x": 82})]),
        other=({"y": ACCURACY}, [Trained(B, {"y": 81})]),
        second=({"x": target}, [Trained(C, of_c), Trained(B, of_b), Trained(A, {"x": 80})]),
    )
    with pytest.raises(InputError) as error:
        benchmarks.join(parts)
    assert str(error.value) == f"the sources first and second {complaint}"


@pytest.mark.parametrize(
    ("target", "value"),
    [(ACCURACY, 100.5), (ACCURACY, -1), (ACCURACY, math.nan), (LATENCY, -1), (LOG_PERPLEXITY, math.nan)],
)
def test_values_out_of_bounds_are_one_line_that_names_file_and_column(read, target, value):
    with pytest.raises(InputError, match=r"made\.csv: column x has values outside 0\.\..*; get it again"):
        read(made=({"x": target}, [Trained(A, {"x": 50}), Trained(B, {"x": value})]))


def test_an_uncertainty_is_checked_as_its_target_is(read):
    with pytest.raises(InputError, match=r"made\.csv: column spread has values outside"):
        read(made=({"x": ACCURACY}, [Trained(A, {"x": 50, "spread": -1})]))


def test_a_column_that_is_not_declared_is_named(read):
    with pytest.raises(InputError, match=r"made\.csv: column y is not declared by made; add it to TARGETS"):
        read(made=({"x": ACCURACY}, [Trained(A, {"y": 50})]))


def test_an_architecture_that_is_listed_twice_is_refused(read):
    with pytest.raises(InputError, match=r"made\.csv: an architecture is listed twice; get it again"):
        read(made=({"x": ACCURACY}, [Trained(A, {"x": 50}), Trained(A, {"x": 51})]))


# --- a target of one's own --------------------------------------------------------------------

SOURCE = '''
"""Latencies on a phone."""

import csv

from gennas import spaces
from gennas.benchmarks import Trained
from gennas.files.fetch import File
from gennas.targets import LATENCY

DECLARATION = {"spaces": ["nasbench201"]}
FILES = {"nasbench201": (File("phone/latency.csv", None, sha256="HASH"),)}
TARGETS = {"phone_latency": LATENCY}


def read(space, paths):
    parse = spaces.load(space).from_id
    with paths[0].open(newline="") as file:
        return [Trained(parse(row["cell"]), {"phone_latency": float(row["ms"])}) for row in csv.DictReader(file)]
'''
SCRIPT = """
from pathlib import Path
from gennas.targets import LATENCY
from stages import download
from stages.support import artifacts

table = download.read_benchmark("nasbench201", ["analog-nasbench", "phone"])
artifacts.write_parquet(table, artifacts.BENCHMARK, Path("benchmark.parquet"))
table = artifacts.read_parquet(Path("benchmark.parquet"), artifacts.BENCHMARK)
assert artifacts.target(table, "phone_latency") == LATENCY
print(len(table), table["phone_latency"].drop_null().to_pylist(), len(artifacts.targets(table)))
"""


def test_a_target_of_ones_own_costs_a_module_and_a_word_in_params_yaml(tmp_path):
    """The module is all that is added to a copy of the package; the schema lets its name and its target pass."""
    for room in ("gennas", "stages", "workflow"):
        shutil.copytree(PROJECT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    table = tmp_path / "mirror" / "phone" / "latency.csv"
    table.parent.mkdir(parents=True)
    table.write_text(f"cell,ms\n{to_id(B)},2.5\n{to_id(A)},1.5\n")
    digest = subprocess.check_output(["sha256sum", table], text=True).split()[0]
    (tmp_path / "gennas/benchmarks/phone.py").write_text(SOURCE.replace("HASH", digest))
    environment = {**os.environ, "GENNAS_MIRROR": str(tmp_path / "mirror")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "15625 [1.5, 2.5] 14\n"), done.stderr


def test_listing_sources_loads_nothing_heavy():
    script = "import sys; from gennas import benchmarks; benchmarks.check_sources('nasbench201', ['nasbench201']); "
    script += "print(sorted({'torch', 'numpy', 'requests', 'pyarrow', 'scipy'} & sys.modules.keys()))"
    loaded = subprocess.check_output([sys.executable, "-c", script], cwd=PROJECT, text=True)
    assert ast.literal_eval(loaded) == []


# --- the table that stages hand on ------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"target": b"accuracy"},
        {"target": b"[" * 100_000},
        {"target": b"\xff"},
        {"target": b'{"quantity": "accuracy"}'},
        {"uncertainty_of": b"\xff"},
        {"uncertainty_of": b""},
    ],
)
def test_a_column_without_a_declaration_is_one_line_that_names_file_and_column(tmp_path, metadata):
    path = tmp_path / "benchmark.parquet"
    table = pa.Table.from_pylist([], schema=artifacts.BENCHMARK)
    field = pa.field("x_percent", pa.float64(), metadata=metadata)
    foreign = table.append_column(field, pa.array([], pa.float64()))
    pq.write_table(foreign, path)
    for check in (
        lambda: artifacts.read_parquet(path, artifacts.BENCHMARK),
        lambda: artifacts.write_parquet(foreign, artifacts.BENCHMARK, path),
    ):
        with pytest.raises(InputError, match=r"benchmark\.parquet: column 'x_percent' does not fit the benchmark"):
            check()


def test_the_name_of_a_column_decides_nothing():
    """A latency named as an accuracy is one all the same: less of it is better."""
    table = pa.Table.from_pylist([], schema=artifacts.BENCHMARK)
    table = table.append_column(artifacts.target_field("x_percent", LATENCY), pa.array([], pa.float64()))
    assert artifacts.target(table, "x_percent").sign == -1


def test_of_many_targets_the_closest_to_an_unknown_one_are_named():
    """Such as a device that there is not."""
    fields = [artifacts.target_field(name, target) for name, target in hw_nas_bench.TARGETS.items()]
    table = pa.schema([*artifacts.BENCHMARK, *fields]).empty_table()
    with pytest.raises(InputError) as error:
        artifacts.target(table, "cifar10_toaster_latency_ms")
    _, closest = str(error.value).split("the closest of its 27 are ")
    assert len(closest.split(", ")) == 5 and "cifar10_raspi4_latency_ms" in closest
