"""The public functions: contract, doctests, what `import gennas` costs, and that the pipeline scores alike."""

import doctest
import importlib
import inspect
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import gennas
from gennas import catalogue, proxies
from gennas.errors import InputError
from gennas.regression.genes import load_task
from gennas.scoring import PROTOCOLS, Protocol
from gennas.seeds import derive_seed
from gennas.stats import relative_ranks
from stages.support.workers import Scorer
from tests.networks import PlainNet, ResNet

PUBLIC = ["combine", "cost", "load_benchmark", "load_space", "names", "rank", "score", "search"]
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
TINY = Protocol(0.5, 0.2, 4, 60, resolution=16, target_channels=8, iterations=3)
LABELS = [90.0, math.nan, 91.5, 88.0, 93.0, math.nan, 89.0]


# --- what is there -------------------------------------------------------------------------------


def test_public_names():
    assert set(PUBLIC) <= set(gennas.__all__) <= set(dir(gennas))
    for name in gennas.__all__:
        assert getattr(gennas, name) is not None
    with pytest.raises(AttributeError, match="module 'gennas' has no attribute 'scor'"):
        _ = gennas.scor


@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions_are_typed_and_say_how_they_are_used(name):
    function = getattr(gennas, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())
    assert ">>> import gennas" in function.__doc__


def test_doctests():
    result = doctest.testmod(importlib.import_module("gennas.api"))
    assert result.attempted > 20 and not result.failed


def in_a_new_process(code: str, *options: str) -> str:
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_it_loads_no_torch_and_takes_no_time():
    code = """
import sys, time
start = time.perf_counter()
import gennas
dir(gennas)
print(min(time.perf_counter() - start, 9), *sorted(m for m in sys.modules if m.partition(".")[0] in
      {"torch", "numpy", "scipy", "requests", "pyarrow", "PIL", "sklearn", "jsonschema", "yaml"}))
"""
    times = []
    for _ in range(3):
        seconds, *loaded = in_a_new_process(code).split()
        assert not loaded
        times.append(float(seconds))
    assert min(times) < 0.3


def test_what_needs_no_torch_loads_none():
    code = """
import sys, gennas
for room in ("aggregates", "benchmarks", "proxies", "searches", "spaces", "tasks"):
    assert gennas.names(room)
gennas.combine({"a": [1, 2]})
list(gennas.search("nasbench201", "random_search", lambda ids: [0] * len(ids), evaluations=3))
print("torch" in sys.modules)
"""
    assert in_a_new_process(code).strip() == "False"


def test_proxies_load_nothing_of_the_pipeline():
    """An empty environment has only the library's own dependencies. (torch loads tqdm, where there is one.)"""
    heavy = {"requests", "pyarrow", "PIL", "sklearn", "snakemake", "dvc", "matplotlib", "jinja2", "stages"}
    code = f"""
import sys, gennas.adapt.run
from gennas import catalogue
for proxy in catalogue.names("proxies"):
    catalogue.load_module("proxies", proxy)
    print(*(f"{{proxy}} loads {{name}}" for name in {heavy} & set(sys.modules)))
"""
    assert in_a_new_process(code).split() == []


# --- names ---------------------------------------------------------------------------------------


def test_names_by_family():
    assert "naswot" in gennas.names("proxies", "images") and "naswot" not in gennas.names("proxies", "sequences")
    assert gennas.names("spaces", "sequences") == ["flexibert", "nasbench_nlp"]
    assert gennas.names("spaces", "graphs") == ["nasbench_graph"]
    each = (gennas.names("spaces", family) for family in ("graphs", "images", "sequences"))
    assert sorted(name for names in each for name in names) == gennas.names("spaces")
    assert "nlp" in gennas.names("tasks", "sequences") and "nlp" not in gennas.names("tasks", "images")
    assert "nasbench_nlp" in gennas.names("benchmarks", "sequences")
    assert gennas.names("searches", "sequences") == gennas.names("searches")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("proxy",), r"room: 'proxy' is none; choose one of aggregates, "),
        (("proxies", "image"), r"family: 'image' is none; choose one of graphs, images, sequences"),
    ],
)
def test_names_of_nothing(arguments, message):
    with pytest.raises(InputError, match=message):
        gennas.names(*arguments)


