"""Regression tasks: what a valid one is, and the genes by which a task search varies them.

A task is a mapping with its family, the noise on the inputs, signals in each place (for images the targets of three
stages, for sequences an input and a target), and what else its family has, such as a size. A family declares its
places, bases and genes (`gennas.families`); what is common to all is here. Published tasks are package data,
`gennas/regression/tasks/<name>.yaml`.

Source: GenNAS, section 3.3 and the released code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gennas import catalogue
from gennas.errors import InputError

PUBLISHED = Path(__file__).parent / "tasks"

NOISE_KINDS = ("uniform", "gaussian")
NOISE_LEVELS = tuple(round(0.1 * i, 1) for i in range(10))
AMPLITUDES = tuple(round(0.5 + 0.1 * i, 1) for i in range(25))
FREQUENCIES = 10


@dataclass(frozen=True)
class Gene:
    """A number, or a list of `length` numbers, each of which is resampled by itself."""

    choices: Sequence[float]
    minimum: float
    maximum: float
    length: int | None = None

    def schema(self) -> dict[str, Any]:
        """What is valid in a task; a task search takes one of the choices."""
        kind = "integer" if all(isinstance(choice, int) for choice in self.choices) else "number"
        number = {"type": kind, "minimum": self.minimum, "maximum": self.maximum}
        if self.length is None:
            return number
        return {"type": "array", "minItems": self.length, "maxItems": self.length, "items": number}

    def draw(self, rng: np.random.Generator) -> float:
        """One of the choices."""
        return type(self.choices[0])(rng.choice(np.asarray(self.choices)))


@dataclass(frozen=True)
class Genes:
    """What the tasks of a family have, besides noise: the part `task` of its declaration, see `gennas.families`."""

    places: Sequence[str]
    bases: Mapping[str, Mapping[str, Any]]
    genes: Mapping[str, Gene]
    per_sample: Sequence[bool] = field(default=())  # what the key `per_sample` of a basis may be; empty: there is none


@cache
def genes_of(family: str) -> Genes:
    """The genes of a family's tasks."""
    declared = dict(catalogue.declaration("families", family)["task"])
    return Genes(**{**declared, "genes": {name: Gene(**gene) for name, gene in declared["genes"].items()}})


# --- what a valid task is -------------------------------------------------------------------

_AMPLITUDE = {"type": "number", "exclusiveMinimum": 0}
#: Parameters of bases that are drawn in a way of their own.
_DRAWN = {
    "frequencies": {
        "type": "array",
        "minItems": FREQUENCIES,
        "maxItems": FREQUENCIES,
        "items": {"type": "number", "minimum": 0, "maximum": 0.5},
    },
    "density": {"type": "number", "minimum": 0, "maximum": 1},
}


def _object(**properties: Any) -> dict[str, Any]:
    """An object that has exactly these properties."""
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


def _basis(name: str, genes: Genes) -> dict[str, Any]:
    """What a signal of a basis has."""
    own = {key: _DRAWN[key] if spec is None else Gene(**spec).schema() for key, spec in genes.bases[name].items()}
    if own and genes.per_sample:
        own["per_sample"] = {"enum": list(genes.per_sample)}
    return {
        "if": {"properties": {"basis": {"const": name}}},
        "then": _object(basis={"const": name}, amplitude=_AMPLITUDE, **own),
    }


def _signals(genes: Genes) -> dict[str, Any]:
    """A list of signals in each place."""
    signal = {
        "type": "object",
        "required": ["basis"],
        "properties": {"basis": {"enum": list(genes.bases)}},
        "allOf": [_basis(name, genes) for name in genes.bases],
    }
    return _object(**{place: {"type": "array", "items": signal} for place in genes.places})


def task_schema(family: str) -> dict[str, Any]:
    """The JSON schema of a family's tasks."""
    genes = genes_of(family)
    return _object(
        family={"const": family},
        noise=_object(kind={"enum": list(NOISE_KINDS)}, level={"type": "number", "minimum": 0}),
        signals=_signals(genes),
        **{name: gene.schema() for name, gene in genes.genes.items()},
    )


def check_task(task: Any, name: str) -> None:
    """Raise an InputError of one line, naming the file and the key, unless the task is valid."""
    from jsonschema.exceptions import best_match

    from gennas.files.documents import violations

    family = task.get("family") if isinstance(task, Mapping) else None
    known = catalogue.names("families")
    if not isinstance(family, str) or family not in known:
        raise InputError(f"{name}: family: {family!r} is not one of {', '.join(known)}; say what its networks read")
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


def draw_signal(basis: str, rng: np.random.Generator, genes: Genes) -> dict[str, Any]:
    """A basis with random amplitude and, where it has them, parameters and sharing between the samples of a batch."""
    signal: dict[str, Any] = {"basis": basis, "amplitude": float(rng.choice(AMPLITUDES))}
    parameters = genes.bases[basis]
    for name, spec in parameters.items():
        signal[name] = _draw_parameter(name, rng) if spec is None else Gene(**spec).draw(rng)
    if parameters and genes.per_sample:
        fixed = len(genes.per_sample) == 1
        signal["per_sample"] = genes.per_sample[0] if fixed else bool(rng.integers(2))
    return signal


def _draw_parameter(name: str, rng: np.random.Generator) -> Any:
    """One of `_DRAWN`."""
    if name == "frequencies":
        low, high = np.sort(rng.uniform(0, 0.5, size=2))
        return rng.uniform(low, high, size=FREQUENCIES).round(6).tolist()
    return round(float(rng.uniform()), 6)


def random_task(rng: np.random.Generator, family: str = "images") -> dict[str, Any]:
    """Every gene drawn anew."""
    genes = genes_of(family)
    blank: dict[str, Any] = {"family": family, "noise": {"kind": "uniform", "level": 0.0}}
    for name, gene in genes.genes.items():
        blank[name] = gene.choices[0] if gene.length is None else [gene.choices[0]] * gene.length
    return mutate_task({**blank, "signals": {place: [] for place in genes.places}}, rng, probability=1.0)


def mutate_task(task: Mapping[str, Any], rng: np.random.Generator, probability: float = 0.2) -> dict[str, Any]:
    """Resample each gene with the given probability; the parent is left as it is."""
    genes = genes_of(task["family"])

    def resampled() -> bool:
        return bool(rng.random() < probability)

    def vary(gene: Gene, value: Any) -> Any:
        if gene.length is not None:
            return [gene.draw(rng) if resampled() else each for each in value]
        return gene.draw(rng) if resampled() else value

    child: dict[str, Any] = {"family": task["family"], "noise": dict(task["noise"])}
    if resampled():
        child["noise"] = {"kind": str(rng.choice(NOISE_KINDS)), "level": float(rng.choice(NOISE_LEVELS))}
    child |= {name: vary(gene, task[name]) for name, gene in genes.genes.items()}
    child["signals"] = {}
    for place in genes.places:
        present = {signal["basis"]: signal for signal in task["signals"][place]}
        for basis in genes.bases:
            if resampled():
                present.pop(basis, None)
                if rng.integers(2):
                    present[basis] = draw_signal(basis, rng, genes)
        child["signals"][place] = [present[basis] for basis in genes.bases if basis in present]
    return child
