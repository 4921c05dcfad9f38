"""Random search with parameter sharing: the baseline that a search by a supernet must beat.

Source: Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019, algorithm 1.
Each step trains the weights of one architecture, drawn uniformly. Then random architectures are compared by their loss
with the shared weights, all on the same held-out images (or, if none are, on training images), and the best one is the
answer. Until then it is the first of them. What is common to supernets is in `gennas.searches.common.supernets`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from gennas.searches.base import SearchContext, Step
from gennas.searches.common.supernets import Draw, Training, one

DECLARATION = {
    "scores": False,
    "objectives": "one",
    "supernet": True,
    "trains": True,
    "options": {
        "protocol": {"$ref": "#/$defs/protocol_name"},
        "steps": {"$ref": "#/$defs/steps"},
        "task": {"$ref": "#/$defs/task"},
        "dataset": {"$ref": "#/$defs/labelled_images"},
        "split": {"$ref": "#/$defs/split"},
        "candidates": {"type": "integer", "minimum": 1, "description": "architectures compared after the last step"},
    },
    "optional": ["task", "dataset", "split"],
}


def sample(logits: Tensor, progress: float) -> Draw:
    """Any architecture, whatever the logits."""
    edges, operations = logits.shape
    return one(torch.randint(operations, (edges,)).tolist(), operations)


def run(context: SearchContext) -> Iterator[Step]:
    """Train the weights; then compare candidates, whose scores are negated losses with these."""
    candidates, training = context.candidates, Training(context, sample, learns=False)
    drawn = [candidates.draw(context.rng) for _ in range(context.options["candidates"])]
    for step in training.run():
        yield step._replace(answer=candidates.to_id(drawn[0]))
    best = -math.inf, candidates.to_id(drawn[0])
    for candidate in drawn:
        score = -training.evaluate_one(candidate, training.choosing)
        best = max(best, (score, candidates.to_id(candidate)), key=lambda one: one[0])
        yield Step(candidates.to_id(candidate), (score,), best[1])
