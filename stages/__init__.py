"""The stages of the pipeline, and what they share.

A stage is a module with the name of its rule: `python -m stages.<stage> --help` runs one alone.
`spaces/` says what an architecture is, `proxies/` how one gets a number before training,
`regression/` what the proxy of that name is made of, and `search/` how the next candidate is chosen;
none of them imports a stage or reads a file of parameters.
"""

from __future__ import annotations

import hashlib
import signal
import sys
from pathlib import Path


def end_in_one_line(*_: object) -> None:
    """What Ctrl-C does to a stage."""
    raise SystemExit("error: interrupted; run it again to go on")


# `python -m` names itself until it has found the stage: here, so that an import of seconds ends in one line, too.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, end_in_one_line)


def source_hashes() -> dict[str, str]:
    """The hash of every source file of the stages."""
    files = Path(__file__).parent.rglob("*.py")
    # An editor keeps a dangling link beside the file that it has open.
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}


#: Taken before any other module of the stages is imported: what this process runs is not newer.
SOURCES = source_hashes()


def loaded_sources() -> dict[str, str]:
    """The hash of every source file that this process has imported, by path."""
    paths = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {path: digest for path, digest in SOURCES.items() if path in paths}
