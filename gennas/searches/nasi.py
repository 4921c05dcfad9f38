"""NASI: a search by the gradient of the trace norm in a supernet, without scoring any architecture by itself.

Source: Shu et al., "NASI: Label- and Data-agnostic Neural Architecture Search at Initialization", ICLR 2022, section
3.3 and algorithm 1. Each of T steps draws an architecture A_t uniformly by the Gumbel-softmax (Jang et al., ICLR 2017;
straight-through: one operation per edge, differentiated as if it were the softmax) and takes the gradient G_t, with
respect to the logits (edges, operations) at zero, of

    R(A_t) = s - mu * max(0, s - nu)                 (14), s being the trace norm of `gennas.proxies.nasi`

on a batch of its own, noise with random labels, in a network as it is initialised. The logits are then

    1 / T * sum over t of G_t / max(||G_1||, ..., ||G_t||)          (18)

and the answer is the operation of the largest one on every edge. nu is the paper's constraint: a kernel beyond it needs
too small a learning rate. It is a constant (the paper's NASI-FIX), or the mean of the trace norms so far (NASI-ADA,
which the paper adapts by a rule of its appendix B.1). In the DARTS space the paper takes T = 100, batches of 64, mu = 2
and nu = 100 or, adaptively, 500 at first.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.functional import gumbel_softmax

from gennas.families.images import Classifier
from gennas.proxies.common.untrained import CLASSES, draw_noise
from gennas.proxies.nasi import trace_norm
from gennas.searches.base import SearchContext, Step
from gennas.seeds import derive_seed

DECLARATION = {
    "scores": False,
    "objectives": "one",
    "supernet": True,
    "options": {
        "protocol": {"type": "string", "description": "how the supernet is built, and what its batches are"},
        "steps": {"type": "integer", "minimum": 1, "description": "architectures drawn, T"},
        "mu": {"type": "number", "minimum": 0, "description": "weight of a trace norm beyond nu"},
        "nu": {
            "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": "mean"}],
            "description": "the trace norm beyond which more is worse; mean: the mean of those so far",
        },
    },
}


def search(context: SearchContext) -> Iterator[tuple[Any, float, Any]]:
    """Yield for each step: the architecture that was drawn, its trace norm, and the answer so far.

    A trace or a gradient that is not finite counts for nothing.
    """
    protocol, options = context.protocol, context.options
    assert protocol is not None and context.supernet is not None
    torch.default_generator.manual_seed(derive_seed(context.seed, "weights"))  # of networks, and of the Gumbel noise
    generator = torch.Generator().manual_seed(derive_seed(context.seed, "batches"))
    backbone = context.supernet()
    network = Classifier(backbone, CLASSES).to(context.device).train()
    shape = protocol.batch_size, 3, *protocol.size
    total, largest = torch.zeros(backbone.choices.shape), torch.finfo().tiny  # (edges, operations)
    traces: list[float] = []
    for _ in range(options["steps"]):
        logits = torch.zeros(backbone.choices.shape, requires_grad=True)
        choices = gumbel_softmax(logits, hard=True)  # one-hot
        backbone.choose(choices.to(context.device))
        noise, labels = (tensor.to(context.device) for tensor in draw_noise(shape, generator))
        trace = trace_norm(network, noise, labels, create_graph=True)
        value = float(trace.detach())
        if math.isfinite(value):
            traces.append(value)
            nu = statistics.fmean(traces) if options["nu"] == "mean" else options["nu"]
            (gradient,) = torch.autograd.grad(trace - options["mu"] * (trace - nu).relu(), logits)
            if gradient.isfinite().all():
                largest = max(largest, float(gradient.norm()))
                total += gradient / largest
        yield tuple(choices.argmax(dim=1).tolist()), value, tuple(total.argmax(dim=1).tolist())


def run(context: SearchContext) -> Iterator[Step]:
    """Search by the supernet; a step's score is its trace norm."""
    to_id = context.candidates.to_id
    for drawn, trace, answer in search(context):
        yield Step(to_id(drawn), (trace,), to_id(answer))
