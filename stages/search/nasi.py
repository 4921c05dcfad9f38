"""NASI: a search by the gradient of the trace norm in a supernet, without scoring any architecture by itself.

Source: Shu et al., "NASI: Label- and Data-agnostic Neural Architecture Search at Initialization", ICLR 2022, algorithm
1. Each step t draws an architecture A_t by the Gumbel-softmax (Jang et al., ICLR 2017; straight-through: one operation
per edge, differentiated as if it were the softmax), and takes the gradient G_t, with respect to the logits (edges,
operations), of

    R(A_t) = s - penalty * max(0, s - bound),  s = the trace norm of `stages.proxies.nasi`

on a batch of its own, noise with random labels, in a network as it is initialised. The logits are the sum of the G_i, i
<= t, over the largest ||G_i||, but for a factor. The answer is the operation of the largest logit on every edge.

The bound is the paper's constraint: a kernel beyond it needs a learning rate that is too small. It is a constant
(variant `nasi_fix`), or the mean of the trace norms met so far (`nasi_ada`; how the paper adapts it, we did not see).
The paper was read in excerpts, so that the numbers of `params.yaml` are ours.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, gumbel_softmax

from stages.classifier import Classifier
from stages.proxies.common.untrained import CLASSES
from stages.reproducibility import derive_seed

VARIANTS = ("nasi_fix", "nasi_ada")


def trace_norm(network: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """||sum of the images' gradients||^2 / B, which can be differentiated once more."""
    loss = cross_entropy(network(images), labels, reduction="sum")
    gradients = torch.autograd.grad(loss, list(network.parameters()), create_graph=True, materialize_grads=True)
    return torch.stack([gradient.square().sum() for gradient in gradients]).sum() / len(images)


def draw_batch(protocol: Mapping[str, Any], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Standard normal images (B, 3, H, W), and labels (B,) at random."""
    size, side = protocol["batch_size"], protocol["resolution"]
    return torch.randn(size, 3, side, side, generator=generator), torch.randint(CLASSES, (size,), generator=generator)


def search(
    variant: str, space: Any, protocol: Mapping[str, Any], params: Mapping[str, Any], seed: int, device: torch.device
) -> Iterator[tuple[Any, float, Any]]:
    """Yield for each step: the architecture that was drawn, its trace norm, and the best architecture so far.

    `params` has `steps`, `penalty` and, for `nasi_fix`, `bound`. The space is one that has a `supernet`.
    """
    torch.default_generator.manual_seed(derive_seed(seed, "weights"))  # of the networks, and of the Gumbel noise
    generator = torch.Generator().manual_seed(derive_seed(seed, "batches"))
    backbone = space.supernet(protocol["width"], protocol["depth"])
    network = Classifier(backbone, CLASSES).to(device).train()
    logits = torch.zeros(backbone.choices.shape)  # (edges, operations)
    gradients: list[Tensor] = []
    met: list[float] = []
    for _ in range(params["steps"]):
        leaf = logits.clone().requires_grad_()
        choices = gumbel_softmax(leaf, hard=True)  # (edges, operations), one-hot
        backbone.choose(choices.to(device))
        images, labels = draw_batch(protocol, generator)
        trace = trace_norm(network, images.to(device), labels.to(device))
        met.append(float(trace.detach()))
        bound = params["bound"] if variant == "nasi_fix" else statistics.fmean(met)
        objective = trace - params["penalty"] * (trace - bound).relu()
        gradients.append(torch.autograd.grad(objective, leaf)[0])
        largest = max(float(gradient.norm()) for gradient in gradients)
        logits = torch.stack(gradients).sum(dim=0) / max(largest, torch.finfo(torch.float32).tiny) / params["steps"]
        yield tuple(choices.argmax(dim=1).tolist()), met[-1], tuple(logits.argmax(dim=1).tolist())
