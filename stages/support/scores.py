"""Tables of scores (`artifacts.SCORES`): several read as one, and what each proxy says of the architectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.support import artifacts


@dataclass(frozen=True)
class Scores:
    """One proxy's scores (repetitions, n) of n architectures, and their loss curves, repetition by repetition."""

    architectures: list[str]
    matrix: np.ndarray
    losses: list[list[float]]

    @property
    def mean(self) -> np.ndarray:
        """The score (n,) averaged over repetitions; -inf where one failed."""
        averaged: np.ndarray = self.matrix.mean(axis=0)
        return averaged

    @property
    def iterations(self) -> int:
        """Of the longest training; 0 for a proxy that does not train."""
        return max(map(len, self.losses))


def read(paths: Sequence[Path]) -> pa.Table:
    """The tables one after the other."""
    return artifacts.read_tables(paths, artifacts.SCORES)


def of_members(table: pa.Table, members: Sequence[str], repetition: int | None = None) -> tuple[list[str], np.ndarray]:
    """The architectures, and each member's scores of them (n, members): of one repetition, or the mean of all."""
    own = by_proxy(table)
    columns = [own[member].mean if repetition is None else own[member].matrix[repetition] for member in members]
    return own[members[0]].architectures, np.stack(columns, axis=1)


def by_proxy(table: pa.Table) -> dict[str, Scores]:
    """The proxies in the order in which they first appear, architectures in that of the sample."""
    found = {}
    for proxy in pc.unique(table["proxy"]).to_pylist():
        own = table.filter(pc.equal(table["proxy"], proxy)).sort_by([("seed", "ascending"), ("position", "ascending")])
        matrix = own["score"].to_numpy().reshape(len(pc.unique(own["seed"])), -1)  # (repetitions, n)
        architectures = own["architecture"][: matrix.shape[1]].to_pylist()
        found[proxy] = Scores(architectures, matrix, own["losses"].to_pylist())
    return found
