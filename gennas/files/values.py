"""What the entries of a benchmark's file may say, in types and ranges; a ValueError tells what is wrong.

A string, a truth value or not-a-number would pass for a number somewhere, and make a wrong table.
"""

from __future__ import annotations

from typing import Any


def up_to(highest: float, value: Any, name: str = "accuracy") -> float:
    """A number from 0 to `highest`."""
    if type(value) not in (int, float) or not 0 <= value <= highest:  # false for not-a-number, too
        raise ValueError(f"{name} is {value!r}, not a number from 0 to {highest:g}")
    return float(value)


def percentage(value: Any, name: str = "accuracy") -> float:
    """An accuracy or error in percent."""
    return up_to(100, value, name)


def count(value: Any, name: str) -> int:
    """A number of parameters."""
    if type(value) is not int or not 0 < value < 1 << 31:
        raise ValueError(f"{name} is {value!r}, not a number of parameters")
    return value


def text(value: Any, name: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ValueError(f"{name} is {value!r}, not a string")
    return value
