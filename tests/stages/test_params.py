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
from gennas.files.documents import read_yaml
from stages.support import params, params_docs, params_old

DEFAULT, ROOT = Path("params.yaml"), Path.cwd()


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
AGGREGATE = (SPACE, "aggregate")
SEARCHES = (SPACE, "search_architecture", "searches")


@pytest.mark.parametrize(
    ("path_and_value", "named"),
    [
        ((SPACE, "sample", "evaluate", "many"), ["sample.evaluate", "many", "integer"]),
        ((SPACE, "sample", "evaluate", 0), ["sample.evaluate", "0", "5"]),
        ((SPACE, "sample", "colour", "red"), ["sample", "colour"]),
        ((SPACE, "sample", "label", ...), ["sample", "label"]),
        ((SPACE, "download", "images", "rumour"), ["download.images", "rumour", "photographs"]),
        (("protocols", "reduced", "momentum", 1), ["reduced.momentum", "1"]),
        (("protocols", "reduced", "learning_rate", "1e-3"), ["learning_rate", "1e-3", "number"]),
        ((SPACE, "train_proxy", "proxies", "mine", {"kind": "telepathy", "seeds": 1}), ["mine", "telepathy"]),
        ((SPACE, "train_proxy", "proxies", "mine", {"kind": "regression", "seeds": 1}), ["mine", "task"]),
        ((*PROXIES, "mine", {"kind": "common", "seeds": 1}), ["mine.kind", "'common'", "naswot"]),
        ((*PROXIES, "mine", {"kind": "short_training", "seeds": 1}), ["mine", "dataset", "short_training"]),
        ((*PROXIES, "mine", {"kind": "short_training", "dataset": "cats", "seeds": 1}), ["mine.dataset", "cats"]),
        ((*PROXIES, "mine", {"kind": ["naswot"], "seeds": 1}), ["mine.kind", "naswot", "string"]),
        ((*PROXIES, "naswot", "dataset", "digits"), ["naswot", "dataset", "known keys", "protocol"]),
        ((*PROXIES, "naswot", "seeds", "two"), ["naswot.seeds", "two", "integer"]),
        ((*PROXIES, "naswot", "protocol", "rumour"), ["naswot.protocol", "rumour", "untrained"]),
        ((*PROXIES, "single", "protocol", "untrained"), ["single.protocol", "untrained", "iterations"]),
        ((*PROXIES, "flops", "protocol", "untrained"), ["flops", "protocol", "known keys of the kind flops"]),
        ((*PROXIES, "benchmark", {"kind": "flops", "seeds": 1}), ["proxies.benchmark", "ground truth"]),
        ((SPACE, "search_task", "protocol", "untrained"), ["search_task.protocol", "untrained", "iterations"]),
        ((SPACE, "search_task", "protocol", "rumour"), ["search_task.protocol", "rumour", "reduced"]),
        ((SPACE, "search_task", "budget", "tournament", 9), ["budget.tournament", "9", "population", "5"]),
        (("protocols", "untrained", "iterations", 10), ["untrained", "optimizer"]),
        (("protocols", "reduced", "readout_window", 99), ["reduced.readout_window", "99", "iterations", "30"]),
        ((*AGGREGATE, "all", {"kind": "log_rank", "members": ["naswot", "rumour"]}), ["all", "rumour", "flops"]),
        ((*AGGREGATE, "all", {"kind": "vote", "members": ["naswot", "flops"]}), ["all.kind", "vote", "log_rank"]),
        ((*AGGREGATE, "all", {"kind": "fit", "members": ["naswot", "flops"], "ridge": 1}), ["all", "ridge", "labels"]),
        ((*AGGREGATE, "naswot", {"kind": "log_rank", "members": ["flops", "single"]}), ["naswot", "name"]),
        ((*AGGREGATE, "benchmark", {"kind": "log_rank", "members": ["flops", "single"]}), ["benchmark", "name"]),
        ((*AGGREGATE, "all", {"kind": "fit", "members": ["naswot", "searched"]}), ["all", "searched", "fit"]),
        ((*AGGREGATE, "one", {"kind": "log_rank", "members": ["flops"]}), ["one.members", "2"]),
        ((SPACE, "search_architecture", "candidates", "benchmark"), ["nasi_fix", "candidates: space"]),
        ((SPACE, "search_architecture", "candidates", "table"), ["candidates", "table", "benchmark"]),
        ((SPACE, "search_architecture", "searches", {}), ["searches", "{}"]),
        ((*SEARCHES, "mine", {"kind": "annealing", "seeds": 1}), ["mine.kind", "annealing", "random_search"]),
        ((*SEARCHES, "random", "by", "rumour"), ["random.by", "rumour", "with_gennas", "benchmark"]),
        ((*SEARCHES, "random", "by", ...), ["searches.random", "by", "random_search"]),
        ((*SEARCHES, "random", "by", ["flops", "rumour"]), ["random.by", "rumour"]),
        ((*SEARCHES, "random", "by", []), ["random.by", "[]", "array"]),
        ((*SEARCHES, "local", "by", ["nasbench101", "flops"]), ["local.by", "local_search", "one objective"]),
        ((*SEARCHES, "random", "evaluations", ...), ["searches.random", "evaluations"]),
        ((*SEARCHES, "random", "population", 3), ["searches.random", "population", "known keys"]),
        ((*SEARCHES, "evolution", "population", ...), ["searches.evolution", "population"]),
        ((*SEARCHES, "evolution", "population", "all"), ["evolution.population", "all", "integer"]),
        ((*SEARCHES, "evolution", "population", 199), ["evolution.population", "199", "evaluations", "150"]),
        ((*SEARCHES, "evolution", "tournament", 31), ["evolution.tournament", "31", "population", "30"]),
        ((*SEARCHES, "evolution", "protocol", "paper"), ["halving", "paper", "evaluation"]),
        ((*SEARCHES, "evolution", "protocol", "untrained"), ["evolution.protocol", "untrained", "iterations"]),
        ((*SEARCHES, "evolution", "halving", "rungs", [10, 31]), ["halving.rungs", "31", "iterations", "30"]),
        ((*SEARCHES, "evolution", "halving", "rungs", [10, 10]), ["halving.rungs", "10"]),
        ((*SEARCHES, "evolution", "by", "naswot"), ["evolution.halving", "naswot", "trains"]),
        ((*SEARCHES, "evolution", "by", "with_gennas"), ["evolution.halving", "with_gennas", "one proxy"]),
        ((*SEARCHES, "evolution", "by", ["nasbench101", "single"]), ["evolution.halving", "one proxy"]),
        ((*SEARCHES, "oracle", "protocol", "reduced"), ["oracle.protocol", "benchmark", "remove"]),
        ((*SEARCHES, "nasi_fix", "by", "naswot"), ["nasi_fix", "by", "known keys of the kind nasi"]),
        ((*SEARCHES, "nasi_fix", "protocol", "rumour"), ["nasi_fix.protocol", "rumour", "reduced"]),
        ((*SEARCHES, "nasi_fix", "protocol", ...), ["nasi_fix", "protocol"]),
        ((*SEARCHES, "nasi_fix", "steps", 0), ["nasi_fix.steps", "0", "1"]),
        ((*SEARCHES, "nasi_fix", "nu", "median"), ["nasi_fix.nu", "median", "mean"]),
        ((SPACE, "finals", "of", ["evolution", "rumour"]), ["finals.of", "rumour", "nasi_ada"]),
        ((SPACE, "finals", "by", "rumour"), ["finals.by", "rumour", "with_gennas"]),
        ((SPACE, "finals", "by", ["flops", "single"]), ["finals.by", "flops", "string"]),
        ((SPACE, "finals", "by", "zero_cost"), ["finals.protocol", "zero_cost", "remove"]),
        ((SPACE, "finals", "protocol", "rumour"), ["finals.protocol", "rumour", "reduced"]),
        ((SPACE, "finals", "protocol", "untrained"), ["finals.protocol", "untrained", "iterations"]),
        ((*PROXIES, "single", "task", "tasks/nowhere.yaml"), ["single.task", "tasks/nowhere.yaml"]),
        ((*PROXIES, "single", "task", "rumour"), ["single.task", "rumour", "nasbench101", "path"]),
        ((*PROXIES, "single", "task", "dvc.yaml"), ["single.task", "dvc.yaml"]),
        ((*PROXIES, "single", "task", "nlp"), ["single.task", "nlp", "images", "combo"]),
        ((*PROXIES, "flops", "task", "single"), ["proxies.flops", "task", "known keys"]),
        ((SPACE, "download", "images", "none"), ["download.images", "none", "read images"]),
        ((SPACE, "download", "sources", ["rumour"]), ["download.sources", "rumour", "analog_nasbench"]),
        ((SPACE, "download", "sources", []), ["download.sources", "[]"]),
        ((SPACE, "retrain", "dataset", "cifar-10"), ["retrain.dataset", "cifar-10", "cifar10_subset"]),
        (("protocols", "reduced", "resolution", ...), ["protocol", "reduced", "images", "resolution"]),
        (("base", "spaces", ["nasbench301"]), ["base.spaces", "nasbench301"]),
        (("nasbench301", yaml.safe_load(DEFAULT.read_text())[SPACE]), ["nasbench301", "nasbench201"]),
        (("common", yaml.safe_load(DEFAULT.read_text())[SPACE]), ["common", "nasbench201"]),
        (("base", "seed", ...), ["base", "seed"]),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_bad_values_are_named(path_and_value, named):
    with pytest.raises(InputError) as caught:
        params.check(changed(*path_and_value), Path("params.yaml"))
    message = str(caught.value)
    assert message.startswith("params.yaml: ") and "\n" not in message
    assert all(word in message for word in named), message


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"images": "noise"}, ["download.images", "sequences", "none"]),
        ({"kind": "naswot"}, ["mine.kind", "naswot", "sequences", "regression"]),
        ({"task": "combo"}, ["nlp.task", "combo", "sequences", "nlp_combo"]),
        ({"resolution": 16}, ["protocol", "recurrent", "sequences"]),
        ({"dataset": "digits"}, ["retrain.dataset", "digits", "descriptions"]),
        ({"nasi": True}, ["searches.mine", "nasi", "supernet", "nasbench201"]),
    ],
    ids=str,
)
def test_what_a_space_of_sequences_cannot_have_is_named(changes, named):
    study = read_yaml(Path("studies/spaces/params.yaml"))
    study["base"]["spaces"] = ["nasbench_nlp"]
    section = study["nasbench_nlp"]
    params.check(study, Path("params.yaml"))
    section["download"]["images"] = changes.get("images", "none")
    section["retrain"]["dataset"] = changes.get("dataset", "descriptions")
    section["train_proxy"]["proxies"]["nlp"]["task"] = changes.get("task", "nlp")
    if "kind" in changes:
        section["train_proxy"]["proxies"]["mine"] = {"kind": changes["kind"], "seeds": 1}
    if "resolution" in changes:
        study["protocols"]["recurrent"]["resolution"] = changes["resolution"]
    if "nasi" in changes:
        nasi = {"kind": "nasi", "protocol": "recurrent", "steps": 1, "mu": 1.0, "nu": 1.0, "seeds": 1}
        section["search_architecture"]["searches"]["mine"] = nasi
    with pytest.raises(InputError) as caught:
        params.check(study, Path("params.yaml"))
    assert all(word in str(caught.value) for word in named), caught.value


