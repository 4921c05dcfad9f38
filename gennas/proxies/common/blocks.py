"""The blocks of a network, between which AZ-NAS compares features.

Source: Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024, section 3. In
its released code a block is the stem, a cell of NAS-Bench-201, reductions included, or a residual block. Of the spaces
here, containers hold what is applied in turn, and a stem is a container of layers only: the blocks are those stems,
and the outermost modules that are no containers. These are the authors' own 18 blocks of NAS-Bench-201; the features
that a backbone returns are only the last of each stage.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.init import kaiming_normal_

from gennas.families.images import Classifier
from gennas.proxies.common.initialisation import redraw


def find_blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The blocks of a module, in no particular order; single layers without parameters are left out."""
    stem = isinstance(module, nn.Sequential) and not any(list(child.children()) for child in module)
    if isinstance(module, (nn.Sequential, nn.ModuleList)) and not stem:
        for child in module:
            yield from find_blocks(child)
    elif [*module.children(), *module.parameters()]:  # a cell of skips, too
        yield module


def block_features(network: Classifier, noise: Tensor) -> list[Tensor]:
    """The output (B, C, H, W) of every block in order of execution, as the authors start a network and feed it."""
    redraw(network, kaiming_normal_)
    if hasattr(network.backbone, "taps"):  # a network of one's own (`gennas.adapt`): its taps are its blocks
        named: list[Tensor] = network.backbone(noise)
        return named
    outputs: list[Tensor] = []
    handles = [
        block.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
        for child in network.backbone.children()
        for block in find_blocks(child)
    ]
    network.backbone(noise)
    for handle in handles:
        handle.remove()
    return outputs


def spectral_entropies(network: Classifier, noise: Tensor) -> Tensor:
    """Of the features of each block, in nats: the entropy of the variances along their principal components.

    The positions of all images are the samples: (B * H * W, C).
    """
    with torch.no_grad():
        return torch.stack([_spectral_entropy(features) for features in block_features(network, noise)])


def _spectral_entropy(features: Tensor) -> Tensor:
    samples = features.transpose(0, 1).flatten(1)  # (C, B * H * W)
    samples = samples - samples.mean(dim=1, keepdim=True)
    variances = torch.linalg.eigvalsh(samples @ samples.t()).clamp(min=0)  # rounding makes some of them negative
    entropy: Tensor = torch.special.entr(variances / variances.sum()).sum()
    return entropy
