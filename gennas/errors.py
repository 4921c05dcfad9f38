"""The one exception that users see without a traceback, and what counts as it."""

from __future__ import annotations

LONGEST = 2000  # characters of a message


class InputError(Exception):
    """Bad input: one line that names the file or key, what is wrong with it, and the fix.

    What it quotes may come from a hostile file: line ends and a terminal's control characters are
    written as escapes, and the middle of a long text is left out.
    """

    def __init__(self, message: str) -> None:
        line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        half = LONGEST // 2
        super().__init__(line if len(line) <= LONGEST else f"{line[:half]} ... {line[-half:]}")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory of the machine or of its GPU did not suffice; the libraries have several ways to say so."""
    signs = ("OutOfMemoryError", "allocate memory", "out of memory", "ALLOC_FAILED", "unable to find an engine")
    said = f"{type(error).__name__}: {error}"
    of_library = isinstance(error, RuntimeError) and any(sign in said for sign in signs)
    return isinstance(error, MemoryError) or of_library