# --- the same functions as the pipeline's --------------------------------------------------------


@pytest.mark.parametrize(
    ("proxy", "protocol", "options"),
    [
        ("naswot", PROTOCOLS["untrained"], {}),
        ("zen", PROTOCOLS["untrained"], {}),
        ("expressivity", PROTOCOLS["untrained"], {}),
        ("zico", PROTOCOLS["untrained"], {}),
        ("regression", PROTOCOLS["reduced"], {"task": "nasbench101"}),
        ("short_training", TINY, {"dataset": "digits"}),
    ],
)
def test_a_network_of_a_space_scores_as_in_the_pipeline(proxy, protocol, options):
    images = np.random.default_rng(0).integers(256, size=(40, 32, 32, 3), dtype=np.uint8)
    space = gennas.load_space("nasbench201")
    architecture = space.from_id(CELL)
    content = {key: catalogued(key, value) for key, value in options.items()}
    found = gennas.score(
        lambda: space.build(architecture, protocol.width, protocol.depth), proxy, inputs=images, protocol=protocol,
        repetitions=2 if proxy == "naswot" else 1, seed=2021, **options,
    )  # fmt: skip
    for repetition, own in enumerate(found.repetitions):
        scorer = Scorer(proxy, "nasbench201", protocol, images, 2021, repetition, content)
        assert own == next(scorer.scores(torch.device("cpu"), [CELL]))


def catalogued(key, value):
    return load_task(value) if key == "task" else value


def test_a_network_itself_scores_as_in_the_pipeline():
    """Of a proxy that does not depend on how its head is initialised, with the weights that the pipeline draws."""
    images = np.random.default_rng(0).integers(256, size=(40, 32, 32, 3), dtype=np.uint8)
    space, protocol = gennas.load_space("nasbench201"), PROTOCOLS["untrained"]
    torch.manual_seed(derive_seed(derive_seed(7, "proxy", 0), "weights"))
    model = space.build(space.from_id(CELL), protocol.width, protocol.depth)
    expected = next(Scorer("naswot", "nasbench201", protocol, images, 7, 0).scores(torch.device("cpu"), [CELL]))
    assert gennas.score(model, "naswot", inputs=images, seed=7).score == expected.score


def test_nothing_else_scores(monkeypatch):
    """Every score comes from the one function that the pipeline's workers call, too."""
    calls = []
    make = proxies.make
    monkeypatch.setattr(proxies, "make", lambda kind, context: calls.append(kind) or make(kind, context))
    gennas.score(PlainNet(), "naswot", repetitions=2)
    gennas.rank({"a": PlainNet(), "b": PlainNet()}, protocol=TINY)
    assert calls == ["naswot", "naswot", "regression", "regression"]


def test_protocols_are_those_of_the_default_study():
    yaml = pytest.importorskip("yaml")
    sections = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())["protocols"]
    assert {name: Protocol.from_section(section) for name, section in sections.items()} == dict(PROTOCOLS)


# --- rank ----------------------------------------------------------------------------------------


def test_rank_is_by_score_best_first_and_keeps_the_order_of_equals():
    models = {"narrow": ResNet(4), "wide": ResNet(8), "same": ResNet(8)}
    found = gennas.rank(models, "parameters")
    assert [name for name, _ in found] == ["wide", "same", "narrow"]
    assert found[0][1] == gennas.score(models["wide"], "parameters")


def test_rank_names_the_network_that_fails():
    with pytest.raises(InputError, match=r"^second: taps: the network has no module 'layer2'"):
        gennas.rank({"first": ResNet(), "second": PlainNet()}, taps=["layer2", "layer3", "layer4"], protocol=TINY)


# --- cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", catalogue.names("costs"))
def test_a_cost_has_units_and_leaves_the_network_as_it_was(kind):
    model = ResNet(4).train()
    weights, state = model.state_dict(), torch.get_rng_state()
    before = {name: tensor.clone() for name, tensor in weights.items()}
    found = gennas.cost(model, kind, inputs=np.zeros((1, 3, 64, 64)))
    assert {name: cost.unit for name, cost in found.items()} == catalogue.declaration("costs", kind)["units"]
    assert all(cost.value > 0 for cost in found.values())
    assert model.training and all(torch.equal(weights[name], before[name]) for name in before)
    assert gennas.cost(lambda: ResNet(4), kind).keys() == found.keys()  # which draws weights
    assert torch.equal(torch.get_rng_state(), state)


