"""Seconds per architecture, memory and rho: the paper's protocol written plainly, and the pipeline's.

For every space, each engine scores the same architectures in a process of its own with one thread; the engines take
turns, so that whatever else the machine does slows all of them. On a GPU, which the pipeline gives many architectures
at once, a turn is all of them. The architectures are the last of the evaluation permutation, which no study of this
project evaluates. Writes measurements.parquet and a table, which docs/performance.md shows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
import yaml
from tqdm import tqdm

from benchmarks import yardstick
from stages import correlate, datasets, download, proxies, sample, spaces, study
from stages.proxies import Context, Score
from stages.reproducibility import derive_seed, prepare, rng
from stages.statistics import spearman

SEED = 2021
FOLDER = Path(__file__).parent
REPORT = FOLDER.parent / "docs" / "performance.md"


@dataclass(frozen=True)
class Subject:
    """What is scored, against which truth, and where the two protocols are: a params.yaml and a name in it."""

    space: str
    source: str
    target: str
    paper: tuple[str, str]
    reduced: tuple[str, str]


SUBJECTS = {
    "nasbench201": Subject(
        "nasbench201",
        "analog-nasbench",
        "cifar10_accuracy_percent",
        paper=("params.yaml", "paper"),
        reduced=("params.yaml", "reduced"),
    ),
    "nasbench101": Subject(
        "nasbench101",
        "gennas",
        "cifar10_test_accuracy_percent",
        paper=("studies/paper/params.yaml", "nasbench101"),
        reduced=("studies/spaces/params.yaml", "nasbench101"),
    ),
}
#: How an architecture is scored: a function from a context to the scoring function, and the protocol's field.
PIPELINE = partial(proxies.make, "regression")
ENGINES = {
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


def draw(subject: Subject, count: int) -> tuple[list[str], list[float]]:
    """The last architectures of the evaluation permutation, and their truth."""
    table = download.read_benchmark(subject.space, subject.source)
    known = table.filter(pc.is_valid(table[subject.target]))
    ids, labelled = known["architecture"].to_pylist(), known["labelled"].to_pylist()
    drawn = sample.draw(ids, labelled, 20, SEED).filter(pc.field("role") == "evaluate")["architecture"].to_pylist()
    truth = dict(zip(ids, known[subject.target].to_pylist(), strict=True))
    return drawn[-count:], [truth[architecture] for architecture in drawn[-count:]]


# --- in an engine's process -----------------------------------------------------------------

_score: Callable[[Sequence[str]], Iterator[Score]]
_device: torch.device


def start(subject: Subject, engine: str) -> None:
    """Prepare the engine."""
    global _score, _device
    make, place = ENGINES[engine]
    path, name = getattr(subject, place)
    protocol = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["protocols"][name]
    space, _device = spaces.load(subject.space), prepare()
    images = datasets.unlabelled("photographs", download.POOL, 32, rng(SEED, subject.space, "images"))
    task = study.read_task(Path("tasks/nasbench101.yaml"))
    score = make(Context(space, protocol, images, derive_seed(SEED, "proxy", 0), _device, task))

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
    ids, qualities = draw(subject, count)
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
                    yield dict(zip(ROW.names, row, strict=True))
    finally:
        for pool in pools:
            pool.shutdown()


def line(rows: list[dict[str, Any]], reference: list[dict[str, Any]]) -> str:
    """An engine's line of the table; the ratio is the median of those of single architectures."""
    seconds = [row["seconds"] for row in rows]
    low, middle, high = np.percentile(seconds, (25, 50, 75))
    ratio = statistics.median(r["seconds"] / row["seconds"] for r, row in zip(reference, rows, strict=True))
    scores, quality = (np.array([row[name] for row in rows]) for name in ("score", "quality"))
    rho = "-"  # of a few architectures it says nothing
    if len(rows) >= 20:
        low_rho, high_rho = correlate.interval(scores, quality, SEED)
        rho = f"{spearman(scores, quality):.3f} [{low_rho:.2f}, {high_rho:.2f}]"
    memory = max(row["memory_mb"] for row in rows)
    return (
        f"| {rows[0]['space']} | {rows[0]['engine']} | {middle:.2f} [{low:.2f}, {high:.2f}] | {ratio:.1f} | "
        f"{rho} | {len(rows)} | {memory:.0f} |"
    )


def table(rows: list[dict[str, Any]]) -> str:
    """The Markdown table."""
    lines = [
        "| space | engine | s/architecture [quartiles] | times the plain one's speed | rho [95 %] | n | memory, MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["space"], row["engine"]), []).append(row)
    first = {}
    for (space, _), own in groups.items():
        lines.append(line(own, first.setdefault(space, own)))
    return "\n".join(lines)


def machine(device: torch.device) -> str:
    """What was measured on."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) or [platform.processor()]
        name = f"{names[0]}, one thread per process"
    return f"{name}, torch {torch.__version__}, Python {platform.python_version()}"


def show(page: Path, name: str, text: str) -> None:
    """Print a text, and put it on a page, between the comments that name it."""
    print(text)
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    section = f"{marks[0]}\n\n{text}\n\n{marks[1]}"
    old = page.read_text(encoding="utf-8")
    new = re.sub(".*".join(marks), lambda _: section, old, flags=re.DOTALL)
    page.write_text(new, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", type=int, default=60, help="of each space (default: %(default)s)")
    parser.add_argument("--spaces", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS), help="(default: all)")
    args = parser.parse_args()
    device = prepare()
    turn = args.architectures if device.type == "cuda" else 1
    rows = [row for space in args.spaces for row in compare(SUBJECTS[space], args.architectures, turn)]
    written = pa.Table.from_pylist(rows, ROW.with_metadata({"machine": machine(device)}))
    pq.write_table(written, FOLDER / "measurements.parquet")
    show(REPORT, "measured", f"{machine(device)}.\n\n{table(rows)}")


if __name__ == "__main__":
    main()
