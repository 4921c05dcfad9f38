"""The stages of the pipeline, and what they share.

A stage is a module with the name of its rule: `python -m stages.<stage> --help` runs one alone.
`spaces/` says what an architecture is, `proxies/` how one gets a number before training, and
`search/` how the next candidate is chosen; none of the three imports a stage or reads a file of
parameters.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def source_hashes() -> dict[str, str]:
    """The hash of every source file of the stages."""
    files = Path(__file__).parent.rglob("*.py")
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


#: Taken before any other module of the stages is imported: what this process runs is not newer.
SOURCES = source_hashes()


def loaded_sources() -> dict[str, str]:
    """The hash of every source file that this process has imported, by path."""
    paths = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {path: digest for path, digest in SOURCES.items() if path in paths}
