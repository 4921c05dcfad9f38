"""Which protocol is worth its cost: rho against seconds per architecture, over variations of a protocol.

Every variation scores the same architectures and records, per iteration, the loss of each stage, and at some
iterations that in evaluation mode; so one training stands for all shorter ones and for every read-out. The
architectures are from the end of the evaluation permutation, which no study but that of the whole space evaluates, and
others than `measure` takes. Writes protocols-<space>.parquet, tables and pictures, which docs/protocols.md shows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from gennas import spaces
from gennas.devices import prepare
from gennas.proxies import regression
from gennas.regression.training import make_optimizer
from gennas.scoring import Context, Protocol
from gennas.stats import pareto_front, spearman
from measurements.subjects import DOCS, FOLDER, SUBJECTS, Subject, machine, show
from stages.report.figures.comparison import log_axis
from stages.report.figures.style import BLUE, RHO, SKY, canvas, styled, to_svg
from stages.report.summary import markdown_table
from stages.support import artifacts

CPU = torch.device("cpu")  # what the reduced protocols are for
SKIPPED = 60  # architectures, which `measure` takes
EVERY = 5  # iterations, at which the loss in evaluation mode is recorded, too
WINDOWS = (1, 5, 10)  # iterations whose mean training loss is the score
#: Changes of the reduced protocol. `cosine` lets the learning rate fall to zero over all iterations.
VARIATIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "nasbench201": (
        {},
        {"width": 0.25},
        {"width": 1.0},
        {"depth": 0.4},
        {"batch_size": 4},
        {"batch_size": 16},
        {"resolution": 16},
        {"resolution": 32},
        {"resolution": 16, "batch_size": 16},
        {"resolution": 16, "depth": 0.4},
        {"resolution": 16, "width": 1.0},
        {"learning_rate": 0.05},
        {"learning_rate": 0.2},
        {"iterations": 36, "cosine": True},
        {"iterations": 60, "cosine": True},
        {"optimizer": "adam", "learning_rate": 0.01},
    ),
    "nasbench101": (
        {},
        {"depth": 0.67},
        {"depth": 0.34},
        {"width": 0.0625},
        {"width": 0.25},
        {"batch_size": 4},
        {"batch_size": 16},
        {"resolution": 8},
        {"resolution": 24},
        {"learning_rate": 0.05},
        {"learning_rate": 0.2},
        {"iterations": 50, "cosine": True},
    ),
    "nds_darts_fix": (
        {},
        {"depth": 0.25},
        {"width": 0.125},
        {"batch_size": 4},
        {"resolution": 16},
        {"learning_rate": 0.05},
        {"learning_rate": 0.2},
    ),
    "nasbench_nlp": (
        {},
        {"depth": 0.34},
        {"depth": 1.0},
        {"width": 0.125},
        {"width": 0.5},
        {"batch_size": 8},
        {"batch_size": 32},
        {"learning_rate": 0.001},
        {"learning_rate": 0.01},
        {"iterations": 60, "cosine": True},
        {"optimizer": "sgd", "learning_rate": 0.1},
    ),
}
LONGEST = 60  # iterations, unless the variation says how many

ROW = pa.schema(
    [
        ("space", pa.string()),
        ("variation", pa.string()),
        ("iterations", pa.int64()),
        ("readout", pa.string()),
        ("seconds", pa.float64()),
        ("rho", pa.float64()),
        ("n", pa.int64()),
    ]
)


def record(context: Context, architecture: Any, cosine: bool) -> tuple[np.ndarray, np.ndarray]:
    """The stages' losses at each iteration in training mode, and after every fifth one in evaluation mode.

    Both weighted, (iterations, stages) and (iterations / EVERY, stages); infinite where training diverged.
    """
    task, protocol = regression.draw_task(context), context.protocol
    network = regression.build(context, architecture)
    network.to(memory_format=regression.memory_format(context))  # type: ignore[call-overload]  # missing in torch's stubs
    optimizer = make_optimizer(network, protocol)
    iterations = protocol.iterations
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    training, evaluation = [], []
    for step in range(iterations):
        losses = task.losses(network, step)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        if cosine:
            schedule.step()
        training.append(losses.detach())
        if (step + 1) % EVERY == 0:
            network.eval()
            with torch.no_grad():
                evaluation.append(task.losses(network, -1))
            network.train()
    found = (torch.stack(rows).double().numpy() for rows in (training, evaluation))
    recorded, evaluated = (np.where(np.isfinite(losses), losses, np.inf) for losses in found)
    return recorded, evaluated


def train_all(
    subject: Subject, protocol: Protocol, cosine: bool, ids: list[str]
) -> tuple[float, np.ndarray, np.ndarray]:
    """CPU seconds per iteration, and what `record` says of each architecture, stacked."""
    prepare()
    space, context = spaces.load(subject.space), subject.scorer(protocol).context(CPU)
    begin = time.process_time()
    curves = [record(context, spaces.parse(space, architecture), cosine) for architecture in ids]
    # A pass in evaluation mode costs about a third of an iteration.
    steps = len(ids) * protocol.iterations * (1 + 1 / 3 / EVERY)
    seconds = (time.process_time() - begin) / steps
    return seconds, np.stack([c[0] for c in curves]), np.stack([c[1] for c in curves])


def vary(subject: Subject, change: dict[str, Any]) -> Protocol:
    """The reduced protocol, changed, for as long as it is read; `cosine` is none of it."""
    own = {key: value for key, value in change.items() if key != "cosine"}
    return replace(subject.protocol("reduced"), **{"iterations": LONGEST, **own})


def readouts(training: np.ndarray, evaluation: np.ndarray, cosine: bool) -> Iterator[tuple[int, str, np.ndarray]]:
    """(iterations, name, losses (n,)) of every way to read the recorded losses, each (n, iterations, stages)."""
    longest = training.shape[1]
    for length in [longest] if cosine else range(2 * EVERY, longest + 1, EVERY):
        for stages, chosen in (("all stages", slice(None)), ("last stage", slice(-1, None))):
            for window in WINDOWS:
                losses = training[:, length - window : length, chosen].sum(axis=2).mean(axis=1)
                yield length, f"training, last {window}, {stages}", losses
            if length % EVERY == 0:
                yield length, f"evaluation, {stages}", evaluation[:, length // EVERY - 1, chosen].sum(axis=1)


def name(change: Mapping[str, Any]) -> str:
    """A variation in words."""
    return ", ".join(f"{key} {value}" for key, value in change.items()).replace("cosine True", "cosine") or "as it is"


def explore(subject: Subject, count: int, workers: int) -> list[dict[str, Any]]:
    """One row per variation, number of iterations and read-out."""
    ids, qualities = subject.draw(count + SKIPPED)
    ids, qualities = ids[:count], qualities[:count]
    changes = VARIATIONS[subject.space]
    protocols = [(vary(subject, change), "cosine" in change) for change in changes]
    rows = []
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(train_all, subject, protocol, cosine, ids) for protocol, cosine in protocols]
        for change, job in zip(tqdm(changes, subject.space), jobs, strict=True):
            seconds, training, evaluation = job.result()
            for length, readout, losses in readouts(training, evaluation, "cosine" in change):
                cost = seconds * (length + (1 / 3 if readout.startswith("evaluation") else 0))
                rho = float(spearman(-losses, np.array(qualities)))
                row = (subject.space, name(change), length, readout, cost, rho, len(ids))
                rows.append(artifacts.row(ROW, *row))
    return rows


def front(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that no cheaper one equals, cheapest first."""
    points = {str(place): (row["seconds"], row["rho"]) for place, row in enumerate(rows)}
    return [rows[int(place)] for place in pareto_front(points)]


