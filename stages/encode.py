"""Learn encodings of the architectures of a space, and measure what they are worth.

Each encoding is a unit, in two jobs. `train` learns it, from the space's graphs alone, and encodes every architecture
of the space; of a space that cannot be enumerated, or is too large, those of the benchmark and those trained on. A
training that was killed goes on after its last epoch, and its vectors are byte-identical to an uninterrupted one's.
`measure` is the first to look at the target: how well is it predicted from a few labels, beside other encoders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gennas import catalogue, spaces
from gennas.devices import made_with, prepare
from gennas.encodings import distances, prediction
from gennas.encodings.base import EncodingContext, Measure
from gennas.errors import InputError
from gennas.files.checkpoints import Checkpoint
from gennas.seeds import derive_seed, rng
from gennas.spaces.common.encoding import one_hot
from stages.support import artifacts
from stages.support.command import run, track
from stages.support.inputs import read_ground_truth
from stages.support.sources import fingerprint, loaded_sources

DRAWN = 5000  # points of the map at most


def make_context(space: str, encoding: Mapping[str, Any], seed: int) -> EncodingContext:
    """What an encoding is given; encodings of a kind share a seed, so that variants are of the same draws."""
    options = {key: value for key, value in encoding.items() if key != "kind"}
    return EncodingContext(spaces.load(space), derive_seed(seed, "encode", encoding["kind"]), options, prepare())


def to_encode(space: Any, benchmark: Sequence[Path], trained: Sequence[Any]) -> dict[str, Any]:
    """The architectures that get a vector, by id."""
    if not benchmark:
        return {space.to_id(architecture): architecture for architecture in space.all_architectures()}
    ids = artifacts.read_parquet(benchmark[0], artifacts.BENCHMARK)["architecture"].to_pylist()
    known = {architecture_id: spaces.parse(space, architecture_id) for architecture_id in ids}
    return known | {space.to_id(architecture): architecture for architecture in trained}


def rows(name: str, measures: Sequence[Measure]) -> list[dict[str, Any]]:
    """The rows of `artifacts.MEASURES`."""
    return [artifacts.row(artifacts.MEASURES, name, *measure) for measure in measures]


def train(
    benchmark: list[Path], vectors: Path, measures: Path, checkpoint: Path,
    space: str, name: str, encoding: dict[str, Any], seed: int,
) -> None:  # fmt: skip
    """Learn one encoding: a vector per architecture, and what can be measured without labels."""
    context = make_context(space, encoding, seed)
    made = made_with(context.device)
    module = catalogue.load_module("encodings", encoding["kind"])
    progress = Checkpoint(checkpoint, fingerprint(space, encoding, seed, made, sorted(loaded_sources().values())))
    try:
        encoder = module.train(context, progress, lambda left: track(left, name, len(left), unit="epoch"))
    except InputError as error:
        raise InputError(f"params.yaml: {space}.encode.{name}.{error}") from error
    found = to_encode(context.space, benchmark, encoder.architectures)
    columns = [name] * len(found), [*found], [*encoder.encode([*found.values()])]
    artifacts.write_parquet(pa.table([*columns], schema=artifacts.VECTORS), artifacts.VECTORS, vectors, made)
    artifacts.write_rows(rows(name, encoder.measures()), artifacts.MEASURES, measures, made)


def predictors(
    context: EncodingContext, kind: str, architectures: Sequence[Any], vectors: np.ndarray, plain: np.ndarray
) -> dict[str, prediction.Predictor]:
    """What is compared, by name: the encoding, that of the space, and what the encoding's module compares it with."""
    module = catalogue.load_module("encodings", kind)
    found = {
        "learned": prediction.gaussian_process(vectors),
        "plain": prediction.gaussian_process(one_hot(plain)),
    }
    if hasattr(module, "untrained"):
        found["untrained"] = prediction.gaussian_process(module.untrained(context).encode(architectures))
    if hasattr(module, "supervised"):

        def supervised(labelled: np.ndarray, values: np.ndarray, others: np.ndarray) -> np.ndarray:
            own, left = ([architectures[row] for row in rows] for rows in (labelled, others))
            predicted: np.ndarray = module.supervised(context, own, values, left)
            return predicted

        found["supervised"] = supervised
    return found


def project(name: str, ids: Sequence[str], vectors: np.ndarray, values: np.ndarray, seed: int) -> pa.Table:
    """The rows of `artifacts.POINTS`, of a random part of the architectures."""
    from sklearn.decomposition import PCA

    x, y = PCA(2, svd_solver="full").fit_transform(vectors.astype(float)).T
    chosen = sorted(rng(seed, "encode", "map").permutation(len(ids))[:DRAWN])
    columns = [[name] * len(chosen), [ids[row] for row in chosen], x[chosen], y[chosen], values[chosen]]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, artifacts.POINTS, strict=True)], artifacts.POINTS)


def measure(
    vectors: Path, benchmark: Path, measures: Path, points: Path,
    space: str, name: str, encoding: dict[str, Any], target: str, seed: int,
) -> None:  # fmt: skip
    """What one encoding is worth: distances, prediction of the target, and a map."""
    truth = read_ground_truth(benchmark, target)
    table = artifacts.read_parquet(vectors, artifacts.VECTORS)
    encoded = dict(zip(table["architecture"].to_pylist(), table["vector"].to_pylist(), strict=True))
    ids = [architecture for architecture in encoded if np.isfinite(truth.values.get(architecture, np.nan))]
    known, values = np.array([encoded[one] for one in ids], np.float32), np.array([truth.values[one] for one in ids])
    context = make_context(space, encoding, seed)
    architectures = [spaces.parse(context.space, one) for one in ids]
    plain = np.array([context.space.encode(architecture) for architecture in architectures])

    def repetition(number: int) -> dict[str, prediction.Predictor]:
        own = replace(context, seed=derive_seed(context.seed, number))
        return predictors(own, encoding["kind"], architectures, known, plain)

    found = distances.measure(known, plain, context.seed)
    found += prediction.measure(repetition, values, context.seed, lambda left: track(left, name, len(left), "seed"))
    artifacts.write_rows(rows(name, found), artifacts.MEASURES, measures, made_with(context.device))
    artifacts.write_parquet(project(name, ids, known, values, seed), artifacts.POINTS, points)


def gather(
    vectors_of_each: list[Path], own: list[Path], worth: list[Path], points_of_each: list[Path],
    vectors: Path, measures: Path, points: Path,
) -> None:  # fmt: skip
    """The vectors, measures and points of all encodings; of none, tables without rows."""
    tables = (
        (vectors_of_each, artifacts.VECTORS, vectors),
        ([*own, *worth], artifacts.MEASURES, measures),
        (points_of_each, artifacts.POINTS, points),
    )
    for paths, schema, path in tables:
        if paths:
            artifacts.write_tables([artifacts.read_parquet(part, schema) for part in paths], schema, path)
        else:
            artifacts.write_rows([], schema, path)


if __name__ == "__main__":
    run(train, measure, gather)
