"""One pass of a network, its operations counted as they run, whatever its modules are called."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gennas.costs.fusion import nothing_fused

BYTES = 4  # of a number, in single precision


class Counter(TorchDispatchMode):
    """Counts what runs within its block.

    torch's own formulas say how many operations a convolution or a matrix product is. These, and pooling, read their
    inputs and weights and write their outputs; activations, sums and normalisation are taken to be computed on the
    way, and copies to be avoided, as compilers for inference do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = flop_registry.get(func.overloadpacket)
        if formula:
            self.flops += formula(*args, **kwargs, out_val=out)
        if formula or "pool" in func.overloadpacket.__name__:
            result = out[0] if isinstance(out, tuple) else out  # of max-pooling, not the indices
            tensors = [one for one in (*args, result) if isinstance(one, Tensor)]
            self.bytes += BYTES * sum(tensor.numel() for tensor in tensors)
        return out


def count(network: nn.Module, *inputs: Tensor) -> Counter:
    """Run the network once on a batch: on the CPU, for on the meta device shapes take longer than numbers."""
    counter = Counter()
    with torch.no_grad(), nothing_fused(network), counter:
        network(*inputs)
    return counter
