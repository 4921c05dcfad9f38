"""A network of sequences (T, B, D) to sequences (T, B, E) as a space. Of a tuple, as an LSTM's, the first counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from gennas.adapt.copies import Model, first, kind_of, run_copy, title
from gennas.adapt.space import Own
from gennas.errors import InputError
from gennas.scoring import Context

ACCEPTS = "sequences (T, B, D)"


class SequenceBackbone(nn.Module):
    """A network of sequences: (T, B, inputs) to (T, B, outputs)."""

    def __init__(self, network: nn.Module, inputs: int, outputs: int) -> None:
        super().__init__()
        self.network = network
        self.inputs = inputs
        self.outputs = outputs

    def forward(self, sequences: Tensor) -> Tensor:
        """See the class."""
        output: Tensor = first(self.network(sequences))
        return output


def examine_sequences(model: Model, sequences: Tensor) -> int:
    """Run a copy on sequences (T, B, D): the size E of what it gives, (T, B, E)."""
    given = f"sequences {tuple(sequences.shape)}"
    output = run_copy(model, (sequences,), given, "inputs= as (time, batch, dimension)")
    if not (isinstance(output, Tensor) and output.ndim == 3 and output.shape[:2] == sequences.shape[:2]):
        raise InputError(
            f"model: {title(model)} gives {kind_of(output)} of {given}; let it give (time, batch, features)"
        )
    return int(output.shape[2])


def read(batch: tuple[Tensor, ...]) -> Tensor | None:
    """Sequences as they are; None for what is none."""
    (sequences, *others) = batch
    fits = not others and sequences.is_floating_point() and sequences.ndim == 3 and sequences.numel()
    return sequences.float() if fits else None


def adapt(model: Model, context: Context, reads: str | None, taps: Sequence[str] | None) -> Own:
    """A network of sequences (T, B, D), of which the context's are an example; it has no taps."""
    if taps is not None:
        raise InputError("taps: networks of sequences have none; leave them out")
    sequences = cast(Tensor, context.images)
    length, _, size = sequences.shape
    outputs = examine_sequences(model, sequences)
    return Own(
        "sequences",
        (length, 1, size),
        torch.contiguous_format,
        lambda network: SequenceBackbone(network, size, outputs),
    )
