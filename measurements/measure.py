"""Seconds per architecture, memory and rho: the paper's protocol written plainly, and the pipeline's.

For every space, each engine scores the same architectures in a process of its own with one thread; the engines take
turns, so that whatever else the machine does slows all of them. On a GPU, which the pipeline gives many architectures
at once, a turn is all of them. The architectures are the last of the evaluation permutation, which no study but that
of the whole space evaluates. Writes measurements.parquet and a table, which docs/performance.md shows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from gennas import proxies, spaces
from gennas.devices import prepare
from gennas.scoring import Context, Score
from gennas.stats import interval, spearman
from measurements import yardstick
from measurements.subjects import DOCS, FOLDER, SEED, SUBJECTS, Subject, machine, show
from stages.report.summary import markdown_table
from stages.support import artifacts

COMPARED = ("nasbench201", "nasbench101")
#: From a context to the function that scores architectures.
Engine = Callable[[Context], Callable[[Sequence[Any]], Iterator[Score]]]
PIPELINE = partial(proxies.make, "regression")
#: How an architecture is scored, and under which protocol.
ENGINES: dict[str, tuple[Engine, str]] = {
    "plain, paper's protocol": (yardstick.make, "paper"),  # the yardstick comes first
    "pipeline, paper's protocol": (PIPELINE, "paper"),
    "pipeline, reduced": (PIPELINE, "reduced"),
}
ROW = pa.schema(
    [
        ("space", pa.string()),
        ("engine", pa.string()),
        ("architecture", pa.string()),
        ("quality", pa.float64()),
        ("score", pa.float64()),
        ("seconds", pa.float64()),
        ("memory_mb", pa.float64()),
    ]
)


# --- in an engine's process -----------------------------------------------------------------

_score: Callable[[Sequence[str]], Iterator[Score]]
_device: torch.device


def start(subject: Subject, engine: str) -> None:
    """Prepare the engine."""
    global _score, _device
    make, which = ENGINES[engine]
    space, _device = spaces.load(subject.space), prepare()
    score = make(subject.scorer(subject.protocol(which)).context(_device))

    def score_ids(architectures: Sequence[str]) -> Iterator[Score]:
        return score([spaces.parse(space, architecture) for architecture in architectures])

    _score = score_ids


def measure(architectures: Sequence[str]) -> tuple[list[float], float, float]:
    """The scores, the seconds each took, and the most memory so far in MB: of the GPU where there is one."""
    begin = time.perf_counter()
    scores = [score.score for score in _score(architectures)]  # on the host: whatever runs on a GPU has ended
    seconds = (time.perf_counter() - begin) / len(scores)
    if _device.type == "cuda":
        return scores, seconds, torch.cuda.max_memory_allocated() / 1e6
    return scores, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


# --- the comparison -------------------------------------------------------------------------


def compare(subject: Subject, count: int, turn: int) -> Iterator[dict[str, Any]]:
    """The rows of one space: the engines take turns of some architectures, after two that are not counted."""
    ids, qualities = subject.draw(count)
    context = multiprocessing.get_context("spawn")
    pools = [ProcessPoolExecutor(1, context, start, (subject, engine)) for engine in ENGINES]
    try:
        for pool in pools:
            pool.submit(measure, ids[:2]).result()
        for first in tqdm(range(0, count, turn), subject.space):
            own = slice(first, first + turn)
            for engine, pool in zip(ENGINES, pools, strict=True):
                scores, seconds, memory = pool.submit(measure, ids[own]).result()
                for architecture, quality, score in zip(ids[own], qualities[own], scores, strict=True):
                    row = (subject.space, engine, architecture, quality, score, seconds, memory)
                    yield artifacts.row(ROW, *row)
    finally:
        for pool in pools:
            pool.shutdown()


def line(rows: list[dict[str, Any]], reference: list[dict[str, Any]]) -> list[str]:
    """An engine's line of the table; the ratio is the median of those of single architectures."""
    seconds = [row["seconds"] for row in rows]
    low, middle, high = np.percentile(seconds, (25, 50, 75))
    ratio = statistics.median(r["seconds"] / row["seconds"] for r, row in zip(reference, rows, strict=True))
    scores, quality = (np.array([row[name] for row in rows]) for name in ("score", "quality"))
    rho = "-"  # of a few architectures it says nothing
    if len(rows) >= 20:
        low_rho, high_rho = interval(scores, quality, SEED)
        rho = f"{spearman(scores, quality):.3f} [{low_rho:.2f}, {high_rho:.2f}]"
    memory = max(row["memory_mb"] for row in rows)
    per_architecture = f"{middle:.2f} [{low:.2f}, {high:.2f}]"
    return [
        rows[0]["space"], rows[0]["engine"], per_architecture, f"{ratio:.1f}", rho, str(len(rows)), f"{memory:.0f}",
    ]  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """The Markdown table."""
    head = (
        "space", "engine", "s/architecture [quartiles]", "times the plain one's speed", "rho [95 %]", "n", "memory, MB",
    )  # fmt: skip
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["space"], row["engine"]), []).append(row)
    first: dict[str, list[dict[str, Any]]] = {}
    lines = [line(own, first.setdefault(space, own)) for (space, _), own in groups.items()]
    return markdown_table(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", type=int, default=60, help="of each space (default: %(default)s)")
    parser.add_argument("--spaces", nargs="+", choices=COMPARED, default=COMPARED, help="(default: both)")
    args = parser.parse_args()
    device = prepare()
    turn = args.architectures if device.type == "cuda" else 1
    rows = [row for space in args.spaces for row in compare(SUBJECTS[space], args.architectures, turn)]
    written = pa.Table.from_pylist(rows, ROW.with_metadata({"machine": machine(device)}))
    pq.write_table(written, FOLDER / "measurements.parquet")
    show(DOCS / "performance.md", "measured", f"{machine(device)}.\n\n{table(rows)}")


if __name__ == "__main__":
    main()