def test_a_cost_is_of_the_inputs_and_constants_that_are_given():
    model = nn.Conv2d(3, 8, 3, padding=1)
    small, large = (gennas.cost(model, "flops", inputs=torch.zeros(1, 3, side, side))["flops"] for side in (16, 32))
    assert large.value == 4 * small.value
    fast, slow = (gennas.cost(model, "imc", read_ns=time)["imc_latency"] for time in (10, 100))
    assert slow.value == pytest.approx(10 * fast.value) and slow == gennas.cost(model, "imc")["imc_latency"]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("weight", {}, r"^'weight' is none of the costs of gennas \(known: flops, imc, "),
        ("imc", {"volts": 1}, r"^volts: imc has no such option \(it has crossbar_rows, .*buffer_pj\); leave it out$"),
        ("flops", {"adc_pj": 1}, r"^adc_pj: flops has no such option \(it has none\); leave it out$"),
        ("imc", {"cell_bits": 0}, "^cell_bits: 0 is less than .*; it is bits of a memory cell"),
        ("flops", {"inputs": torch.zeros(2, 5)}, r"^model: Conv2d fails on torch.float32 of shape \(2, 5\) .*"),
    ],
)
def test_cost_refuses(kind, options, message):
    with pytest.raises(InputError, match=message) as caught:
        gennas.cost(nn.Conv2d(3, 8, 3), kind, **options)
    assert "\n" not in str(caught.value)


# --- combine -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", catalogue.names("aggregates"))
def test_combine_is_the_aggregate_of_the_relative_ranks(kind):
    rng = np.random.default_rng(0)
    scores = {"a": rng.normal(size=7), "b": [3.0, -math.inf, 1.0, 1.0, 5.0, 2.0, 0.0]}
    found = gennas.combine(scores, kind, quality=LABELS)
    assert found.shape == (7,) and np.isfinite(found).all()
    ranks = relative_ranks(np.stack([scores["a"], scores["b"]], axis=1))
    module = catalogue.load_module("aggregates", kind)
    if not catalogue.declaration("aggregates", kind)["labels"]:
        assert np.array_equal(found, module.combine(ranks, None))
        assert np.array_equal(gennas.combine(scores, kind), found)
    shifted = {"a": np.exp(scores["a"]), "b": scores["b"]}  # ranks are all that counts
    assert np.allclose(gennas.combine(shifted, kind, quality=LABELS), found)


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ({}, {}, "scores: give one list of numbers per proxy"),
        ({"a": 3.0}, {}, "scores: give one list of numbers per proxy"),
        ({"a": [], "b": []}, {}, "scores: as many for every proxy, and one at least"),
        ({"a": [1.0], "b": [1.0, 2.0]}, {}, r"scores: as many for every proxy, .*not \{'a': 1, 'b': 2\}"),
        ({"a": [1.0, math.nan]}, {}, "scores: a has nan; leave these architectures out"),
        ({"a": [1.0, 2.0]}, {"kind": "median"}, r"'median' is none of the aggregates of gennas \(known: fit, log_rank"),
        ({"a": [1.0, 2.0]}, {"kind": "fit"}, "quality: fit learns labels; give quality="),
        ({"a": [1.0, 2.0]}, {"kind": "fit", "quality": [1.0]}, "quality: fit learns labels; give quality="),
    ],
)
def test_combine_refuses(scores, options, message):
    with pytest.raises(InputError, match=message):
        gennas.combine(scores, **options)


def test_combine_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(InputError, match=r"fit: needs sklearn.linear_model; pip install 'gennas\[pipeline\]'"):
        gennas.combine({"a": range(7)}, "fit", quality=LABELS)


# --- search --------------------------------------------------------------------------------------


OPTIONS = {
    "ageing_evolution": {"population": 5, "tournament": 3},
    "darts": {"steps": 3, "task": "nasbench101", "split": 0.25},
    "gdas": {"steps": 3, "dataset": "digits"},
    "nasi": {"steps": 3, "mu": 2.0, "nu": "mean"},
    "nsga2": {"population": 5},
    "rsps": {"steps": 2, "candidates": 1, "task": "nasbench101"},
    "snas": {"steps": 3, "dataset": "digits", "split": 0.5},
}