def test_a_task_file_that_is_no_task_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tasks").mkdir()
    Path("tasks/mine.yaml").write_text("family: images\nnoise: loud\n")
    study = yaml.safe_load((ROOT / DEFAULT).read_text())
    study[SPACE]["train_proxy"]["proxies"]["single"]["task"] = "tasks/mine.yaml"
    with pytest.raises(InputError, match=r"single\.task: tasks/mine\.yaml"):
        params.check(study, DEFAULT)
    shutil.copy(ROOT / "gennas/regression/tasks/combo.yaml", "tasks/mine.yaml")
    params.check(study, DEFAULT)


def test_a_task_has_a_file():
    assert params.task_file("searched", "nasbench101") == "results/nasbench101/task_search/best_task.yaml"
    assert params.task_file("tasks/mine.yaml", "nasbench101") == "tasks/mine.yaml"
    assert Path(params.task_file("combo", "nasbench101")).is_file()


@pytest.mark.parametrize("study", sorted(Path("studies").glob("*/params.yaml")), ids=str)
def test_the_studies_are_valid(study):
    assert params.load(study)


def test_data_sets_are_those_that_there_are():
    page = params_docs.documentation()
    for name in (*images.LABELLED, *images.UNLABELLED):
        assert f"`{name}`" in page
        if name in images.LABELLED:
            params.check(changed(SPACE, "retrain", "dataset", name), DEFAULT)
            proxy = {"kind": "short_training", "dataset": name, "protocol": "reduced", "seeds": 1}
            params.check(changed(*PROXIES, "mine", proxy), DEFAULT)
        if name in images.UNLABELLED and name != images.NONE:
            params.check(changed(SPACE, "download", "images", name), DEFAULT)


