"""Downloads over https, with retries and a progress bar. The one module of the library that needs requests and tqdm."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3 import exceptions
from urllib3.util import Retry

CHUNK = 1 << 16  # bytes
TIMEOUT = (3.05, 30.0)  # seconds to connect to an address, and between two pieces of the answer


class _Retry(Retry):
    """Tries again after a quick failure, but not after a time-out, whose wait was long enough."""

    def increment(self, *args: Any, **kwargs: Any) -> Self:
        error = kwargs.get("error")
        # urllib3 counts refused connections (retried) and failed name look-ups (not) as time-outs.
        waited = isinstance(error, exceptions.TimeoutError) and type(error) is not exceptions.NewConnectionError
        return super(_Retry, self.new(total=0) if waited else self).increment(*args, **kwargs)


def _session() -> requests.Session:
    """A session that speaks https only, redirections included, and tries four times."""
    retries = _Retry(
        total=3, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504), respect_retry_after_header=False
    )
    session = requests.Session()
    session.mount("https://", HTTPAdapter(max_retries=retries))
    del session.adapters["http://"]
    return session


def receive(url: str, title: str) -> Iterator[bytes]:
    """The pieces of what `url` answers, with a bar on a terminal."""
    with _session() as session, session.get(url, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isascii() and length.isdigit() else None
        quiet = not sys.stderr.isatty()
        with tqdm(desc=title, total=total, unit="B", unit_scale=True, leave=False, disable=quiet) as bar:
            for piece in answer.iter_content(CHUNK):
                yield piece
                bar.update(len(piece))
