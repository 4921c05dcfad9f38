"""The progress of a training in a file, so that one that was killed goes on from there.

Torch, whose import takes seconds, is imported by the functions that need it.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

from gennas.files.atomic import atomic_write

logger = logging.getLogger(__name__)


def save_tensors(value: Any, path: Path) -> None:
    """`torch.save`, whole or not at all; through memory, since it writes a file's name into the file."""
    import torch

    buffer = io.BytesIO()
    torch.save(value, buffer)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


class Checkpoint:
    """The progress of a training; what an earlier run left counts if it has this fingerprint."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self.progress: dict[str, Any] = {}
        if path.exists():
            self._restore()

    def _restore(self) -> None:
        import torch

        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            fingerprint, progress = saved["fingerprint"], saved["progress"]
        except Exception as error:  # a broken file can make torch.load raise anything
            logger.warning("%s: not a readable checkpoint, ignored (%s)", self.path, type(error).__name__)
            return
        if fingerprint == self.fingerprint:
            self.progress = progress
        else:
            logger.warning("%s: the checkpoint of another study, ignored", self.path)

    def save(self, **progress: Any) -> None:
        """Replace what was saved before."""
        self.progress = progress
        save_tensors({"fingerprint": self.fingerprint, "progress": progress}, self.path)
