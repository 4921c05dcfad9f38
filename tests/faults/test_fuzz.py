"""What fuzzing found stays mended, and a few changes of valid input find nothing new; `make fuzz` tries many more."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.faults.fuzz.targets import TARGETS, Target

CORPUS = Path(__file__).parent / "fuzz" / "corpus"
FOUND = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
SECONDS = 10  # that any input may take


def run(target: Target, data: bytes) -> None:
    """The target's own promises, and soon."""
    start = time.monotonic()
    target(data)
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_stays_mended(path):
    run(TARGETS[path.parent.name], path.read_bytes())


def changed(target: Target) -> st.SearchStrategy[bytes]:
    """A valid input with a few of its pieces replaced by others."""
    pieces = st.binary(max_size=4) | st.sampled_from(target.words or ("",)).map(str.encode)
    edits = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 8), pieces), max_size=4)

    def apply(seed: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        for place, length, piece in changes:
            place %= len(seed) + 1
            seed = seed[:place] + piece + seed[place + length :]
        return seed

    return st.builds(apply, st.sampled_from(target.seeds), edits)


@pytest.mark.parametrize("name", TARGETS)
def test_changes_of_valid_input_are_read_or_refused_in_one_line(name):
    target = TARGETS[name]

    @settings(max_examples=30)
    @example(b"")
    @given(changed(target))
    def check(data: bytes) -> None:
        run(target, data)

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_begins_with_valid_input(name):
    """Else it would show nothing; a table of NAS-Bench-201 is only complete with all 15,625 cells."""
    for seed in TARGETS[name].seeds:
        if name.startswith("nasbench201-"):
            with pytest.raises(Exception, match="2 architectures, not the 15625"):
                TARGETS[name].parse(seed)
        else:
            TARGETS[name].parse(seed)
