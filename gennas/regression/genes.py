"""Regression tasks: what a valid one is, and the genes by which a task search varies them.

A task is a mapping with its family, the noise on the inputs, signals in each place (for images the targets of three
stages, for sequences an input and a target), and a size: for images a factor of each target's channels, for sequences
the dimension. Published tasks are package data, `gennas/regression/tasks/<name>.yaml`.

Source: GenNAS, section 3.3 and the released code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gennas.errors import InputError

PUBLISHED = Path(__file__).parent / "tasks"
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
#: Resamples a gene or not; the gene's value.
Resampled = Callable[[], bool]


@dataclass(frozen=True)
class Genes:
    """What the tasks of a family have, besides noise."""

    places: tuple[str, ...]  # where signals are
    bases: tuple[str, ...]
    shared: bool  # whether the samples of a batch may share a draw
    size: str  # the key of the size
    blank: Any  # a size to begin with
    resample: Callable[[Any, Resampled, np.random.Generator], Any]  # of the size
    schema: Mapping[str, Any]  # of the size


def _resample_factors(factors: list[float], resampled: Resampled, rng: np.random.Generator) -> list[float]:
    return [float(rng.choice(CHANNEL_FACTORS)) if resampled() else factor for factor in factors]


def _resample_dimension(dimension: int, resampled: Resampled, rng: np.random.Generator) -> int:
    return int(rng.choice(DIMENSIONS)) if resampled() else dimension


#: Times 256 channels: what signals are drawn for.
_FACTOR = {"type": "number", "exclusiveMinimum": 0, "maximum": 2.5}
GENES: Mapping[str, Genes] = {
    "images": Genes(
        STAGES, BASES, True, "channel_factors", [1.0] * len(STAGES), _resample_factors,
        {"type": "array", "minItems": len(STAGES), "maxItems": len(STAGES), "items": _FACTOR},
    ),
    "sequences": Genes(
        ENDS, (*WAVES, *DOTS), False, "dimension", DIMENSIONS[0], _resample_dimension,
        {"type": "integer", "minimum": 1, "maximum": 1024},
    ),
}  # fmt: skip

# --- what a valid task is -------------------------------------------------------------------

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


def _signals(genes: Genes) -> dict[str, Any]:
    """A list of signals in each place."""
    per_sample = {"type": "boolean"} if genes.shared else {"const": True}
    signal = {
        "type": "object",
        "required": ["basis"],
        "properties": {"basis": {"enum": list(genes.bases)}},
        "allOf": [
            _basis(WAVES, frequencies=_FREQUENCIES, per_sample=per_sample),
            _basis(DOTS, density={"type": "number", "minimum": 0, "maximum": 1}, per_sample=per_sample),
            _basis(("resize",)),
        ],
    }
    return _object(**{place: {"type": "array", "items": signal} for place in genes.places})


def task_schema(family: str) -> dict[str, Any]:
    """The JSON schema of a family's tasks."""
    genes = GENES[family]
    return _object(
        family={"const": family},
        noise=_object(kind={"enum": list(NOISE_KINDS)}, level={"type": "number", "minimum": 0}),
        signals=_signals(genes),
        **{genes.size: genes.schema},
    )


def check_task(task: Any, name: str) -> None:
    """Raise an InputError of one line, naming the file and the key, unless the task is valid."""
    from jsonschema.exceptions import best_match

    from gennas.files.documents import violations

    family = task.get("family") if isinstance(task, Mapping) else None
    if not isinstance(family, str) or family not in GENES:
        raise InputError(f"{name}: family: {family!r} is not one of {', '.join(GENES)}; say what its networks read")
    if error := best_match(violations(task, task_schema(family))):
        key = ".".join(map(str, error.absolute_path)) or "the task"
        raise InputError(f"{name}: {key}: {error.message}; fix it, or take one of {PUBLISHED.name}/ as a pattern")


def check_family(task: Mapping[str, Any], wanted: str) -> None:
    """Raise an InputError of one line unless the task is of the wanted family."""
    if task["family"] != wanted:
        raise InputError(f"task: it is for {task['family']}, but the networks here read {wanted}; choose another")


def task_names(family: str | None = None) -> list[str]:
    """The published tasks, of a family if one is given."""
    every = sorted(path.stem for path in PUBLISHED.glob("[a-z]*.yaml"))
    return [name for name in every if family is None or load_task(name)["family"] == family]


def task_path(name: str) -> Path:
    """The file of a task: a path with a slash or a suffix is a file of one's own, any other name a published task."""
    if "/" in name or name.endswith(".yaml"):
        return Path(name)
    path = PUBLISHED / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in PUBLISHED.glob("[a-z]*.yaml")))
        raise InputError(f"task: there is no published task {name!r} (known: {known}); a file of your own is a path")
    return path


def load_task(name: str | Path) -> dict[str, Any]:
    """A published task by its name, or the task in a file; checked."""
    from gennas.files.documents import read_yaml

    path = task_path(str(name))
    task: dict[str, Any] = read_yaml(path)
    check_task(task, str(name))
    return task


# --- genes ----------------------------------------------------------------------------------


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
    genes = GENES[family]
    blank: dict[str, Any] = {"family": family, "noise": {"kind": "uniform", "level": 0.0}, genes.size: genes.blank}
    return mutate_task({**blank, "signals": {place: [] for place in genes.places}}, rng, probability=1.0)


def mutate_task(task: Mapping[str, Any], rng: np.random.Generator, probability: float = 0.2) -> dict[str, Any]:
    """Resample each gene with the given probability; the parent is left as it is."""
    genes = GENES[task["family"]]

    def resampled() -> bool:
        return bool(rng.random() < probability)

    child: dict[str, Any] = {"family": task["family"], "noise": dict(task["noise"])}
    if resampled():
        child["noise"] = {"kind": str(rng.choice(NOISE_KINDS)), "level": float(rng.choice(NOISE_LEVELS))}
    child[genes.size] = genes.resample(task[genes.size], resampled, rng)
    child["signals"] = {}
    for place in genes.places:
        present = {signal["basis"]: signal for signal in task["signals"][place]}
        for basis in genes.bases:
            if resampled():
                present.pop(basis, None)
                if rng.integers(2):
                    present[basis] = draw_signal(basis, rng, genes.shared)
        child["signals"][place] = [present[basis] for basis in genes.bases if basis in present]
    return child
