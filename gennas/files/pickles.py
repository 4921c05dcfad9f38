"""Read pickles from elsewhere without letting them run code, or use up memory, time or the stack."""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Mapping
from typing import IO, Any

from gennas.errors import InputError

SIZE_LIMIT = 1 << 26  # bytes
DEPTH_LIMIT = 32  # of what a pickle nests; hashing deeper tuples can overflow the C stack
#: How often a pickle may use what it holds, per byte: tuples of tuples of one tuple take no room, but time.
USE_LIMIT = 64
#: All that Python writes from protocol 2 on to describe plain values and objects.
_NAMES = """
    PROTO FRAME STOP MARK MEMOIZE BINPUT LONG_BINPUT BINGET LONG_BINGET NONE NEWTRUE NEWFALSE
    BININT BININT1 BININT2 LONG1 BINFLOAT SHORT_BINSTRING BINSTRING SHORT_BINBYTES BINBYTES
    SHORT_BINUNICODE BINUNICODE EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS
    EMPTY_DICT SETITEM SETITEMS GLOBAL STACK_GLOBAL REDUCE NEWOBJ BUILD
""".split()  # noqa: SIM905
#: Opcodes with what they take from the stack, beside all down to a mark if they need one, and how many they put there.
_OPCODES = {
    opcode.name: (
        [kind for kind in opcode.stack_before if kind not in (pickletools.markobject, pickletools.stackslice)],
        pickletools.markobject in opcode.stack_before,
        len(opcode.stack_after),
    )
    for opcode in pickletools.opcodes
    if opcode.name in _NAMES
}
_CHANGES = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "BUILD"}  # what is lowest on the stack, in place
_PUTS, _GETS = {"MEMOIZE", "BINPUT", "LONG_BINPUT"}, {"BINGET", "LONG_BINGET"}
_LEAF = (1, 1)


class Sealed(type):
    """A class that a pickle can make objects of, but not change: it may set attributes of all that it has."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise AttributeError(f"{cls.__name__}.{name} cannot be set")


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


def _check_opcodes(content: bytes) -> None:
    """Raise ValueError for what loading cannot be trusted with, by running the pickle on sizes and depths alone."""
    stack: list[tuple[int, int] | None] = []  # values in it, itself included, and how deep they nest; None is a mark
    memo: dict[int, tuple[int, int] | None] = {}
    uses = 0
    for opcode, argument, _ in pickletools.genops(content):
        name = opcode.name
        if name not in _OPCODES:
            raise ValueError(f"the opcode {name}, which its format does not need")
        takes, to_mark, puts = _OPCODES[name]
        if name in _GETS:
            stack.append(memo[argument or 0])
        elif name in _PUTS:
            place = len(memo) if argument is None else argument
            if place > len(content):  # the memo is an array that has all places up to this one
                raise ValueError("a place in the memo that it cannot fill")
            memo[place] = stack[-1]
        elif name == "MARK":
            stack.append(None)
        elif not takes and not to_mark:
            stack.extend([_LEAF] * puts)
        else:
            taken = _pop(stack, len(takes), to_mark)
            size, depth = taken.pop() if name in _CHANGES else _LEAF
            used = sum([size for size, _ in taken])
            depth = max(depth, 1 + max([depth for _, depth in taken], default=0))
            uses += used
            if uses > USE_LIMIT * len(content):
                raise ValueError("values that multiply")
            if depth > DEPTH_LIMIT:
                raise ValueError(f"nested more than {DEPTH_LIMIT} deep")
            stack.extend([(size + used, depth)] * puts)


def _pop(stack: list[tuple[int, int] | None], count: int, to_mark: bool) -> list[tuple[int, int]]:
    """Take `count` values from the stack, after all those down to the last mark if there is to be one."""
    taken = []
    if to_mark:
        while (value := stack.pop()) is not None:
            taken.append(value)
    for _ in range(count):
        if (value := stack.pop()) is None:
            raise ValueError("a mark where a value should be")
        taken.append(value)
    return taken


def load(file: IO[bytes], allowed: Mapping[tuple[str, str], Any], name: str | None = None) -> Any:
    """Unpickle `file`, whose globals (module, name) may only be the keys of `allowed`.

    `allowed` gives the `Sealed` class that stands for each global, so nothing is imported. `name` is
    what messages call the file (default: `file.name`). Raises InputError for every other global
    and for anything that is not a whole pickle of plain values.
    """
    name = name or file.name
    content = file.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise InputError(f"{name}: a pickle of more than {SIZE_LIMIT} bytes; get the file again")
    try:
        _check_opcodes(content)
        return _Unpickler(io.BytesIO(content), allowed, name).load()
    except InputError:
        raise
    except Exception as error:  # a broken pickle can raise anything: EOFError, TypeError, RecursionError...
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}: not a readable pickle ({reason}); get the file again") from error
