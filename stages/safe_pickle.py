"""Read pickles from elsewhere without letting them run code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import IO, Any

from stages.errors import InputError


class _Unpickler(pickle.Unpickler):
    """An unpickler that finds no global but the allowed ones."""

    def __init__(self, file: IO[bytes], allowed: Mapping[tuple[str, str], Any], name: str) -> None:
        # Latin-1 is what numpy's arrays need of a pickle that Python 2 wrote; Python 3's ignore it.
        super().__init__(file, encoding="latin1")
        self._allowed, self._name = allowed, name

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise InputError(
                f"{self._name}: refused, since the pickle asks for {module}.{name}, which its format "
                "does not need; get the file again"
            )
        return self._allowed[module, name]


def load(file: IO[bytes], allowed: Mapping[tuple[str, str], Any], name: str | None = None) -> Any:
    """Unpickle `file`, whose globals (module, name) may only be the keys of `allowed`.

    `allowed` gives the object that stands for each global, so nothing is imported. `name` is
    what messages call the file (default: `file.name`). Raises InputError for every other global
    and for anything that is not a whole pickle.
    """
    name = name or file.name
    try:
        return _Unpickler(file, allowed, name).load()
    except InputError:
        raise
    except Exception as error:  # a broken pickle can raise anything: EOFError, TypeError, RecursionError...
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}: not a readable pickle ({reason}); get the file again") from error
