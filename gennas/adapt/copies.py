"""Copies of a network, and what runs of them give: the network itself is never changed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gennas.errors import InputError

#: A network, or a function that makes one: then each repetition initialises it anew, from its own seed.
Model = nn.Module | Callable[[], nn.Module]


def title(model: Model) -> str:
    """How an error message calls a network."""
    return type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", "the model")


def reason(error: BaseException) -> str:
    """What an exception says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def make_copy(model: Model) -> nn.Module:
    """A copy, or what the function makes: on the CPU, in single precision, all parameters trainable."""
    if not isinstance(model, nn.Module):
        made = model()
        if not isinstance(made, nn.Module):
            raise InputError(f"model: {title(model)}() gives a {type(made).__name__}; let it return an nn.Module")
    else:
        try:
            made = copy.deepcopy(model)
        except Exception as error:  # a network may hold anything: an open file, a lock, a tensor that was computed
            hint = "give a function that makes the network in its place: score(lambda: MyNetwork(), ...)"
            raise InputError(f"model: {title(model)} cannot be copied ({reason(error)}); {hint}") from error
    if any(tensor.is_meta for tensor in (*made.parameters(), *made.buffers())):
        raise InputError(f"model: {title(model)} is on the meta device, without weights; initialise it first")
    return made.cpu().float().requires_grad_()


def first(output: Any) -> Any:
    """Of a tuple, the first element: an LSTM's output without its states, logits without auxiliary ones."""
    while isinstance(output, tuple) and output:
        output = output[0]
    return output


def run_copy(model: Model, inputs: Sequence[Tensor], given: str, hint: str) -> Any:
    """What a copy gives of inputs, in evaluation mode and without gradients; an InputError where it cannot run."""
    try:
        with torch.no_grad():
            return first(make_copy(model).eval()(*inputs))
    except InputError:
        raise
    except Exception as error:  # whatever a forward can raise
        raise InputError(
            f"model: {title(model)} fails on {given} ({reason(error)}); give {hint} that it reads"
        ) from error


def kind_of(output: Any) -> Any:
    """How an error message calls what a network gives."""
    return tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__


@contextmanager
def recorded(modules: Mapping[str, nn.Module], note: Callable[[str, nn.Module, Any, Any], None]) -> Iterator[None]:
    """Within the block, `note(name, module, inputs, output)` whenever one of the modules has run."""
    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.enter_context(
                module.register_forward_hook(
                    lambda module, inputs, output, name=name: note(name, module, inputs, output)
                )
            )
        yield
