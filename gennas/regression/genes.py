"""Regression tasks: what a valid one is, and the genes by which a task search varies them.

There are two families: tasks on images have targets for three stages and factors of their channels,
tasks on sequences an input, a target and their dimension.

Source: GenNAS, section 3.3 and the released code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jsonschema.exceptions import best_match

from gennas.errors import InputError
from gennas.files.documents import violations

STAGES = ("stage_1", "stage_2", "stage_3")  # of images
ENDS = ("input", "target")  # of sequences
WAVES, DOTS = ("sin1d", "sin2d"), ("dot", "gaussian_dot")
BASES = (*WAVES, *DOTS, "resize")

NOISE_KINDS = ("uniform", "gaussian")
NOISE_LEVELS = tuple(round(0.1 * i, 1) for i in range(10))
CHANNEL_FACTORS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
DIMENSIONS = (16, 32, 48, 64, 80, 96)
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


def _object(**properties: Any) -> dict[str, Any]:
    """An object that has exactly these properties."""
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


def _signals(names: tuple[str, ...], bases: tuple[str, ...], per_sample: dict[str, Any]) -> dict[str, Any]:
    """A list of signals of the given bases under each of the names."""
    signal = {
        "type": "object",
        "required": ["basis"],
        "properties": {"basis": {"enum": list(bases)}},
        "allOf": [
            _basis(WAVES, frequencies=_FREQUENCIES, per_sample=per_sample),
            _basis(DOTS, density={"type": "number", "minimum": 0, "maximum": 1}, per_sample=per_sample),
            _basis(("resize",)),
        ],
    }
    return _object(**{name: {"type": "array", "items": signal} for name in names})


_NOISE = _object(kind={"enum": list(NOISE_KINDS)}, level={"type": "number", "minimum": 0})
_FACTOR = {"type": "number", "exclusiveMinimum": 0, "maximum": 2.5}  # times 256 channels: what signals are drawn for
TASK_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "images": _object(
        noise=_NOISE,
        channel_factors={"type": "array", "minItems": len(STAGES), "maxItems": len(STAGES), "items": _FACTOR},
        signals=_signals(STAGES, BASES, {"type": "boolean"}),
    ),
    "sequences": _object(
        noise=_NOISE,
        dimension={"type": "integer", "minimum": 1, "maximum": 1024},
        signals=_signals(ENDS, (*WAVES, *DOTS), {"const": True}),
    ),
}


def family(task: Any) -> str:
    """The family of a task, by what it holds."""
    return "sequences" if isinstance(task, Mapping) and "dimension" in task else "images"


def check_family(task: Mapping[str, Any], wanted: str) -> None:
    """Raise an InputError of one line unless the task is of the wanted family."""
    if family(task) != wanted:
        raise InputError(
            f"params.yaml: task: it is for {family(task)}, but the networks of this space read {wanted}; choose another"
        )


def check_task(task: Any, name: str) -> None:
    """Raise an InputError of one line, naming the file and the key, unless the task is valid."""
    if error := best_match(violations(task, TASK_SCHEMAS[family(task)])):
        key = ".".join(map(str, error.absolute_path)) or "the task"
        raise InputError(f"{name}: {key}: {error.message}; mend it, or take one of tasks/ as a pattern")


def draw_signal(basis: str, rng: np.random.Generator, shared: bool) -> dict[str, Any]:
    """A basis with random amplitude and, where it has them, frequencies, density, sharing (if `shared` allows it)."""
    signal: dict[str, Any] = {"basis": basis, "amplitude": float(rng.choice(AMPLITUDES))}
    if basis in WAVES:
        low, high = np.sort(rng.uniform(0, 0.5, size=2))
        signal["frequencies"] = rng.uniform(low, high, size=FREQUENCIES).round(6).tolist()
    elif basis in DOTS:
        signal["density"] = round(float(rng.uniform()), 6)
    else:
        return signal
    return {**signal, "per_sample": bool(rng.integers(2)) if shared else True}


def random_task(rng: np.random.Generator, family: str = "images") -> dict[str, Any]:
    """Every gene drawn anew."""
    blank: dict[str, Any] = {"noise": {"kind": "uniform", "level": 0.0}}
    if family == "images":
        blank |= {"channel_factors": [1.0] * len(STAGES), "signals": {stage: [] for stage in STAGES}}
    else:
        blank |= {"dimension": DIMENSIONS[0], "signals": {end: [] for end in ENDS}}
    return mutate_task(blank, rng, probability=1.0)


def mutate_task(task: Mapping[str, Any], rng: np.random.Generator, probability: float = 0.2) -> dict[str, Any]:
    """Resample each gene with the given probability; the parent is left as it is."""

    def resampled() -> bool:
        return bool(rng.random() < probability)

    images = family(task) == "images"
    child: dict[str, Any] = {"noise": dict(task["noise"])}
    if resampled():
        child["noise"] = {"kind": str(rng.choice(NOISE_KINDS)), "level": float(rng.choice(NOISE_LEVELS))}
    if images:
        factors = task["channel_factors"]
        child["channel_factors"] = [float(rng.choice(CHANNEL_FACTORS)) if resampled() else f for f in factors]
    else:
        child["dimension"] = int(rng.choice(DIMENSIONS)) if resampled() else task["dimension"]
    child["signals"] = {}
    for name in STAGES if images else ENDS:
        present = {signal["basis"]: signal for signal in task["signals"][name]}
        for basis in BASES if images else (*WAVES, *DOTS):
            if resampled():
                present.pop(basis, None)
                if rng.integers(2):
                    present[basis] = draw_signal(basis, rng, shared=images)
        child["signals"][name] = [present[basis] for basis in BASES if basis in present]
    return child
