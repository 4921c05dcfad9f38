"""Proxies: how an architecture gets a number before it is trained. One module each, found by name.

A proxy is a module with a `DECLARATION` and one function, `make(context)`, that prepares whatever all architectures
share and returns a function from architectures to their `Score`s, in order. Modules are imported on demand,
so that a new proxy makes no score of another one stale.

`DECLARATION` says for which `families` the proxy is defined, whether it `trains` networks (its protocol then has
iterations), whether it needs no protocol at all (`protocol: False`), whether it learns `labels`, the rooms of which it
loads the module of a family (`per_family`), and the JSON schema of each of its `options` in params.yaml, which
`Context.options` holds. `taps` says which features of a network of one's own it reads, if it reads any: `stages`,
`last` or `blocks`, see `gennas.adapt.taps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gennas import catalogue
from gennas.errors import InputError
from gennas.scoring import Context, Score

__all__ = ["Context", "Score", "make"]


def make(kind: str, context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """The scoring function of the proxy `gennas/proxies/<kind>.py`.

    Raises InputError for an unknown proxy, one that is not defined for what the networks of the space read, or one that
    trains under a protocol without iterations.
    """
    declared = catalogue.declaration("proxies", kind)
    if context.space.FAMILY not in declared["families"]:
        known = ", ".join(catalogue.names("proxies", context.space.FAMILY))
        raise InputError(f"the proxy {kind} is not defined for {context.space.FAMILY}; those that are: {known}")
    if declared.get("trains") and not context.protocol.iterations:
        raise InputError(f"the proxy {kind} trains networks, and its protocol has no iterations; choose another")
    score: Callable[[Sequence[Any]], Iterator[Score]] = catalogue.load_module("proxies", kind).make(context)
    return score
