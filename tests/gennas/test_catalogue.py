"""The catalogue: plug-ins are found by their files, and read without being imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from gennas import catalogue
from gennas.errors import InputError


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A library whose only room, `proxies`, is empty; files written there are found at once."""
    (tmp_path / "proxies").mkdir()
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    for function in (catalogue._files, catalogue._literal):
        function.cache_clear()
        monkeypatch.setattr(catalogue, function.__name__, function.__wrapped__)
    return tmp_path / "proxies"


def write(room: Path, name: str, text: str = 'DECLARATION = {"families": ["images"]}\n') -> None:
    path = room / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_every_room_of_the_library_has_plug_ins():
    for room in catalogue.ROOMS:
        assert catalogue.names(room) == sorted(catalogue.names(room)) != []
    assert {"naswot", "regression", "flops"} <= {*catalogue.names("proxies")}
    assert "common" not in catalogue.names("proxies") and "common" not in catalogue.names("spaces")
    assert "driver" not in catalogue.names("searches")


def test_names_of_a_family_are_those_that_are_for_it():
    assert catalogue.names("proxies", "sequences") == ["flops", "parameters", "regression"]
    assert {*catalogue.names("proxies", "images")} > {"naswot", "flops"}


def test_a_module_is_a_plug_in_if_it_declares_itself(room):
    write(room, "mine.py")
    write(room, "helper.py", "CONSTANT = {}\n")
    write(room, "folder/__init__.py")
    write(room, "folder/inner.py")
    assert catalogue.names("proxies") == ["folder", "mine"]
    assert catalogue.declaration("proxies", "mine") == {"families": ["images"]}


@pytest.mark.parametrize(
    "name", ["_mine.py", ".mine.py", ".#mine.py", "#mine.py#", "mine.py~", "mine.py.orig", "mine.txt"]
)
def test_what_editors_leave_is_no_plug_in(room, name):
    write(room, name)
    assert catalogue.names("proxies") == []


def test_a_dangling_link_is_no_plug_in(room):
    (room / "mine.py").symlink_to("nowhere")
    assert catalogue.names("proxies") == []


def test_a_hyphen_is_an_underscore():
    assert catalogue.declaration("benchmarks", "analog-nasbench") == catalogue.declaration(
        "benchmarks", "analog_nasbench"
    )
    assert catalogue.load_module("benchmarks", "analog-nasbench").__name__ == "gennas.benchmarks.analog_nasbench"


@pytest.mark.parametrize("name", ["telepathy", "common", "../errors", "", "os"])
def test_an_unknown_name_lists_the_known_ones(name):
    for find in (catalogue.declaration, catalogue.load_module):
        with pytest.raises(InputError, match=r"none of the proxies .*naswot.*; see gennas/proxies/"):
            find("proxies", name)


@pytest.mark.parametrize("value", ['{"families": IMAGES}', '{"a": len("b")}', "make()"])
def test_a_declaration_that_is_no_literal_is_named(room, value):
    write(room, "mine.py", f"DECLARATION = {value}\n")
    with pytest.raises(InputError, match=r"mine.py: DECLARATION is not a literal"):
        catalogue.names("proxies")


@pytest.mark.parametrize("content", [b"def broken(:\n", b"\xff\xfe", b"a = 1\0"])
def test_source_that_does_not_parse_is_named(room, content):
    (room / "mine.py").write_bytes(content)
    with pytest.raises(InputError, match=r"mine.py: .*; fix it, or move the file away"):
        catalogue.names("proxies")


def test_reading_imports_nothing():
    script = (
        "import sys; from gennas import catalogue\n"
        "for room in catalogue.ROOMS:\n    for name in catalogue.names(room): catalogue.declaration(room, name)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'numpy', 'requests', 'pyarrow'}))\n"
        "print(sorted(name for name in sys.modules if name.startswith('gennas.')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['gennas.catalogue', 'gennas.errors']"]
