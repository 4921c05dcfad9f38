"""Where files from elsewhere come from: a local mirror, the cache, the network, an installed package.

GENNAS_MIRROR names a folder that is looked at first. Downloads, and what was taken out of the mirror's
archives, are kept in $XDG_CACHE_HOME/gennas (default ~/.cache/gennas). A file is only ever used when its
hash is the expected one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gennas.errors import InputError
from gennas.files.atomic import atomic_write

logger = logging.getLogger(__name__)

CHUNK = 1 << 16  # bytes


def _digest(path: Path, digest: Any) -> str:
    """What a hash, begun or not, says of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: digest).hexdigest()


@dataclass(frozen=True)
class File:
    """A file from elsewhere, named by `path` in a mirror and in the cache, and one of its hashes.

    `url` is None for a file without a public address: only a mirror can have it. `member` says in which
    zip archive it is published too: the archive's path in a mirror, and the file's name inside. `repacked`
    is the same content in an archive of other bytes, which a mirror may have instead.
    """

    path: str
    url: str | None
    sha256: str | None = None
    git_blob: str | None = None  # SHA-1 of the file as a git object
    size_limit: int = 1 << 30  # bytes
    member: tuple[str, str] | None = None
    repacked: File | None = None

    def __post_init__(self) -> None:
        if not (self.sha256 or self.git_blob):
            raise ValueError(f"{self.path}: a file from elsewhere needs a hash")

    def fits(self, candidate: Path) -> bool:
        """Whether the content of `candidate` has the expected hash."""
        header = b"blob %d\0" % candidate.stat().st_size
        digest = hashlib.sha256() if self.sha256 else hashlib.sha1(header, usedforsecurity=False)
        return _digest(candidate, digest) == (self.sha256 or self.git_blob)

    @property
    def hint(self) -> str:
        """What a user can do when there is no network."""
        archive = f", or the archive {self.member[0]}" if self.member else ""
        return f"set GENNAS_MIRROR to a folder that holds {self.path}{archive}"


@dataclass(frozen=True)
class PackageFile:
    """A file inside an installed distribution of one exact version, whose code is not imported."""

    distribution: str
    version: str
    path: str
    sha256: str

    def locate(self) -> Path:
        """Its path; an InputError when the distribution or this version of it is missing, or the file differs."""
        hint = f"run: pip install {self.distribution}=={self.version}"
        try:
            installed = metadata.distribution(self.distribution)
        except metadata.PackageNotFoundError as error:
            raise InputError(f"{self.distribution}: not installed; {hint}") from error
        if installed.version != self.version:
            raise InputError(f"{self.distribution}: {installed.version} is installed, not {self.version}; {hint}")
        found = Path(str(installed.locate_file(self.path)))
        if not found.is_file():
            raise InputError(f"{found}: missing from {self.distribution}; {hint} --force-reinstall")
        if _digest(found, hashlib.sha256()) != self.sha256:
            raise InputError(f"{found}: its hash differs from the expected one; {hint} --force-reinstall")
        return found


def _write(file: File, pieces: Iterable[bytes], target: Path, origin: str) -> None:
    """Write the pieces to `target`, up to the file's size limit."""
    size = 0
    with target.open("wb") as output:
        for piece in pieces:
            size += len(piece)
            if size > file.size_limit:
                raise InputError(f"{file.path}: more than {file.size_limit} bytes at {origin}; {file.hint}")
            output.write(piece)


def _reason(error: BaseException) -> str:
    """The first cause of an exception, in one line."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return " ".join(str(error).split()) or type(error).__name__


def _download(file: File, target: Path) -> None:
    """Fetch `file` from its address to `target`, which appears only with the right hash."""
    if file.url is None:
        raise InputError(f"{file.path}: has no public address; {file.hint}")
    if urlsplit(file.url).scheme != "https":
        raise InputError(f"{file.path}: {file.url} is not an https address; change it")
    try:
        from gennas.files.download import receive
    except ModuleNotFoundError as error:
        raise InputError(f"{file.path}: a download needs {error.name}; pip install 'gennas[pipeline]'") from error
    logger.info("fetching %s from %s", file.path, file.url)
    try:
        with atomic_write(target) as temporary:
            _write(file, receive(file.url, file.path), temporary, file.url)
            if not file.fits(temporary):
                raise InputError(f"{file.path}: {file.url} has changed (another hash); {file.hint}")
    except (OSError, ValueError) as error:  # requests' exceptions are OSErrors; odd addresses to go on to ValueErrors
        raise InputError(
            f"{file.path}: could not be fetched from {file.url} ({_reason(error)}); check the network, or {file.hint}"
        ) from error


def check_packing(member: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The member of an archive itself. Raises ValueError if it is packed in a way that can take gigabytes to undo."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("packed in another way than deflate")
    return member


def _take_out(file: File, archive: Path, member: str, target: Path) -> None:
    """Take `member` out of a zip archive to `target`, which appears only with the right hash."""
    try:
        with (
            atomic_write(target) as temporary,
            zipfile.ZipFile(archive) as opened,
            opened.open(check_packing(opened.getinfo(member))) as stream,
        ):
            _write(file, iter(lambda: stream.read(CHUNK), b""), temporary, f"{archive}/{member}")
            if not file.fits(temporary):
                raise InputError(f"{archive}: the hash of {member} differs from the expected one; replace it")
    except InputError:
        raise
    except Exception as error:  # a broken archive can raise anything: BadZipFile, KeyError, zlib.error, RuntimeError...
        raise InputError(f"{archive}: {member} could not be taken out ({_reason(error)}); replace it") from error


def fetch(file: File | PackageFile | Path) -> Path:
    """The local path of `file`: in the mirror, else in the cache, where an archive or a download may put it.

    A path is that of a file of our own, beside the code that reads it: nothing is to be fetched. Raises InputError
    when the mirror's file or archive differs, or when the download fails.
    """
    if isinstance(file, Path):
        return file
    if isinstance(file, PackageFile):
        return file.locate()
    mirror = os.environ.get("GENNAS_MIRROR")
    for form in (file, file.repacked):
        if mirror and form and (mirrored := Path(mirror) / form.path).is_file():
            if not form.fits(mirrored):
                raise InputError(f"{mirrored}: its hash differs from the expected one; replace it")
            return mirrored
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gennas" / file.path
    if not (cached.is_file() and file.fits(cached)):
        if mirror and file.member and (archive := Path(mirror) / file.member[0]).is_file():
            _take_out(file, archive, file.member[1], cached)
        else:
            _download(file, cached)
    return cached
