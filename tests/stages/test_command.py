"""A stage's command line, made from its function: both ways to call it, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT

STAGE = '''
"""A stage.

What it is for.
"""

import json
from pathlib import Path
from typing import Any

from gennas.errors import InputError
from stages.support.command import logger, run


def draw(benchmark: Path, shards: list[Path], out: Path, label: int, rate: float, target: str,
         section: dict[str, Any], names: list[str], seed: int = 7, workers: int = 1) -> None:
    """Draw something."""
    given = {name: str(value) if isinstance(value, Path) else value for name, value in locals().items()}
    given["shards"] = list(map(str, shards))
    if target == "refused":
        raise InputError("params.yaml: target: refused; choose another")
    if target == "broken":
        raise ValueError("a bug")
    logger.info("drew")
    out.write_text(json.dumps(given))


def gather(out: Path) -> None:
    """Gather them."""
    out.write_text("gathered")


if __name__ == "__main__":
    run(FUNCTIONS)
'''
VALUES = {"label": 3, "rate": 1, "target": "x", "section": {"a": [1, "b"]}, "names": ["c"]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "one.py").write_text(STAGE.replace("FUNCTIONS", "draw"))
    (tmp_path / "two.py").write_text(STAGE.replace("FUNCTIONS", "draw, gather"))
    return tmp_path


def call(folder, *arguments, module="one"):
    path = f"import sys; sys.path[:0] = [{str(PROJECT)!r}, {str(folder)!r}]; sys.argv[0] = '-m';"
    run = f"{path} import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-P", "-c", run, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def by_json(folder, files=None, values=None, *arguments, module="one"):
    own = {"benchmark": "b", "shards": ["s", "t"], "out": str(folder / "out")}
    given = ["--files", json.dumps({**own, **(files or {})}), "--values", json.dumps({**VALUES, **(values or {})})]
    return call(folder, *arguments, *given, module=module)


def written(folder):
    return json.loads((folder / "out").read_text())


def assert_refused(done, *words):
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: "), done.stderr
    assert "Traceback" not in done.stderr
    assert all(word in done.stderr.splitlines()[-1] for word in words), done.stderr


def test_a_rule_gives_two_json_objects(folder):
    done = by_json(folder)
    assert done.returncode == 0, done.stderr
    expected = {"benchmark": "b", "shards": ["s", "t"], "out": str(folder / "out"), **VALUES, "seed": 7, "workers": 1}
    assert written(folder) == expected
    assert isinstance(written(folder)["rate"], float)


def test_one_file_is_a_list_of_one(folder):
    by_json(folder, {"shards": "s"})
    assert written(folder)["shards"] == ["s"]


def test_each_parameter_is_a_flag_too(folder):
    flags = ["--benchmark", "b", "--shards", "s", "t", "--out", folder / "out", "--label", 3, "--rate", "0.5"]
    flags += ["--target", "5", "--section", '{"a": 1}', "--names", '["c"]', "--seed", 1, "--workers", 4]
    done = call(folder, *flags)
    assert done.returncode == 0, done.stderr
    found = written(folder)
    assert (found["label"], found["rate"], found["target"], found["names"]) == (3, 0.5, "5", ["c"])
    assert (found["section"], found["seed"], found["workers"], found["shards"]) == ({"a": 1}, 1, 4, ["s", "t"])


@pytest.mark.parametrize("workers", [0, -1])
def test_no_stage_works_without_workers(folder, workers):
    assert_refused(by_json(folder, None, None, "--workers", workers), "--workers", str(workers), "one at least")
    assert not (folder / "out").exists()


def test_json_objects_outweigh_flags(folder):
    assert by_json(folder, None, None, "--target", "y").returncode == 0
    assert written(folder)["target"] == "x"


@pytest.mark.parametrize(
    ("files", "values", "words"),
    [
        ({"colour": "c"}, {}, ["--files", "colour", "benchmark, shards, out"]),
        ({}, {"colour": "c"}, ["--values", "colour", "label, rate"]),
        ({"label": "3"}, {}, ["--files", "label"]),
        ({}, {"out": "o"}, ["--values", "out"]),
        ({"benchmark": 3}, {}, ["benchmark", "3", "a file"]),
        ({"benchmark": ["b"]}, {}, ["benchmark", "a file"]),
        ({"benchmark": "b\0"}, {}, ["benchmark", "a file"]),
        ({"shards": ["s", 1]}, {}, ["shards", "files"]),
        ({}, {"label": "3"}, ["label", "'3'", "a whole number"]),
        ({}, {"label": 3.0}, ["label", "3.0", "a whole number"]),
        ({}, {"label": True}, ["label", "True", "a whole number"]),
        ({}, {"rate": "1"}, ["rate", "a number"]),
        ({}, {"target": 1}, ["target", "1", "text"]),
        ({}, {"target": None}, ["target", "None", "text"]),
        ({}, {"section": []}, ["section", "dict[str, Any]"]),
        ({}, {"names": ["a", 1]}, ["names", "list[str]"]),
        ({}, {"names": "a"}, ["names", "list[str]"]),
    ],
)
def test_names_and_types_are_checked(folder, files, values, words):
    assert_refused(by_json(folder, files, values), *words)
    assert not (folder / "out").exists()


def test_what_is_missing_is_named(folder):
    files = json.dumps({"benchmark": "b", "out": "o"})
    assert_refused(
        call(folder, "--files", files, "--label", 3), "--shards, --rate, --target, --section, --names", "missing"
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", "null", "NaN", '{"label": NaN}', '{"label": Infinity}', '{"label": 1, "label": 2}',
        '{"section": ' + '{"a": ' * 5000 + "1" + "}" * 5001, "[" * 100_000, '{"label": ' + "9" * 5000 + "}",
        '{"target": "\\ud800"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("option", ["--files", "--values"])
def test_hostile_json_is_one_line(folder, option, text):
    assert_refused(call(folder, f"{option}={text}"), option)


def test_a_flag_that_is_no_json_is_named(folder):
    assert_refused(by_json(folder, None, None, "--seed", "{"), "--seed", "'{'", "not JSON")


def test_an_unknown_flag_is_refused(folder):
    done = by_json(folder, None, None, "--colour", "red")
    assert done.returncode == 2 and "--colour" in done.stderr


def test_help_is_the_docstring_and_the_parameters(folder):
    done = call(folder, "--help")
    assert done.returncode == 0
    for word in ("What it is for.", "--benchmark FILE", "--label N", "--rate X", "--target TEXT", "(default: 7)"):
        assert word in done.stdout


def test_of_several_functions_the_first_word_names_one(folder):
    done = call(folder, "gather", "--out", folder / "out", module="two")
    assert done.returncode == 0 and (folder / "out").read_text() == "gathered"
    assert by_json(folder, None, None, "draw", module="two").returncode == 0
    done = call(folder, "scatter", module="two")
    assert done.returncode == 2 and "scatter" in done.stderr
    helped = call(folder, "--help", module="two").stdout
    assert "Draw something." in helped and "Gather them." in helped


def test_the_log_says_what_was_done(folder):
    log = folder / "logs" / "log"
    done = by_json(folder, None, None, "--log", log)
    assert done.returncode == 0 and not done.stderr
    lines = log.read_text().splitlines()
    assert "--files" in lines[0] and lines[1].endswith("INFO drew") and lines[2].endswith("INFO done")


@pytest.mark.parametrize("values", [{"target": "refused"}, {"label": "3"}])
def test_a_refusal_is_in_the_log_too(folder, values):
    done = by_json(folder, None, values, "--log", folder / "log")
    assert_refused(done)
    assert done.stderr.count("\n") == 1
    assert done.stderr.removeprefix("error: ").strip() in (folder / "log").read_text()


def test_a_bug_is_a_traceback_in_the_log(folder):
    done = by_json(folder, None, {"target": "broken"}, "--log", folder / "log")
    assert done.returncode == 1 and "ValueError: a bug" in done.stderr
    assert "Traceback" in (folder / "log").read_text()


def test_an_installed_copy_of_the_library_is_refused(folder, tmp_path):
    copy = Path(tmp_path, "site-packages", "gennas")
    copy.mkdir(parents=True)
    for name in ("__init__.py", "errors.py"):
        (copy / name).write_text((PROJECT / "gennas" / name).read_text())
    (copy / "files").symlink_to(PROJECT / "gennas" / "files")
    (folder / "one.py").write_text(
        f"import sys\nsys.path.insert(0, {str(copy.parent)!r})\n" + STAGE.replace("FUNCTIONS", "draw")
    )
    assert_refused(by_json(folder), str(copy), "not this project's gennas/", "uninstall")
    assert not (folder / "out").exists()
