"""NASI: a search by the gradient of the trace norm in a supernet, without scoring any architecture by itself.

Source: Shu et al., "NASI: Label- and Data-agnostic Neural Architecture Search at Initialization", ICLR 2022, section
3.3 and algorithm 1. Each of T steps draws an architecture A_t uniformly by the Gumbel-softmax (Jang et al., ICLR 2017;
straight-through: one operation per edge, differentiated as if it were the softmax) and takes the gradient G_t, with
respect to the logits (edges, operations) at zero, of

    R(A_t) = s - mu * max(0, s - nu)                 (14), s being the trace norm of `gennas.proxies.nasi`

on a batch of its own, noise with random labels, in a network as it is initialised. The logits are then

    1 / T * sum over t of G_t / max(||G_1||, ..., ||G_t||)          (18)

and the answer is the operation of the largest one on every edge. nu is the paper's constraint: a kernel beyond it needs
too small a learning rate. It is a constant (variant `nasi_fix`), or the mean of the trace norms met so far (`nasi_ada`;
the paper adapts it by a rule of its appendix B.1). In the DARTS space the paper takes T = 100, batches of 64, mu = 2,
and nu = 100 or, adaptively, 500 at first.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.nn.functional import gumbel_softmax

from gennas.proxies.common.untrained import CLASSES, draw_noise
from gennas.proxies.nasi import trace_norm
from gennas.seeds import derive_seed
from gennas.training.classification import Classifier

VARIANTS = ("nasi_fix", "nasi_ada")


def search(
    variant: str,
    supernet: Callable[[float, float], Any],
    protocol: Mapping[str, Any],
    params: Mapping[str, Any],
    seed: int,
    device: torch.device,
) -> Iterator[tuple[Any, float, Any]]:
    """Yield for each step: the architecture that was drawn, its trace norm, and the answer so far.

    `params` has `steps`, `mu` and, for `nasi_fix`, `nu`. `supernet` builds that of a space, of a width
    and a depth (`gennas.spaces.load_supernet`). A trace or a gradient that is not finite counts for nothing.
    """
    torch.default_generator.manual_seed(derive_seed(seed, "weights"))  # of the networks, and of the Gumbel noise
    generator = torch.Generator().manual_seed(derive_seed(seed, "batches"))
    backbone = supernet(protocol["width"], protocol["depth"])
    network = Classifier(backbone, CLASSES).to(device).train()
    shape = protocol["batch_size"], 3, protocol["resolution"], protocol["resolution"]
    total, largest = torch.zeros(backbone.choices.shape), torch.finfo().tiny  # (edges, operations)
    met: list[float] = []
    for _ in range(params["steps"]):
        logits = torch.zeros(backbone.choices.shape, requires_grad=True)
        choices = gumbel_softmax(logits, hard=True)  # one-hot
        backbone.choose(choices.to(device))
        noise, labels = (tensor.to(device) for tensor in draw_noise(shape, generator))
        trace = trace_norm(network, noise, labels, create_graph=True)
        value = float(trace.detach())
        if math.isfinite(value):
            met.append(value)
            nu = params["nu"] if variant == "nasi_fix" else statistics.fmean(met)
            (gradient,) = torch.autograd.grad(trace - params["mu"] * (trace - nu).relu(), logits)
            if gradient.isfinite().all():
                largest = max(largest, float(gradient.norm()))
                total += gradient / largest
        yield tuple(choices.argmax(dim=1).tolist()), value, tuple(total.argmax(dim=1).tolist())
