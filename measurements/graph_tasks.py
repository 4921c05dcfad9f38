"""Which task of graphs ranks best, on 100 cells of NAS-Bench-Graph that no study evaluates.

`python -m measurements.graph_tasks` writes the table of docs/results.md, "How the protocols were chosen", in some
minutes: Spearman's rho with the test accuracies on five graphs. The task `graphs` was written by what it says.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from gennas import benchmarks, proxies, spaces
from gennas.regression.genes import load_task
from gennas.scoring import Context, Protocol
from gennas.stats import spearman
from measurements.subjects import DOCS, show
from stages.report.summary import markdown_table

SPACE, CELLS, SEED = "nasbench_graph", 100, 77
DATA = ("cora", "citeseer", "cs", "photo", "arxiv")
PROTOCOL = Protocol(
    0.5, 1.0, 2, 600, iterations=60, optimizer="adam", learning_rate=0.01, weight_decay=0.0, readout_window=5
)
LOWPASS, SMOOTHER = ({"basis": "lowpass", "amplitude": 1.0, "power": power} for power in (2, 4))
WAVES = {"basis": "band", "amplitude": 1.0, "eighth": 1}
DOTS = {"basis": "dots", "amplitude": 1.0, "density": 0.1, "steps": 2}
#: By what they change of `graphs`: the task, and the protocol.
VARIANTS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "`graphs`": ({}, {}),
    "`lowpass` alone": ({"signals": {"target": [LOWPASS]}}, {}),
    "`band` alone": ({"signals": {"target": [WAVES]}}, {}),
    "`dots` alone": ({"signals": {"target": [DOTS]}}, {}),
    "a power of 2 instead of 4": ({"signals": {"target": [LOWPASS, WAVES]}}, {}),
    "half as many targets": ({"dimension": 32}, {}),
    "no noise, degrees less uneven": ({"noise": {"kind": "gaussian", "level": 0.0}, "tail": 0.5}, {}),
    "three tenths of the nodes learnt, the others read": ({"seen": 0.3}, {"readout": "evaluation"}),
    "half the width": ({}, {"width": 0.25}),
}


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    space, benchmark = spaces.load(SPACE), benchmarks.load(SPACE, [SPACE])
    rows = np.random.default_rng(SEED).choice(len(benchmark.ids), CELLS, replace=False)
    cells = [space.from_id(benchmark.ids[row]) for row in rows]
    lines = []
    for name, (changes, other) in VARIANTS.items():
        options = {"task": {**load_task("graphs"), **changes}}
        context = Context(space, replace(PROTOCOL, **other), np.zeros(0), 1, torch.device("cpu"), options)
        found = [one.score for one in proxies.make("regression", context)(cells)]
        rhos = [spearman(found, benchmark.values(f"{data}_test_accuracy_percent")[rows]) for data in DATA]
        lines.append([name, *(f"{rho:.2f}" for rho in rhos)])
        print(*lines[-1], flush=True)
    show(DOCS / "results.md", "graph tasks", markdown_table(("task", *DATA), lines))


if __name__ == "__main__":
    main()