def test_checking_loads_nothing_heavy():
    heavy = "{'torch', 'pyarrow', 'PIL', 'sklearn', 'requests', 'matplotlib'}"
    program = f"import sys; from stages.support import params; params.load(); print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


# --- keys as they were --------------------------------------------------------------------------

#: Of a study as it was: what stood where, and what its line says now.
OLD_SEARCH = {
    "over": ("table", ["candidates: benchmark"]),
    "task": ("tasks/nasbench101.yaml", ["searches:", "docs/parameters.md"]),
    "protocol": ("reduced", ["searches:", "docs/parameters.md"]),
    "population": (30, ["searches:", "ageing_evolution"]),
    "tournament": (8, ["searches:", "ageing_evolution"]),
    "offspring": (10, ["searches:", "batch"]),
    "rungs": ([10], ["searches:", "halving"]),
    "evaluations": (150, ["searches:"]),
    "seeds": (2, ["searches:"]),
    "nasi": ({"protocol": "reduced", "steps": 100, "mu": 2.0, "nu": 6.0}, ["searches:", "nasi"]),
    "finals": ({"protocol": "thorough", "finalists": 30, "repetitions": 2}, ["finals: {of:", "docs/parameters.md"]),
}
OLD = [
    ((SPACE, "download", {"source": "analog-nasbench", "images": "noise"}), ["sources: [analog-nasbench]"]),
    ((*PROXIES, "single", "task", "tasks/single.yaml"), ["single.task", "task: single"]),
    *(((SPACE, "search_architecture", key, value), [key, *named]) for key, (value, named) in OLD_SEARCH.items()),
]


