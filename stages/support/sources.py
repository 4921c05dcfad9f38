"""The source files that a process runs, hashed before they are imported; and what Ctrl-C does meanwhile."""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def exit_on_interrupt(*_: object) -> None:
    """What Ctrl-C does to a stage."""
    raise SystemExit("error: interrupted; run it again to go on")


# `python -m` names itself until it has found the stage: here, so that an import of seconds ends in one line, too.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, exit_on_interrupt)


def source_hashes() -> dict[str, str]:
    """The hash of every source file of the library and the stages, by path."""
    files = (path for room in ("gennas", "stages") for path in (ROOT / room).rglob("*.py"))
    # An editor keeps a dangling link beside the file that it has open.
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}


#: As this module is imported, before any other of the project.
SOURCES = source_hashes()


def loaded_sources() -> dict[str, str]:
    """The hash of every source file that this process has imported, by path."""
    paths = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {path: digest for path, digest in SOURCES.items() if path in paths}


def fingerprint(*values: Any) -> str:
    """A hash of everything that a training depends on."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def check_library() -> None:
    """Refuse an installed copy of the library: it would run unseen, whatever the project's own code says."""
    import gennas  # here: after what is imported was hashed
    from gennas.errors import InputError

    if (found := Path(gennas.__file__).parent) != ROOT / "gennas":
        raise InputError(f"{found}: is not this project's gennas/; uninstall that copy, or run from {ROOT}")
