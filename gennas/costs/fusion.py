"""Layers that torch fuses, which hide their matrix products from who counts them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def nothing_fused(network: nn.Module) -> Iterator[None]:
    """Within the block, recurrent layers, attention and transformers of torch run operation by operation."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with ExitStack() as stack:
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            if any(isinstance(module, nn.RNNBase) for module in network.modules()):
                stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")  # it warns of flags that are left as they are
                stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