@pytest.mark.parametrize(("path_and_value", "named"), OLD, ids=[str(path[-2]) for path, _ in OLD])
def test_an_old_key_is_one_line_that_says_what_to_write(path_and_value, named):
    with pytest.raises(InputError) as caught:
        params.check(changed(*path_and_value), Path("params.yaml"))
    message = str(caught.value)
    assert message.startswith(f"params.yaml: {SPACE}.") and "\n" not in message
    assert all(word in message for word in named), message


def test_an_old_study_gets_a_line_for_each_old_key():
    """A search's section as it was at the last release, all keys of it; corrected one by one, none is left."""
    old = changed(SPACE, "search_architecture", {key: value for key, (value, _) in OLD_SEARCH.items()})
    keys = []
    while found := next(params_old.renamed(old), None):
        keys.append(found[0].rsplit(".", 1)[1])
        del old[SPACE]["search_architecture"][keys[-1]]
        assert len(keys) <= len(OLD_SEARCH)
    assert sorted(keys) == sorted(OLD_SEARCH)


def test_the_names_of_old_sources_are_translated():
    section = {"download": {"source": "ptb+wikitext2"}}
    (found,) = params_old.renamed({"nasbench_nlp": section})
    assert found[0] == "nasbench_nlp.download.source"
    assert "sources: [nasbench-nlp, nasbench-nlp-wikitext2]" in found[1]


@pytest.mark.parametrize("text", ["[]", "a: 1", "a: {download: 3, train_proxy: {proxies: [1]}}", "a: {b: {c: d}}"])
def test_what_is_no_study_at_all_has_no_old_keys(text):
    assert list(params_old.renamed(yaml.safe_load(text))) == []


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
    assert Path("docs/parameters.md").read_text() == params_docs.documentation(), message


def test_every_key_and_option_is_described():
    lines = params_docs.documentation().splitlines()
    rows = [line for line in lines if line.startswith(("| `", "| | |")) and not line.endswith("| | | |")]
    assert len(rows) > 100 and not [row for row in rows if row.endswith("|  |")]


@pytest.mark.parametrize("room", ["proxies", "aggregates", "searches", "spaces", "benchmarks"])
def test_every_plug_in_is_listed(room):
    page = params_docs.documentation()
    assert all(f"\n| `{name}` |" in page for name in catalogue.names(room))


def test_docs_proxies_lists_every_proxy():
    table = Path("docs/proxies.md").read_text().split("## All proxies")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = [name.strip(" `") for cell in cells for name in cell.split(",")]
    assert sorted(listed) == catalogue.names("proxies")
