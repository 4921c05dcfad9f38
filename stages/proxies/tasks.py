"""Regression tasks: what a valid one is, and the genes by which a task search varies them.

Source: GenNAS, section 3.3 and the released code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from stages.errors import InputError

STAGES = ("stage_1", "stage_2", "stage_3")
WAVES, DOTS = ("sin1d", "sin2d"), ("dot", "gaussian_dot")
BASES = (*WAVES, *DOTS, "resize")

NOISE_KINDS = ("uniform", "gaussian")
NOISE_LEVELS = tuple(round(0.1 * i, 1) for i in range(10))
CHANNEL_FACTORS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
AMPLITUDES = tuple(round(0.5 + 0.1 * i, 1) for i in range(25))
FREQUENCIES = 10

_AMPLITUDE = {"type": "number", "exclusiveMinimum": 0}
_FREQUENCIES = {
    "type": "array",
    "minItems": FREQUENCIES,
    "maxItems": FREQUENCIES,
    "items": {"type": "number", "minimum": 0, "maximum": 0.5},
}


def _basis(names: tuple[str, ...], **own: Any) -> dict[str, Any]:
    properties = {"basis": {"enum": list(names)}, "amplitude": _AMPLITUDE, **own}
    return {
        "if": {"properties": {"basis": {"enum": list(names)}}},
        "then": {"properties": properties, "required": list(properties), "additionalProperties": False},
    }


_SIGNAL = {
    "type": "object",
    "required": ["basis"],
    "properties": {"basis": {"enum": list(BASES)}},
    "allOf": [
        _basis(WAVES, frequencies=_FREQUENCIES, per_sample={"type": "boolean"}),
        _basis(DOTS, density={"type": "number", "minimum": 0, "maximum": 1}, per_sample={"type": "boolean"}),
        _basis(("resize",)),
    ],
}
_STAGE = {"type": "array", "items": _SIGNAL}
TASK_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["noise", "channel_factors", "signals"],
    "properties": {
        "noise": {
            "type": "object",
            "additionalProperties": False,
            "required": ["kind", "level"],
            "properties": {"kind": {"enum": list(NOISE_KINDS)}, "level": {"type": "number", "minimum": 0}},
        },
        "channel_factors": {
            "type": "array",
            "minItems": len(STAGES),
            "maxItems": len(STAGES),
            "items": {"type": "number", "exclusiveMinimum": 0},
        },
        "signals": {
            "type": "object",
            "additionalProperties": False,
            "required": list(STAGES),
            "properties": dict.fromkeys(STAGES, _STAGE),
        },
    },
}
_VALIDATOR = Draft202012Validator(TASK_SCHEMA)


def check_task(task: Any, name: str) -> None:
    """Raise an InputError of one line, naming the file and the key, unless the task is valid."""
    error = best_match(_VALIDATOR.iter_errors(task))
    if error:
        key = ".".join(map(str, error.absolute_path)) or "the task"
        raise InputError(f"{name}: {key}: {error.message}")


def draw_signal(basis: str, rng: np.random.Generator) -> dict[str, Any]:
    """A basis with random amplitude and, where it has them, frequencies, density, sharing."""
    signal: dict[str, Any] = {"basis": basis, "amplitude": float(rng.choice(AMPLITUDES))}
    if basis in WAVES:
        low, high = np.sort(rng.uniform(0, 0.5, size=2))
        signal["frequencies"] = rng.uniform(low, high, size=FREQUENCIES).round(6).tolist()
    elif basis in DOTS:
        signal["density"] = round(float(rng.uniform()), 6)
    else:
        return signal
    return {**signal, "per_sample": bool(rng.integers(2))}


def random_task(rng: np.random.Generator) -> dict[str, Any]:
    """Every gene drawn anew."""
    blank = {
        "noise": {"kind": "uniform", "level": 0.0},
        "channel_factors": [1.0] * len(STAGES),
        "signals": {stage: [] for stage in STAGES},
    }
    return mutate_task(blank, rng, probability=1.0)


def mutate_task(task: dict[str, Any], rng: np.random.Generator, probability: float = 0.2) -> dict[str, Any]:
    """Resample each gene with the given probability; the parent is left as it is."""

    def resampled() -> bool:
        return bool(rng.random() < probability)

    noise = task["noise"]
    if resampled():
        noise = {"kind": str(rng.choice(NOISE_KINDS)), "level": float(rng.choice(NOISE_LEVELS))}
    factors = [float(rng.choice(CHANNEL_FACTORS)) if resampled() else f for f in task["channel_factors"]]
    signals = {}
    for stage in STAGES:
        present = {signal["basis"]: signal for signal in task["signals"][stage]}
        for basis in BASES:
            if resampled():
                present.pop(basis, None)
                if rng.integers(2):
                    present[basis] = draw_signal(basis, rng)
        signals[stage] = [present[basis] for basis in BASES if basis in present]
    return {"noise": dict(noise), "channel_factors": factors, "signals": signals}
