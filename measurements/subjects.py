"""What is measured, and where it is written down: spaces with ground truth, their protocols, the machine, the pages."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch
import yaml

from gennas.data.images import unlabelled
from gennas.devices import processor
from gennas.errors import InputError
from gennas.regression.genes import load_task
from gennas.scoring import Protocol
from gennas.seeds import rng
from stages import download, sample
from stages.support import artifacts
from stages.support.workers import Scorer

SEED = 2021
FOLDER = Path(__file__).parent
DOCS = FOLDER.parent / "docs"


@dataclass(frozen=True)
class Subject:
    """What is scored on which task, against which ground truth; its protocols are names in a params.yaml."""

    space: str
    sources: list[str]
    target: str
    task: str
    reduced: tuple[str, str]
    paper: tuple[str, str]
    images: str = "photographs"

    def protocol(self, which: str) -> Protocol:
        """The `reduced` or the `paper` protocol."""
        path, name = getattr(self, which)
        return Protocol.from_section(yaml.safe_load(Path(path).read_text(encoding="utf-8"))["protocols"][name])

    def scorer(self, protocol: Protocol, seed: int = SEED) -> Scorer:
        """The regression proxy, as the pipeline would make it."""
        images = unlabelled(self.images, download.IMAGES, 32, rng(seed, self.space, "images"))
        return Scorer("regression", self.space, protocol, images, seed, 0, {"task": load_task(self.task)})

    def ground_truth(self) -> pa.Table:
        """The architectures whose target is known."""
        table = download.read_benchmark(self.space, self.sources)
        return table.filter(pc.is_valid(table[self.target]))

    def draw(self, count: int) -> tuple[list[str], list[float]]:
        """The last architectures of the evaluation permutation, and their quality.

        No study evaluates them but that of the whole space.
        """
        known = self.ground_truth()
        ids, labelled = known["architecture"].to_pylist(), known["labelled"].to_pylist()
        drawn = sample.draw(ids, labelled, 20, SEED).filter(pc.field("role") == "evaluate")["architecture"]
        quality = artifacts.target(known, self.target).quality(known[self.target].to_numpy())
        values, last = dict(zip(ids, quality.tolist(), strict=True)), drawn.to_pylist()[-count:]
        return last, [values[architecture] for architecture in last]


SUBJECTS = {
    "nasbench201": Subject(
        "nasbench201",
        ["analog-nasbench"],
        "cifar10_accuracy_percent",
        "nasbench101",
        reduced=("params.yaml", "reduced"),
        paper=("params.yaml", "paper"),
    ),
    "nasbench101": Subject(
        "nasbench101",
        ["gennas-nasbench101"],
        "cifar10_test_accuracy_percent",
        "nasbench101",
        reduced=("studies/spaces/params.yaml", "nasbench101"),
        paper=("studies/paper/params.yaml", "nasbench101"),
    ),
    "nds_darts_fix": Subject(
        "nds_darts_fix",
        ["nds-imagenet"],
        "imagenet_accuracy_percent",
        "darts",
        reduced=("studies/spaces/params.yaml", "nds"),
        paper=("studies/paper/params.yaml", "paper"),
    ),
    "nasbench_nlp": Subject(
        "nasbench_nlp",
        ["nasbench-nlp"],
        "ptb_log_perplexity",
        "nlp",
        reduced=("studies/spaces/params.yaml", "recurrent"),
        paper=("studies/paper/params.yaml", "recurrent"),
        images="none",
    ),
}


def machine(device: torch.device) -> str:
    """What was measured on."""
    on_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else f"{processor()}, one thread per process"
    return f"{name}, torch {torch.__version__}, Python {platform.python_version()}"


def show(page: Path, name: str, text: str) -> None:
    """Print a text, and put it on a page, between the comments that name it; an InputError if they are not there."""
    print(text)
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    section = f"{marks[0]}\n\n{text.rstrip()}\n\n{marks[1]}"
    old = page.read_text(encoding="utf-8")
    new, found = re.subn(".*".join(marks), lambda _: section, old, flags=re.DOTALL)
    if not found:
        raise InputError(f"{page}: has no {marks[0]} with an {marks[1]}; add them where the table is to be")
    page.write_text(new, encoding="utf-8")