OF_COST = {"population": 3, "evaluations": 3, "batch": 3}


def convolutions(ids):
    return [architecture.count("nor_conv") for architecture in ids]


def two(ids):
    return [(one.count("nor_conv"), one.count("none")) for one in ids]


@pytest.mark.parametrize("kind", catalogue.names("searches"))
def test_every_search_runs_and_repeats(kind):
    declared = catalogue.declaration("searches", kind)
    by = {"by": convolutions, "evaluations": 30, "batch": 3} if declared["scores"] else {"protocol": TINY}

    def run(seed):
        return list(gennas.search("nasbench201", kind, seed=seed, **by, **OPTIONS.get(kind, {})))

    space = gennas.load_space("nasbench201")
    callers = torch.get_rng_state()
    steps = run(0)
    assert torch.equal(torch.get_rng_state(), callers)
    assert len(steps) == by.get("evaluations", 3)
    for step in steps:
        assert space.to_id(space.from_id(step.architecture)) == step.architecture
        assert space.from_id(step.answer)
    if declared["scores"]:
        assert convolutions([steps[-1].answer])[0] == max(step.scores[0] for step in steps)
    assert run(0) == steps
    assert run(1) != steps


def test_search_scores_each_architecture_once_and_takes_several_objectives():
    asked = []

    def noted(ids):
        asked.extend(ids)
        return two(ids)

    steps = list(gennas.search("nasbench201", "ageing_evolution", noted, evaluations=200, population=10, tournament=5))
    assert len(asked) == len(set(asked)) < 200
    assert {len(step.scores) for step in steps} == {2}


@pytest.mark.parametrize("kind", ["bayesian", "nsga2", "random_search"])
def test_a_cost_is_an_objective_that_by_need_not_give(kind):
    options = {"evaluations": 20, "batch": 3, **OPTIONS.get(kind, {})}
    for step in gennas.search("nasbench201", kind, convolutions, cost=lambda ids: list(map(len, ids)), **options):
        assert step.scores == (*convolutions([step.architecture]), -len(step.architecture))


def test_search_of_a_space_of_ones_own():
    class Bits:
        """Eight bits, of which ones are good."""

        def random_architecture(self, rng):
            return tuple(rng.integers(2, size=8).tolist())

        def mutate(self, architecture, rng):
            bit = int(rng.integers(8))
            return (*architecture[:bit], 1 - architecture[bit], *architecture[bit + 1 :])

        def to_id(self, architecture):
            return "".join(map(str, architecture))

    def ones(ids):
        return [one.count("1") for one in ids]

    steps = list(gennas.search(Bits(), "local_search", ones, evaluations=100))
    assert steps[-1].answer == "11111111"


@pytest.mark.parametrize("kind", ["random_search", "epnas", "pnas"])
def test_the_answer_of_a_search_keeps_to_its_constraints(kind):
    bounds = {"parameters": {"at_most": 320_000}}  # of one convolution of 3x3
    state = torch.get_rng_state()
    *_, last = gennas.search("nasbench201", kind, convolutions, evaluations=40, batch=5, constraints=bounds)
    assert last.answer.count("nor_conv_3x3") < 2 < last.answer.count("nor_conv")
    assert torch.equal(state, torch.get_rng_state())


def by_nothing(ids):
    return [0.0]


