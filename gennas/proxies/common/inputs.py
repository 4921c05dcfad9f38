"""The images that proxies show to networks."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate

from gennas.data.images import to_tensor
from gennas.errors import InputError
from gennas.scoring import Context
from gennas.seeds import derive_seed


def check_images(context: Context, proxy: str) -> None:
    """Raise an InputError for a proxy of networks of images in a space of sequences."""
    if context.space.FAMILY != "images":
        raise InputError(f"params.yaml: the proxy {proxy} is of networks of images, not of sequences; remove it")


def prepare_images(context: Context) -> Tensor:
    """The one batch of a repetition, drawn, standardised and resized: (B, 3, resolution, resolution)."""
    if not len(context.images):
        raise InputError("params.yaml: download.images: none, but the space is one of images; choose some")
    order = np.random.default_rng(derive_seed(context.seed, "images")).permutation(len(context.images))
    images = to_tensor(context.images[order[: context.protocol["batch_size"]]])
    return interpolate(images, size=(context.protocol["resolution"],) * 2, mode="area")
