"""Files that appear whole or not at all, and clear errors where a disk refuses them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gennas.errors import InputError

FULL, READ_ONLY = (errno.ENOSPC, errno.EDQUOT), (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A full disk or a read-only folder is an InputError that names the file to be written."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL + READ_ONLY:
            raise
        hint = "free space on its disk" if error.errno in FULL else "make its folder writable"
        raise InputError(f"{path}: cannot be written ({os.strerror(error.errno)}); {hint} and run it again") from error


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, renamed to `path` when the block ends well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
