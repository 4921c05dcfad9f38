"""GenNAS: score, rank and search neural architectures without training them.

    import gennas

    gennas.score(model, "naswot")                    # a network of your own, any torch.nn.Module
    gennas.rank({"wide": wide, "deep": deep})        # several, best first
    gennas.cost(model, "flops")                      # what it takes to run

`names` lists the proxies, spaces, searches, aggregates, tasks and benchmarks that there are. Functions are imported
when they are first used: `import gennas` alone loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gennas.adapt.run import ModelScore as ModelScore
    from gennas.api import Cost as Cost
    from gennas.api import combine as combine
    from gennas.api import cost as cost
    from gennas.api import load_benchmark as load_benchmark
    from gennas.api import load_space as load_space
    from gennas.api import names as names
    from gennas.api import rank as rank
    from gennas.api import score as score
    from gennas.api import search as search
    from gennas.errors import InputError as InputError
    from gennas.scoring import PROTOCOLS as PROTOCOLS
    from gennas.scoring import Protocol as Protocol

#: Where each public name is defined.
_HOMES = {
    **dict.fromkeys(
        ("Cost", "combine", "cost", "load_benchmark", "load_space", "names", "rank", "score", "search"), "gennas.api"
    ),
    **dict.fromkeys(("PROTOCOLS", "Protocol"), "gennas.scoring"),
    "InputError": "gennas.errors",
    "ModelScore": "gennas.adapt.run",
}
__all__ = [
    "PROTOCOLS", "Cost", "InputError", "ModelScore", "Protocol", "combine", "cost", "load_benchmark", "load_space",
    "names", "rank", "score", "search",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """A public name, imported from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gennas' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """What is public, whether imported yet or not."""
    return sorted({*globals(), *__all__})