@styled
def picture(rows: list[dict[str, Any]]) -> str:
    """Rho against cost: every protocol, and the front."""
    figure = canvas(3.4)
    axis = figure.add_subplot(xlabel="CPU seconds per architecture", ylabel=f"Spearman's {RHO}", xscale="log")
    shown = [row for row in rows if row["rho"] > 0]
    seconds, rhos = [row["seconds"] for row in shown], [row["rho"] for row in shown]
    axis.scatter(seconds, rhos, s=4, color=SKY, label="protocol", rasterized=True)
    best = front(rows)
    axis.plot([r["seconds"] for r in best], [r["rho"] for r in best], "o-", color=BLUE, label="front", ms=4)
    log_axis(axis)
    figure.legend(loc="outside lower center", ncols=2)
    return to_svg(figure)


def table(rows: list[dict[str, Any]]) -> str:
    """The front, and each variation at a few lengths in the read-out that the studies use, as Markdown."""
    best = [
        (row["variation"], str(row["iterations"]), row["readout"], f"{row['seconds']:.2f}", f"{row['rho']:.3f}")
        for row in front(rows)
    ]
    lengths = (10, 20, 30, 40, 50, 60)
    lines = []
    for variation in dict.fromkeys(row["variation"] for row in rows):
        own = [r for r in rows if r["variation"] == variation and r["readout"] == "training, last 5, all stages"]
        rhos = {row["iterations"]: f"{row['rho']:.3f}" for row in own}
        pace = own[0]["seconds"] / own[0]["iterations"] * 1e3
        after = (rhos.get(length, "") for length in lengths)
        lines.append((variation, f"{pace:.1f}", *after, f"{own[-1]['rho']:.3f} ({own[-1]['iterations']})"))
    heads = ("variation", "ms/iteration", *(f"rho after {length}" for length in lengths), "at the end")
    return (
        markdown_table(("the front: variation", "iterations", "readout", "s/architecture", "rho"), best)
        + "\n"
        + markdown_table(heads, lines)
    )


def write(space: str, rows: list[dict[str, Any]]) -> None:
    """protocols-<space>.parquet, docs/protocols-<space>.svg, and the section of docs/protocols.md."""
    made = {"machine": machine(CPU), "variations of": ":".join(SUBJECTS[space].reduced)}
    pq.write_table(pa.Table.from_pylist(rows, ROW.with_metadata(made)), FOLDER / f"protocols-{space}.parquet")
    (DOCS / f"protocols-{space}.svg").write_text(picture(rows), encoding="utf-8")
    show(DOCS / "protocols.md", space, f"{machine(CPU)}; n = {rows[0]['n']}.\n\n{table(rows)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", nargs="+", choices=list(VARIATIONS), default=list(VARIATIONS))
    parser.add_argument("--architectures", type=int, default=120, help="of each space (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one per core)")
    args = parser.parse_args()
    for space in args.spaces:
        write(space, explore(SUBJECTS[space], args.architectures, args.workers))


if __name__ == "__main__":
    main()
