"""params.yaml: a bad key or value is one line that names it and what is allowed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from gennas import catalogue
from gennas.data import images
from gennas.errors import InputError
from stages.support import params, schema

DEFAULT = Path("params.yaml")


def changed(*path_and_value):
    """The default study with one value changed (or, with `...`, removed)."""
    study = yaml.safe_load(DEFAULT.read_text())
    *path, last, value = path_and_value
    section = study
    for key in path:
        section = section[key]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return study


def test_the_default_study_is_valid():
    assert params.load(DEFAULT)["base"]["spaces"] == ["nasbench201"]


SPACE = "nasbench201"
PROXIES = (SPACE, "train_proxy", "proxies")
SEARCHES = (SPACE, "search_architecture", "searches")
FINALS = (SPACE, "finals")


def search(**changes):
    """A search of the default study with other keys; `...` removes one."""
    section = {**yaml.safe_load(DEFAULT.read_text())[SPACE]["search_architecture"]["searches"]["evolution"], **changes}
    return {key: value for key, value in section.items() if value is not ...}


#: What a search of another kind has not.
EVOLUTIONS = {"population": ..., "tournament": ..., "halving": ...}
SNAS = {"kind": "snas", "seeds": 1, "protocol": "reduced", "steps": 2, "task": "nasbench101"}
DARTS = {"kind": "darts", "seeds": 1, "protocol": "reduced", "steps": 2, "dataset": "digits", "split": 0.5}
NASI = {"kind": "nasi", "seeds": 1, "protocol": "reduced", "steps": 2, "mu": 1, "nu": "mean"}


@pytest.mark.parametrize(
    ("path_and_value", "named"),
    [
        ((SPACE, "sample", "evaluate", "many"), ["sample.evaluate", "many", "integer"]),
        ((SPACE, "sample", "evaluate", 0), ["sample.evaluate", "0", "5"]),
        ((SPACE, "sample", "colour", "red"), ["sample", "colour"]),
        ((SPACE, "sample", "label", ...), ["sample", "label"]),
        ((SPACE, "download", "images", "rumour"), ["download.images", "rumour", "photographs"]),
        ((SPACE, "download", "source", "analog-nasbench"), ["download.source", "write sources: [analog-nasbench]"]),
        ((SPACE, "download", "source", "ptb"), ["write sources: [nasbench-nlp]"]),
        ((SPACE, "download", "sources", ["rumour"]), ["download.sources", "rumour", "analog_nasbench"]),
        ((SPACE, "download", "sources", ["nasbench101"]), ["download.sources", "nasbench101", "analog_nasbench"]),
        ((SPACE, "download", "sources", []), ["download.sources"]),
        ((SPACE, "download", "sources", "analog-nasbench"), ["download.sources", "array"]),
        ((SPACE, "download", "sources", ["analog-nasbench", "analog_nasbench"]), ["download.sources", "twice"]),
        (("protocols", "reduced", "momentum", 1), ["reduced.momentum", "1"]),
        (("protocols", "reduced", "learning_rate", "1e-3"), ["learning_rate", "1e-3", "number"]),
        ((SPACE, "train_proxy", "proxies", "mine", {"kind": "telepathy", "seeds": 1}), ["mine", "telepathy"]),
        ((SPACE, "train_proxy", "proxies", "mine", {"kind": "regression", "seeds": 1}), ["mine", "task"]),
        ((*PROXIES, "mine", {"kind": "common", "seeds": 1}), ["mine.kind", "common is none", "naswot"]),
        ((*PROXIES, "mine", {"kind": "short_training", "seeds": 1}), ["mine", "dataset"]),
        ((*PROXIES, "mine", {"kind": "short_training", "seeds": 1, "dataset": "x"}), ["mine.dataset", "x", "digits"]),
        ((*PROXIES, "naswot", "dataset", "digits"), ["naswot.dataset", "naswot has no such option", "protocol"]),
        ((*PROXIES, "naswot", "protocol", "rumour"), ["naswot.protocol", "rumour", "untrained"]),
        ((*PROXIES, "single", "protocol", "untrained"), ["single.protocol", "untrained", "iterations"]),
        ((*PROXIES, "flops", "protocol", "untrained"), ["flops.protocol", "flops has no such option"]),
        ((*PROXIES, "benchmark", {"kind": "flops", "seeds": 1}), ["proxies.benchmark", "ground truth"]),
        ((SPACE, "search_task", "protocol", "untrained"), ["search_task.protocol", "untrained", "iterations"]),
        (("protocols", "untrained", "iterations", 10), ["untrained", "optimizer"]),
        (
            (SPACE, "aggregate", "all", {"kind": "log_rank", "members": ["naswot", "rumour"]}),
            ["all", "rumour", "flops"],
        ),
        ((SPACE, "aggregate", "all", {"kind": "median", "members": ["naswot", "flops"]}), ["all.kind", "mean_rank"]),
        ((SPACE, "aggregate", "naswot", {"kind": "log_rank", "members": ["flops", "single"]}), ["naswot", "name"]),
        ((SPACE, "aggregate", "all", {"kind": "fit", "members": ["naswot", "searched"]}), ["all", "searched", "fit"]),
        ((SPACE, "aggregate", "one", {"kind": "log_rank", "members": ["flops"]}), ["one.members", "2"]),
        (("protocols", "reduced", "readout_window", 99), ["reduced.readout_window", "99", "iterations", "30"]),
        ((SPACE, "search_task", "protocol", "rumour"), ["search_task.protocol", "rumour", "reduced"]),
        ((*SEARCHES, "mine", search(kind="telepathy")), ["searches.mine.kind", "telepathy", "ageing_evolution"]),
        ((*SEARCHES, "mine", search(by="rumour")), ["searches.mine.by", "rumour", "nasbench101", "benchmark"]),
        ((*SEARCHES, "mine", search(by=...)), ["searches.mine", "'by' is a required property"]),
        ((*SEARCHES, "mine", search(by=["flops"])), ["searches.mine.by", "flops"]),
        ((*SEARCHES, "mine", search(kind="random_search")), ["searches.mine.population", "random_search has no such"]),
        (
            (
                *SEARCHES,
                "mine",
                {"kind": "local_search", "by": ["flops", "single"], "evaluations": 9, "batch": 1, "seeds": 1},
            ),
            ["searches.mine.by", "one objective"],
        ),
        ((*SEARCHES, "mine", search(tournament=99)), ["searches.mine.tournament", "99", "population", "30"]),
        ((*SEARCHES, "mine", search(population=199)), ["searches.mine.population", "199", "evaluations", "150"]),
        ((*SEARCHES, "mine", search(batch=199)), ["searches.mine.batch", "199", "evaluations", "150"]),
        (
            (*SEARCHES, "mine", search(halving={"rungs": [10, 31], "minimum": 3})),
            ["mine.halving.rungs", "31", "iterations", "30"],
        ),
        ((*SEARCHES, "mine", search(by="flops")), ["searches.mine.halving", "trainings of one proxy"]),
        ((*SEARCHES, "mine", search(by="with_gennas")), ["searches.mine.halving", "trainings of one proxy"]),
        ((*SEARCHES, "mine", search(by=["nasbench101", "flops"])), ["searches.mine.halving", "trainings of one proxy"]),
        ((*PROXIES, "nasbench101", "protocol", "paper"), ["halving", "paper", "evaluation"]),
        ((*SEARCHES, "mine", search(protocol="rumour")), ["mine.protocol", "rumour", "reduced"]),
        ((*SEARCHES, "mine", search(protocol="untrained")), ["mine.protocol", "untrained", "iterations"]),
        ((*SEARCHES, "mine", search(protocol="paper")), ["mine.halving", "paper", "evaluation"]),
        ((*SEARCHES, "mine", search(by="with_gennas", protocol="paper", halving=...)), ["mine.protocol", "remove it"]),
        ((*SEARCHES, "mine", search(by="benchmark", protocol="paper", halving=...)), ["mine.protocol", "remove it"]),
        ((*FINALS, "by", "with_gennas"), ["finals.protocol", "remove it"]),
        ((*FINALS, "by", ["nasbench101", "naswot"]), ["finals.by"]),
        ((*SEARCHES, "mine", {**NASI, "protocol": "rumour"}), ["mine.protocol", "rumour", "reduced"]),
        ((*SEARCHES, "mine", {**NASI, "steps": 0}), ["mine.steps", "0", "1"]),
        ((*SEARCHES, "mine", {**NASI, "by": "flops"}), ["mine.by", "nasi has no such option"]),
        ((*SEARCHES, "mine", {**SNAS, "task": "rumour"}), ["mine.task", "rumour", "nasbench101"]),
        ((*SEARCHES, "mine", {**SNAS, "task": "nlp"}), ["mine.task", "nlp", "sequences", "images"]),
        ((*SEARCHES, "mine", {**SNAS, "dataset": "digits"}), ["mine", "task", "or a labelled dataset"]),
        ((*SEARCHES, "mine", {key: SNAS[key] for key in SNAS if key != "task"}), ["mine", "name either"]),
        ((*SEARCHES, "mine", {**DARTS, "dataset": "rumour"}), ["mine.dataset", "rumour", "digits"]),
        ((*SEARCHES, "mine", {**DARTS, "split": 1}), ["mine.split", "1", "held out"]),
        ((*SEARCHES, "mine", {**DARTS, "penalty": 0.1}), ["mine.penalty", "darts has no such option"]),
        ((*SEARCHES, "mine", {**SNAS, "estimator": "rumour"}), ["mine.estimator", "rumour", "discrete"]),
        ((*SEARCHES, "mine", {**SNAS, "protocol": "untrained"}), ["mine.protocol", "untrained", "iterations"]),
        ((SPACE, "search_architecture", "searches", {}), ["searches"]),
        ((*FINALS, "of", ["rumour"]), ["finals.of", "rumour", "evolution"]),
        ((*FINALS, "by", "rumour"), ["finals.by", "rumour", "nasbench101"]),
        ((*FINALS, "protocol", "rumour"), ["finals.protocol", "rumour", "reduced"]),
        ((*FINALS, "protocol", "untrained"), ["finals.protocol", "untrained", "iterations"]),
        ((SPACE, "search_task", "budget", "tournament", 9), ["budget.tournament", "9", "population", "5"]),
        ((*PROXIES, "single", "task", "dvc.yaml"), ["single.task", "dvc.yaml"]),
        ((*PROXIES, "single", "task", "rumour"), ["single.task", "rumour", "nasbench101"]),
        ((*PROXIES, "single", "task", "tasks/nowhere.yaml"), ["single.task", "tasks/nowhere.yaml"]),
        ((*PROXIES, "single", "task", "nlp"), ["single.task", "nlp", "sequences", "images"]),
        ((*PROXIES, "flops", "task", "single"), ["flops.task", "flops has no such option"]),
        ((SPACE, "download", "images", "none"), ["download.images", "none", "read images"]),
        ((SPACE, "download", "sources", ["nds-cifar10"]), ["download.sources", "nds-cifar10", "analog_nasbench"]),
        ((SPACE, "retrain", "dataset", "cifar-10"), ["retrain.dataset", "cifar-10", "cifar10_subset"]),
        (("protocols", "reduced", "resolution", ...), ["protocol", "reduced", "images", "needs resolution"]),
        (("protocols", "reduced", "resolution", 4), ["reduced.resolution", "4", "8"]),
        (("protocols", "reduced", "resolution", "24"), ["reduced.resolution", "24", "integer"]),
        (("protocols", "reduced", "resolution", [52]), ["reduced.resolution", "[52]", "height, width"]),
        (("protocols", "reduced", "resolution", [52, 16, 3]), ["reduced.resolution", "[52, 16, 3]", "height, width"]),
        (("protocols", "reduced", "resolution", [52, 4]), ["reduced.resolution.1", "4", "8"]),
        (("protocols", "reduced", "resolution", 30), ["reduced has resolution 30", SPACE, "multiples of 4"]),
        (("protocols", "reduced", "resolution", [52, 15]), ["reduced has resolution [52, 15]", "multiples of 4"]),
        (("base", "spaces", ["nasbench301"]), ["base.spaces", "nasbench301"]),
        (("nasbench301", yaml.safe_load(DEFAULT.read_text())[SPACE]), ["nasbench301", "nasbench201"]),
        (("base", "seed", ...), ["base", "seed"]),
        # keys of earlier versions: what to write instead
        ((SPACE, "download", {"source": "official", "images": "noise"}), ["write sources: [nasbench101]"]),
        ((SPACE, "search_architecture", "over", "table"), ["search_architecture.over", "write candidates: benchmark"]),
        ((SPACE, "search_architecture", "task", "tasks/nlp.yaml"), ["search_architecture.task", "`by`"]),
        ((SPACE, "search_architecture", "population", 30), ["population", "write searches", "ageing_evolution"]),
        ((SPACE, "search_architecture", "finals", {}), ["search_architecture.finals", "beside search_architecture"]),
        ((SPACE, "search_architecture", "nasi", {}), ["write searches", "kind: nasi"]),
        ((*PROXIES, "single", "task", "tasks/nasbench101.yaml"), ["single.task", "write task: nasbench101"]),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_bad_values_are_named(path_and_value, named):
    assert_refused(changed(*path_and_value), named)


def assert_refused(study, named):
    with pytest.raises(InputError) as caught:
        params.check(study, Path("params.yaml"))
    message = str(caught.value)
    assert message.startswith("params.yaml: ") and "\n" not in message
    assert all(word in message for word in named), message


def test_images_may_be_no_squares_and_of_any_size_where_nothing_halves_them():
    params.check(changed("protocols", "reduced", "resolution", [52, 16]), Path("params.yaml"))
    study = changed("protocols", "reduced", "resolution", 85)
    dense = study.pop(SPACE)
    dense["download"] = {"sources": ["nasbench360"], "images": "darcy"}
    dense["search_architecture"]["searches"] = {"evolution": search()}  # there is no supernet
    study |= {"base": {"seed": 1, "spaces": ["nasbench201_dense"]}, "nasbench201_dense": dense}
    params.check(study, Path("params.yaml"))


def sequences(**changes):
    """A study of a space whose networks read sequences."""
    study = yaml.safe_load(Path("studies/spaces/params.yaml").read_text())
    study["base"]["spaces"] = ["nasbench_nlp"]
    for key, value in changes.items():
        study["nasbench_nlp"][key] = {**study["nasbench_nlp"][key], **value}
    return study


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"download": {"images": "noise"}}, ["download.images", "read sequences", "write none"]),
        ({"search_task": {"protocol": "nds"}}, ["search_task.protocol", "sequences", "it has resolution"]),
        ({"retrain": {"dataset": "digits"}}, ["retrain.dataset", "digits", "descriptions", "folder"]),
        ({"retrain": {"dataset": "no/folder"}}, ["retrain.dataset", "no/folder"]),
    ],
)
def test_what_is_not_for_sequences_is_named(changes, named):
    params.check(sequences(), Path("params.yaml"))
    assert_refused(sequences(**changes), named)


@pytest.mark.parametrize(
    "kind", [name for name in catalogue.names("proxies") if name not in catalogue.names("proxies", "sequences")]
)
def test_a_proxy_that_is_not_for_sequences_is_named(kind):
    study = sequences()
    proxy = {"kind": kind, "seeds": 1, **({"dataset": "digits"} if kind == "short_training" else {})}
    study["nasbench_nlp"]["train_proxy"]["proxies"]["mine"] = proxy
    assert_refused(study, ["mine.kind", kind, "sequences", "regression"])


@pytest.mark.parametrize("search", [NASI, SNAS, DARTS])
def test_a_supernet_is_of_a_whole_space_that_has_one(search):
    study = changed(*SEARCHES, "mine", search)
    params.check(study, Path("params.yaml"))
    study[SPACE]["search_architecture"]["candidates"] = "benchmark"
    assert_refused(study, ["candidates: space"])
    study = sequences()
    study["nasbench_nlp"]["search_architecture"]["searches"]["mine"] = search
    assert_refused(study, ["searches.mine", "no supernet of nasbench_nlp", "nasbench201"])


@pytest.mark.parametrize("kind", ["epnas", "pnas"])
def test_growth_is_of_a_whole_space_whose_architectures_grow(kind):
    grown = {"kind": kind, "by": "benchmark", "evaluations": 20, "batch": 5, "seeds": 1}
    study = changed(*SEARCHES, "mine", grown)
    params.check(study, Path("params.yaml"))
    study[SPACE]["search_architecture"] = {"candidates": "benchmark", "searches": {"mine": grown}}
    assert_refused(study, ["searches.mine", "grows", "candidates: space"])
    study = sequences()
    study["nasbench_nlp"]["search_architecture"]["searches"]["mine"] = grown
    assert_refused(study, ["searches.mine", "architectures of nasbench_nlp do not grow"])


def test_a_prior_and_an_encoding_are_of_the_study():
    bayesian = {"kind": "bayesian", "by": "benchmark", "evaluations": 20, "batch": 5, "seeds": 1}
    study = changed(*SEARCHES, "mine", {**bayesian, "prior": "with_gennas"})
    params.check(study, Path("params.yaml"))
    study[SPACE]["search_architecture"]["searches"]["mine"]["prior"] = "rumour"
    assert_refused(study, ["mine.prior", "'rumour' is no proxy or aggregate"])
    study[SPACE]["search_architecture"]["searches"]["mine"]["prior"] = "with_labels"
    assert_refused(study, ["mine.prior", "with_labels learns from labels"])
    study[SPACE]["search_architecture"]["searches"]["mine"]["prior"] = "searched"
    assert_refused(study, ["mine.prior", "the task of searched was found with labels"])
    study[SPACE]["aggregate"]["chosen"] = {"kind": "log_rank", "members": ["flops", "searched"]}
    study[SPACE]["search_architecture"]["searches"]["mine"]["prior"] = "chosen"
    assert_refused(study, ["mine.prior", "the task of searched was found with labels"])
    study = changed(*SEARCHES, "mine", {**bayesian, "encoding": "graphs"})
    assert_refused(study, ["mine.encoding", "'graphs' is none", "add it to encode"])
    study[SPACE]["encode"] = {"graphs": {"kind": "arch2vec", "variant": "paper", "epochs": 1, "architectures": 40}}
    params.check(study, Path("params.yaml"))


def test_constraints_are_bounds_on_costs_of_searches_that_score():
    bounds = {"parameters": {"at_most": 3e5}, "intensity": {"quantile_at_least": 0.5}}
    params.check(changed(*SEARCHES, "mine", search(constraints=bounds)), Path("params.yaml"))
    assert_refused(changed(*SEARCHES, "mine", search(constraints={"weight": {"at_most": 1}})), ["'weight' is no cost"])
    assert_refused(
        changed(*SEARCHES, "mine", search(constraints={"flops": {"most": 1}})), ["constraints.flops", "most"]
    )
    assert_refused(changed(*SEARCHES, "mine", {**NASI, "constraints": bounds}), ["nasi has no such option"])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"imcs": {}}, ["costs.imcs", "known: flops, imc"]),
        ({"imc": {"volts": 1}}, ["costs.imc.volts", "adc_pj", "leave it out"]),
        ({"imc": {"crossbar_rows": 0}}, ["costs.imc.crossbar_rows", "0", "rows, and columns, of a crossbar"]),
        ({"imc": {"cell_bits": 1.5}}, ["costs.imc.cell_bits", "1.5", "integer"]),
        ({"flops": {"adc_pj": 1}}, ["costs.flops.adc_pj", "none"]),
    ],
)
def test_constants_of_costs_are_those_that_they_declare(given, named):
    where = (SPACE, "search_architecture", "costs")
    params.check(changed(*where, {"imc": {"adc_pj": 0.7, "crossbar_rows": 64}}), Path("params.yaml"))
    assert_refused(changed(*where, given), named)


def test_a_folder_of_texts_is_data(tmp_path):
    params.check(sequences(retrain={"dataset": str(tmp_path)}), Path("params.yaml"))


def test_several_objectives_and_an_aggregate_score_a_search():
    params.check(changed(*SEARCHES, "mine", search(by=["with_gennas", "benchmark"], halving=...)), Path("params.yaml"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"by": ["benchmark", "benchmark.cifar10_nokia_latency_ms"]},
            ["mine.by", "cifar10_nokia_latency_ms", "closest"],
        ),
        ({"by": "benchmark", "target": "cifar11"}, ["mine.target", "'cifar11'", "cifar10"]),
        ({"by": ["benchmark", "benchmark.cifar10_accuracy_percent"]}, ["mine.by", "named twice"]),
        ({"by": ["cost.flops", "cost.flops"]}, ["mine.by", "'cost.flops' is named twice"]),
    ],
)
def test_an_objective_is_a_column_that_there_is_and_named_once(changes, named):
    assert_refused(changed(*SEARCHES, "mine", search(halving=..., **changes)), named)


def test_data_sets_are_those_that_there_are():
    definitions = schema.load_schema()["$defs"]
    assert tuple(definitions["labelled_images"]["enum"]) == images.names(labels=True)
    assert set(definitions["unlabelled_images"]["enum"]) == set(images.names(labels=False))


def test_the_file_of_a_task():
    assert params.task_file("searched", SPACE) == f"results/{SPACE}/task_search/best_task.yaml"
    assert Path(params.task_file("nasbench101", SPACE)).is_file()
    assert params.task_file("tasks/mine.yaml", SPACE) == "tasks/mine.yaml"


def test_what_dvc_exp_run_sets_is_set(tmp_path):
    """YAML anchors would lose it: DVC writes a shared section once for each of its names."""
    path = tmp_path / "params.yaml"
    shutil.copy(DEFAULT, path)
    wanted = changed("protocols", "reduced", "iterations", 50)
    wanted[SPACE]["search_task"]["protocol"] = "paper"
    apply_overrides(path, ["protocols.reduced.iterations=50", f"{SPACE}.search_task.protocol=paper"])
    assert params.load(path) == wanted


@pytest.mark.parametrize("text", ["base: [", "\x00", "base: {seed: 1}", "[]", ""])
def test_the_command_exits_with_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    done = subprocess.run([sys.executable, "-m", "stages.support.params", path], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert str(path) in done.stderr


def test_docs_parameters_is_generated():
    message = "run `make docs`"
    assert Path("docs/parameters.md").read_text() == schema.documentation(), message


def test_every_key_of_the_schema_is_described():
    rows = [row for row in schema.documentation().splitlines() if row.startswith("|")]
    assert len(rows) > 60 and not [row for row in rows if row.endswith("|  |")]


def test_every_option_of_every_kind_is_documented():
    page = schema.documentation()
    for room in schema.DOCUMENTED:
        for kind in catalogue.names(room):
            for option in catalogue.declaration(room, kind).get("options", {}):
                assert f"| `{kind}` | `{option}` |" in page
