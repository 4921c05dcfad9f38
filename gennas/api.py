"""The public functions of the library, which `gennas` itself offers: `gennas.score` is `gennas.api.score`.

All raise `gennas.InputError`, whose one line names what is wrong and the fix. They compute with the same functions as
the pipeline's stages do, and leave the global random state (Python's, numpy's, torch's) as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np

from gennas import benchmarks, catalogue, spaces
from gennas.errors import InputError
from gennas.regression.genes import task_names

if TYPE_CHECKING:
    import torch
    from torch import nn

    from gennas.adapt.run import Inputs, ModelScore
    from gennas.benchmarks import Benchmark
    from gennas.scoring import Protocol
    from gennas.searches.base import Step
    from gennas.spaces import Space

Room = Literal["aggregates", "benchmarks", "costs", "encodings", "proxies", "searches", "spaces", "tasks"]
ROOMS: tuple[Room, ...] = ("aggregates", "benchmarks", "costs", "encodings", "proxies", "searches", "spaces", "tasks")


def score(
    model: nn.Module | Callable[[], nn.Module],
    proxy: str = "regression",
    *,
    inputs: Inputs | None = None,
    taps: Sequence[str] | None = None,
    task: str | Mapping[str, Any] | None = None,
    protocol: str | Protocol | None = None,
    repetitions: int = 1,
    seed: int = 0,
    device: str | torch.device = "cpu",
    **options: Any,
) -> ModelScore:
    """A proxy's score of a network: higher is better, comparable with scores of the same proxy and arguments only.

    `model` maps images (B, C, H, W) to features (B, C', H', W'), to a list of these, or to logits (B, classes); or
    sequences (T, B, D) to sequences (T, B, E); or a graph, features of nodes (N, F) and edges (2, E), to features
    (N, K). Of a tuple, the first element counts, as of an `nn.LSTM`. A copy is
    scored, on the CPU unless `device` is `cuda`: the model, its mode, parameters, buffers and gradients stay as they
    are. Its weights count as they are, and so do its width and depth; proxies whose papers draw weights anew
    (`docs/proxies.md`) draw them. A model may be a function that makes one: each repetition then initialises it anew.

    A network that gives logits is its own classifier. Where one gives features, zero-cost proxies put
    NAS-Bench-201's classifier on them: batch norm, ReLU, global average, linear.

    `inputs` are floating-point images (N, C, H, W), taken as they are, or uint8 images (N, H, W, 3), of which each
    repetition draws a batch, standardises and resizes it as the protocol says; by default, noise of the protocol's
    resolution. Networks of sequences need them, (T, B, D), to know D; their values count for nothing. Networks of
    graphs need `(features, edges)`, the graph that the signals are drawn on.

    `taps` are names of modules (`model.named_modules()`), shallow to deep, whose outputs are read: by the regression,
    three; by zen, the last one; by expressivity, progressivity and trainability, two or more. The default is the last
    module at each of the three smallest resolutions, and for the last three proxies the network's blocks. The result
    and a log line say which. Fewer than three resolutions are an error of the regression: name three modules. Other
    proxies read no taps.

    `task` is what the regression learns: a name of `gennas.names("tasks")`, a file, or its content; by default
    `nasbench101` (images), `nlp` (sequences) or `graphs`. `protocol` is one of `gennas.PROTOCOLS` or a
    `gennas.Protocol`; by default `reduced` for a proxy that trains and `untrained` for any other. Its `time_limit` is
    not kept.
    `options` are the proxy's own, such as `dataset` of `short_training`.

    Source: Li et al., "Generic Neural Architecture Search via Regression", NeurIPS 2021; of every other proxy, its
    module in `gennas.proxies`.

    >>> import torch
    >>> import gennas
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.ReLU(),
    ...     torch.nn.Conv2d(8, 16, 3, stride=2), torch.nn.ReLU(),
    ...     torch.nn.Conv2d(16, 32, 3, stride=2), torch.nn.ReLU(),
    ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(32, 10),
    ... )
    >>> gennas.score(model, "parameters").score
    6362.0
    >>> gennas.score(model, "naswot").score > 0
    True
    >>> found = gennas.score(model)
    >>> found.taps, found.status, len(found.losses)
    (('1', '3', '5'), 'ok', 30)
    >>> gennas.score(model, taps=["1", "3", "6x"])
    Traceback (most recent call last):
    gennas.errors.InputError: taps: the network has no module '6x'; the closest are 6
    """
    from gennas.adapt.run import score_model

    given = options if task is None else {"task": task, **options}
    return score_model(model, proxy, inputs, taps, protocol, repetitions, seed, device, given)


def rank(
    models: Mapping[str, nn.Module | Callable[[], nn.Module]], proxy: str = "regression", **as_score: Any
) -> list[tuple[str, ModelScore]]:
    """Networks by name with their scores, best first, equal ones as given. Keyword arguments as of `score`.

    >>> import torch
    >>> import gennas
    >>> models = {"small": torch.nn.Conv2d(3, 4, 3), "large": torch.nn.Conv2d(3, 8, 3)}
    >>> [(name, found.score) for name, found in gennas.rank(models, "parameters")]
    [('large', 224.0), ('small', 112.0)]
    """
    found = []
    for name, model in models.items():
        try:
            found.append((name, score(model, proxy, **as_score)))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return sorted(found, key=lambda one: one[1].score, reverse=True)


class Cost(NamedTuple):
    """What a network takes to be stored or run."""

    value: float
    unit: str


def cost(
    model: nn.Module | Callable[[], nn.Module],
    kind: str,
    *,
    inputs: Inputs | None = None,
    **constants: float,
) -> dict[str, Cost]:
    """What a network takes to be stored or run, by name, each with its unit.

    `kind` is one of `gennas.names("costs")`: one thing, such as `flops`, or several that one pass says, such as the
    energy, latency and crossbars of `imc`, in-memory computing. A copy of the model is run once in evaluation mode, on
    the CPU, on all `inputs` that are given; by default on one image (1, 3, 32, 32). `constants` are the cost's own, in
    the units that their names end in; `docs/costs.md` lists them.

    Sources: in the modules of `gennas.costs`.

    >>> import torch
    >>> import gennas
    >>> model = torch.nn.Conv2d(3, 8, 3, padding=1)
    >>> gennas.cost(model, "parameters")
    {'parameters': Cost(value=224.0, unit='parameters')}
    >>> for name, (value, unit) in gennas.cost(model, "imc", adc_pj=20.0).items():
    ...     print(name, round(value, 2), unit)
    imc_energy 5.37 µJ
    imc_latency 0.82 ms
    imc_crossbars 1.0 crossbars
    >>> gennas.cost(model, "flops", adc_pj=20.0)
    Traceback (most recent call last):
    gennas.errors.InputError: adc_pj: flops has no such option (it has none); leave it out
    """
    from gennas import costs
    from gennas.adapt.costs import measure

    found = measure(model, kind, inputs, constants)
    return {name: Cost(value, costs.unit(name)) for name, value in found.items()}


def combine(
    scores: Mapping[str, Sequence[float]], kind: str = "log_rank", *, quality: Sequence[float] | None = None
) -> np.ndarray:
    """One number per architecture (n,), higher is better, from the scores (n,) of several proxies, by their ranks.

    `kind` is one of `gennas.names("aggregates")`. One that learns labels (`fit`) needs the `quality` (n,) of the
    architectures, higher being better, `nan` where it is not known; it needs scikit-learn
    (`pip install 'gennas[pipeline]'`).

    Source: Lee and Ham, "AZ-NAS", CVPR 2024, of `log_rank`; see `gennas.aggregates`.

    >>> import gennas
    >>> gennas.combine({"naswot": [1.0, 2.0, 3.0], "zico": [10.0, 30.0, 20.0]}, "mean_rank").round(2).tolist()
    [0.33, 0.83, 0.83]
    """
    from gennas.aggregates import Labels
    from gennas.stats import relative_ranks

    declared = catalogue.declaration("aggregates", kind)
    ranks = relative_ranks(_matrix(scores))  # (n, members)
    labels = None
    if declared["labels"]:
        known = np.full(len(ranks), np.nan) if quality is None else np.asarray(quality, float)
        if known.shape != (len(ranks),) or np.isfinite(known).sum() < 3:
            raise InputError(
                f"quality: {kind} learns labels; give quality=, a number or nan for each, three known ones"
            )
        labels = Labels(ranks[np.isfinite(known)], known[np.isfinite(known)])
    try:
        return cast(np.ndarray, catalogue.load_module("aggregates", kind).combine(ranks, labels))
    except ModuleNotFoundError as error:
        raise InputError(f"{kind}: needs {error.name}; pip install 'gennas[pipeline]'") from error


def _matrix(scores: Mapping[str, Sequence[float]]) -> np.ndarray:
    """Scores (n, members). Raises InputError if there are none, of different numbers, or one is nan."""
    columns = {name: np.asarray(own, float) for name, own in scores.items()}
    if not columns or {column.ndim for column in columns.values()} != {1}:
        raise InputError("scores: give one list of numbers per proxy, one proxy at least")
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1 or not min(sizes.values()):
        raise InputError(f"scores: as many for every proxy, and one at least, not {sizes}")
    if missing := [name for name, column in columns.items() if np.isnan(column).any()]:
        raise InputError(f"scores: {missing[0]} has nan; leave these architectures out, or take -inf, the worst score")
    return np.stack(list(columns.values()), axis=1)


def search(
    space: str | Space,
    kind: str,
    by: Callable[[Sequence[str]], Sequence[float | tuple[float, ...]]] | None = None,
    *,
    evaluations: int = 0,
    batch: int = 1,
    seed: int = 0,
    protocol: str | Protocol | None = None,
    device: str | torch.device = "cpu",
    images: np.ndarray | None = None,
    prior: Mapping[str, float] | None = None,
    encoding: Mapping[str, np.ndarray] | None = None,
    constraints: Mapping[str, Mapping[str, float]] | None = None,
    cost: Callable[[Sequence[str]], Sequence[float]] | None = None,
    **options: Any,
) -> Iterator[Step]:
    """Search a space; yield (architecture, scores, answer so far) for each evaluation, architectures as their ids.

    `space` is a name of `gennas.names("spaces")` or an object with the members of `gennas.spaces.Space`; `kind` is one
    of `gennas.names("searches")`. `by` scores a list of ids: a number each, higher is better, or a tuple of numbers,
    one per objective, for a search that takes several. Each architecture is scored once, however often it is asked
    for. `batch` architectures are chosen, then scored together. `options` are the search's own; for those that take
    them, `prior` are label-free scores of some ids, and `encoding` a vector (D,) of each. The answer keeps to the
    `constraints`, bounds on costs (`gennas.costs.names()`) such as `{"flops": {"quantile_at_most": 0.5}}`, see
    `gennas.searches.constraints`. `cost`, a function of ids, too, makes a second objective of
    what is known without an evaluation: a number each, lower is better, of which a step's scores have the negative.
    `bayesian` takes two objectives in this form only, and asks for the cost of its whole pool; it searches the front of
    what costs less than the pool's median. `answer` is the best by the first objective, whatever it costs: the front is
    that of all steps (`gennas.stats.front`).

    A search by a supernet (`nasi`, `snas`, ...) needs neither `by` nor `evaluations` but a `protocol`, by default
    `reduced`. If it trains the supernet, that learns the labels of a `dataset`, or without labels a `task`, as in
    `score`, on uint8 `images` (N, H, W, 3), by default noise.

    Sources: in the modules of `gennas.searches`.

    >>> import gennas
    >>> def convolutions(ids):
    ...     return [architecture.count("nor_conv_3x3") for architecture in ids]
    >>> steps = list(gennas.search("nasbench201", "local_search", convolutions, evaluations=200, seed=1))
    >>> len(steps), steps[-1].answer.count("nor_conv_3x3")
    (200, 6)
    >>> def edges(ids):
    ...     return [6 - architecture.count("none") for architecture in ids]
    >>> steps = list(gennas.search("nasbench201", "bayesian", convolutions, cost=edges, evaluations=40))
    >>> sorted({int(quality) for quality, cheapness in (step.scores for step in steps) if quality == -cheapness})
    [0, 1, 2, 3, 4]
    """
    from gennas.adapt.search import steps

    return steps(
        space, kind, by, evaluations, batch, seed, options, protocol=protocol, device=device, images=images,
        prior=prior, encoding=encoding, constraints=constraints, cost=cost,
    )  # fmt: skip


def load_space(name: str) -> Space:
    """A search space: draws, mutates and names architectures, and builds their networks.

    >>> import gennas
    >>> import numpy as np
    >>> space = gennas.load_space("nasbench201")
    >>> architecture = space.random_architecture(np.random.default_rng(0))
    >>> space.to_id(architecture)
    '|avg_pool_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|skip_connect~1|none~2|'
    >>> type(space.build(architecture, width=0.5, depth=0.2)).__name__
    'Network'
    """
    return spaces.load(name)


def load_benchmark(space: str, *sources: str) -> Benchmark:
    """What sources of ground truth say of a space's architectures, joined by id: ids x targets, each with its unit.

    Files come from GENNAS_MIRROR, a cache, the network (`pip install 'gennas[pipeline]'`) or an installed package;
    their hashes are checked. Without a source, an InputError lists the space's, as `gennas.names("benchmarks")` does
    those of all spaces.

    >>> import gennas
    >>> gennas.load_benchmark("nasbench101", "nasbench102")
    Traceback (most recent call last):
    gennas.errors.InputError: there is no source 'nasbench102' of nasbench101; known: gennas_nasbench101, nasbench101
    """
    return benchmarks.load(space, sources)


def names(room: Room, family: str | None = None) -> list[str]:
    """What there is to choose from, sorted: of one family, `images` or `sequences`, those that are for it.

    >>> import gennas
    >>> gennas.names("aggregates")
    ['fit', 'log_rank', 'mean_rank']
    >>> gennas.names("proxies", "sequences")
    ['flops', 'parameters', 'regression']
    """
    if room not in ROOMS:
        raise InputError(f"room: {room!r} is none; choose one of {', '.join(ROOMS)}")
    families = catalogue.names("families")
    if family not in (None, *families):
        raise InputError(f"family: {family!r} is none; choose one of {', '.join(families)}")
    if room == "tasks":
        return task_names(family)
    return [name for name in catalogue.names(room) if family is None or family in _families(room, name)]


def _families(room: str, name: str) -> list[str]:
    """The families that a plug-in is for: those that it or its spaces declare, or else all."""
    declared = catalogue.declaration(room, name)
    if "spaces" in declared:
        return [catalogue.declaration("spaces", space)["family"] for space in declared["spaces"]]
    if "family" in declared:
        return [declared["family"]]
    return list(declared.get("families", catalogue.names("families")))
