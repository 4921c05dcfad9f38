"""Fuzz the parsers with atheris (libFuzzer), which keeps the inputs that reach new code: `make fuzz`.

An input that ends in anything but a result or an InputError is kept in tests/faults/fuzz/corpus/<target>/, which
tests/faults/test_fuzz.py replays; so is one that takes too long or too much memory. Exit code 1 if there are any.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
INSTRUMENTED = ["gennas", "stages", "yaml", "pickletools", "tarfile", "zipfile"]  # and what they import of themselves
LONGEST = 4096  # bytes; longer ones than the longest seed find little


class Outcome(NamedTuple):
    """What became of a target."""

    inputs: int
    seconds: float
    edges: int
    found: list[Path]
    failed: bool  # whatever it found, its process came to no good end


def fuzz_here(name: str, arguments: list[str]) -> None:
    """Fuzz in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.faults.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()


def keep(name: str, folder: Path) -> list[Path]:
    """Copy what libFuzzer left in a folder to the corpus."""
    kept = []
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        target = CORPUS / name / hashlib.sha256(content).hexdigest()[:12]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        kept.append(target)
    return kept


def word(text: str) -> str:
    """A line of libFuzzer's dictionary."""
    return '"' + "".join(rf"\x{byte:02x}" for byte in text.encode()) + '"'


def fuzz(name: str, args: argparse.Namespace) -> Outcome:
    """Fuzz a target in a process of its own."""
    from tests.faults.fuzz.targets import TARGETS

    target, start = TARGETS[name], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gennas-fuzz-") as temporary:
        folder = Path(temporary)
        for part in ("corpus", "found", "files"):
            (folder / part).mkdir()
        for number, seed in enumerate(target.seeds):
            (folder / "corpus" / f"seed-{number}").write_bytes(seed)
        (folder / "words").write_text("\n".join(map(word, target.words)) + "\n")
        longest = max(LONGEST, *(2 * len(seed) for seed in target.seeds))
        kept = [str(CORPUS / name)] if (CORPUS / name).is_dir() else []
        command = [
            sys.executable, "-m", "tests.faults.fuzz", "--here", name, "--", str(folder / "corpus"), *kept,
            f"-runs={args.runs}", f"-timeout={args.time_limit}", f"-rss_limit_mb={args.memory}", "-seed=1",
            f"-max_len={longest}", f"-dict={folder / 'words'}", f"-artifact_prefix={folder / 'found'}/",
            "-print_final_stats=1", f"-report_slow_units={args.time_limit}",
        ]  # fmt: skip
        log = folder / "log"
        with log.open("w") as output:
            environment = {**os.environ, "FUZZ_FOLDER": str(folder / "files"), "OMP_NUM_THREADS": "1"}
            process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
            while process.poll() is None:
                time.sleep(0.2)
                if sys.stderr.isatty():
                    lines = re.findall(r"^#\d+.*", log.read_text(errors="replace"), re.MULTILINE)
                    print(f"\r{name}: {lines[-1] if lines else 'starting':.100}\033[K", end="", file=sys.stderr)
        text = log.read_text(errors="replace")
        found = keep(name, folder / "found")
    if process.returncode or found:
        print("\n".join(text.splitlines()[-60:]), file=sys.stderr)
    return Outcome(
        inputs=_last(r"number_of_executed_units: *(\d+)", text),
        seconds=time.monotonic() - start,
        edges=_last(r"cov: (\d+)", text),
        found=found,
        failed=process.returncode != 0,
    )


def _last(pattern: str, text: str) -> int:
    """The number in the last match; 0 without one."""
    return int([0, *re.findall(pattern, text, re.MULTILINE)][-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="targets, or the beginnings of their names (default: all)")
    parser.add_argument("--runs", type=int, default=4000, help="inputs per target (default: %(default)s)")
    parser.add_argument("--time-limit", type=int, default=10, help="seconds per input (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=2000, help="MB of a target's process (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="show the targets")
    args = parser.parse_args()
    from tests.faults.fuzz.targets import TARGETS

    names = [name for name in TARGETS if name.startswith(tuple(args.targets or [""]))]
    if args.list or not names:
        print(*TARGETS, sep="\n")
        return
    outcomes = {}
    print("| target | inputs | seconds | edges | found |\n| --- | --- | --- | --- | --- |")
    for name in names:
        outcomes[name] = outcome = fuzz(name, args)
        row = (name, outcome.inputs, f"{outcome.seconds:.0f}", outcome.edges, len(outcome.found))
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    total, seconds = sum(o.inputs for o in outcomes.values()), sum(o.seconds for o in outcomes.values())
    found = [path for outcome in outcomes.values() for path in outcome.found]
    print(f"| all | {total} | {seconds:.0f} | | {len(found)} |")
    failed = [name for name, outcome in outcomes.items() if outcome.failed]
    if found or failed:
        sys.exit("\n".join([f"failed: {', '.join(failed)}", *map(str, found)]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        fuzz_here(sys.argv[2], sys.argv[4:])
    main()