def unknown(ids):
    return [math.nan] * len(ids)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("nasbench", "random_search", convolutions), {"evaluations": 3}, "unknown search space 'nasbench'"),
        (("nasbench201", "annealing", convolutions), {"evaluations": 3}, "'annealing' is none of the searches"),
        (("nasbench201", "random_search"), {"evaluations": 3}, "random_search needs by=, a function of ids"),
        (("nasbench201", "random_search", convolutions), {}, "random_search needs by=, .* evaluations="),
        (("nasbench201", "random_search", by_nothing), {"evaluations": 3, "batch": 3}, "by: gave 1 scores of 3"),
        (
            ("nasbench201", "ageing_evolution", convolutions),
            {"evaluations": 3, "population": 3},
            "tournament: the search ageing_evolution needs exactly these options: population, tournament",
        ),
        (("nasbench201", "random_search", convolutions), {"evaluations": 3, "mu": 1}, "mu: .* exactly these .*: none"),
        (("nds_resnet", "epnas", convolutions), {"evaluations": 3}, "space: its architectures do not grow"),
        (
            ("nasbench201", "random_search", convolutions),
            {"evaluations": 3, "constraints": {"flops": {"at_most": 1}}},
            "constraints: none of 256 architectures",
        ),
        (
            ("nasbench201", "snas"),
            {"steps": 3, "task": "nasbench101", "constraints": {"flops": {"at_most": 1e9}}},
            "constraints: the search snas scores nothing",
        ),
        (("nasbench201", "bayesian", convolutions), {"evaluations": 3, "prior": {"rumour": 1.0}}, "rumour"),
        (("nasbench201", "bayesian", convolutions), {"evaluations": 3, "encoding": {}}, "encoding: there is no vector"),
        (
            ("nasbench201", "local_search", convolutions),
            {"evaluations": 3, "cost": convolutions},
            "cost: .* one objective",
        ),
        (("nasbench201", "nsga2", convolutions), {**OF_COST, "cost": by_nothing}, "cost: gave 1 numbers of 3"),
        (
            ("nasbench201", "nsga2", convolutions),
            {**OF_COST, "cost": unknown},
            "cost: gave nan of .*; let it give a fin",
        ),
        (("nasbench201", "nsga2", two), {**OF_COST, "cost": convolutions}, "by: gave several numbers beside a cost"),
        (("nasbench201", "bayesian", two), {"evaluations": 3}, "by: bayesian takes a quality, or a quality and a cost"),
        (("nasbench201", "snas"), {"steps": 3}, "give either a labelled dataset or a regression task"),
        (("nasbench201", "snas"), {"steps": 3, "task": "rumour"}, "no published task 'rumour'"),
        (("nasbench101", "nasi"), OPTIONS["nasi"], "'nasbench101' has no supernet; spaces that have one: nasbench201"),
    ],
)
def test_search_refuses(arguments, options, message):
    with pytest.raises(InputError, match=message):
        list(gennas.search(*arguments, **options))


def test_search_refuses_several_objectives_of_a_search_for_one():
    with pytest.raises(InputError, match="local_search has one objective; let by give one number"):
        list(gennas.search("nasbench201", "local_search", lambda ids: [(1, 2)] * len(ids), evaluations=3))


# --- benchmarks ----------------------------------------------------------------------------------


def test_load_benchmark(mirror, monkeypatch):
    """How sources are joined is tested with them."""
    monkeypatch.setenv("GENNAS_MIRROR", str(mirror))
    benchmark = gennas.load_benchmark("nasbench201", "nasbench201")
    assert len(benchmark.ids) == 15625
    target = benchmark.targets["cifar10_validation_accuracy_percent"]
    assert target.unit == "%" and target.higher_is_better
    assert benchmark.quality("cifar10_validation_accuracy_percent").shape == (15625,)


def test_load_benchmark_without_a_source_names_them():
    with pytest.raises(InputError, match="name at least one of analog_nasbench, hw_nas_bench, nasbench201"):
        gennas.load_benchmark("nasbench201")


def test_a_supernet_learns_the_images_that_are_given():
    options = {"steps": 2, "task": "nasbench101", "protocol": TINY}
    images = np.random.default_rng(0).integers(256, size=(9, 8, 8, 3), dtype=np.uint8)
    given = [
        list(gennas.search("nasbench201", "darts", images=one, **options)) for one in (images, images, images[::-1])
    ]
    assert given[0] == given[1] != given[2]


def test_a_search_by_a_supernet_leaves_torchs_generator_as_it_was():
    """And what the caller draws between two steps does not change it."""
    options = {"nu": 6.0, "mu": 2.0, "steps": 2, "protocol": gennas.Protocol(0.25, 0.2, 2, 60, resolution=8)}
    before = torch.get_rng_state()
    quiet = list(gennas.search("nasbench201", "nasi", seed=1, **options))
    assert torch.equal(torch.get_rng_state(), before)
    drawing = []
    for step in gennas.search("nasbench201", "nasi", seed=1, **options):
        torch.rand(3)
        drawing.append(step)
    assert drawing == quiet
