"""What is wrong with a space's section of params.yaml that no schema can say: names, families, limits.

A check yields each problem that it sees. Imports nothing heavy: the Snakefile needs this at every start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gennas import benchmarks, catalogue, spaces
from gennas.data import images
from gennas.errors import InputError
from gennas.regression import genes
from stages.support import scorers

Section = dict[str, Any]
#: A key of a space's section, and what is wrong with its value.
Problem = tuple[str, str]
#: A task that search_task finds.
SEARCHED = "searched"


@dataclass(frozen=True)
class Study:
    """A space's section, and the protocols that it may name."""

    space: str
    section: Section
    protocols: Section

    @property
    def family(self) -> str:
        """What its networks read."""
        return str(catalogue.declaration("spaces", self.space)["family"])

    @property
    def proxies(self) -> dict[str, Section]:
        """Its proxies, by name."""
        return dict(self.section["train_proxy"]["proxies"])

    @property
    def searches(self) -> dict[str, Section]:
        """Its searches, by name."""
        return dict(self.section["search_architecture"]["searches"])

    @property
    def scorers(self) -> list[str]:
        """What `by` may name."""
        return [*self.proxies, *self.section["aggregate"], scorers.BENCHMARK]

    def trains(self, name: str) -> bool:
        """Whether a proxy trains networks."""
        return bool(catalogue.declaration("proxies", self.proxies[name]["kind"]).get("trains"))

    def protocol_of(self, name: str) -> str:
        """The name of a proxy's protocol."""
        return str(self.proxies[name].get("protocol", self.section["train_proxy"]["protocol"]))

    def with_protocol(self, by: str | Sequence[str]) -> list[str]:
        """The proxies among those that `by` names themselves which build networks by a protocol."""
        own = [name for name in scorers.names(by) if name in self.proxies]
        return [name for name in own if scorers.needs_protocol(self.proxies[name]["kind"])]


# --- plug-ins -----------------------------------------------------------------------------------


def sources(study: Study) -> Iterator[Problem]:
    """Sources of ground truth that are not there, or not of this space."""
    try:
        benchmarks.check_sources(study.space, study.section["download"]["sources"])
    except InputError as error:
        yield "download.sources", str(error)


def unlabelled(study: Study) -> Iterator[Problem]:
    """Images for networks that read something else, or none for those that read some."""
    chosen, needed = study.section["download"]["images"], study.family == "images"
    if needed and chosen == images.NONE:
        yield "download.images", f"networks of {study.space} read images; set something other than none"
    if not needed and chosen != images.NONE:
        yield "download.images", f"networks of {study.space} read {study.family}, not images; set none"


def kinds(study: Study) -> Iterator[Problem]:
    """Proxies that are not defined for what the space's networks read."""
    known = catalogue.names("proxies", study.family)
    for name, proxy in study.proxies.items():
        if proxy["kind"] not in known:
            words = f"{proxy['kind']} is not defined for networks that read {study.family}"
            yield f"train_proxy.proxies.{name}.kind", f"{words}; choose one of {', '.join(known)}"


def unknown(name: str, what: str, known: Sequence[str]) -> str:
    """What is wrong with a name that is not there."""
    return f"there is no {what} {name!r}; known: {', '.join(known)}"


def members(study: Study) -> Iterator[Problem]:
    """Names of scorers that are not unique, and members of aggregates that are no proxies."""
    if scorers.BENCHMARK in study.proxies:
        yield f"train_proxy.proxies.{scorers.BENCHMARK}", "the ground truth has this name; choose another"
    for name, aggregate in study.section["aggregate"].items():
        key = f"aggregate.{name}"
        if name in (*study.proxies, scorers.BENCHMARK):
            yield key, "a proxy, or the ground truth, has this name; choose another"
        for member in aggregate["members"]:
            if member not in study.proxies:
                yield key, unknown(member, "proxy", list(study.proxies))
            elif scorers.learns_labels(aggregate) and study.proxies[member].get("task") == SEARCHED:
                reason = f"the task of {member} was chosen on the architectures that {aggregate['kind']} learns from"
                yield key, f"{reason}; take a member of another task"


def scored_by(study: Study) -> Iterator[Problem]:
    """Scorers of searches and finals that are not there, or too many."""
    for name, search in study.searches.items():
        by = scorers.names(search.get("by", []))
        yield from ((f"search_architecture.searches.{name}.by", problem) for problem in unknown_scorers(study, by))
        if len(by) > 1 and catalogue.declaration("searches", search["kind"])["objectives"] == "one":
            words = f"{search['kind']} has one objective, not {len(by)}; name one scorer"
            yield f"search_architecture.searches.{name}.by", words
    finals = study.section["finals"]
    yield from (("finals.by", problem) for problem in unknown_scorers(study, [finals["by"]]))
    for name in finals["of"]:
        if name not in study.searches:
            yield "finals.of", unknown(name, "search", list(study.searches))


def unknown_scorers(study: Study, by: Sequence[str]) -> Iterator[str]:
    """What is wrong with those names that no scorer has."""
    return (unknown(name, "scorer", study.scorers) for name in by if name not in study.scorers)


# --- protocols and tasks ------------------------------------------------------------------------


def named_protocols(study: Study) -> Iterator[tuple[str, str, bool]]:
    """A space's keys that name a protocol, the name, and whether networks are trained by it."""
    default = "train_proxy.protocol"
    for name in study.with_protocol(list(study.proxies)):
        own = f"train_proxy.proxies.{name}.protocol" if "protocol" in study.proxies[name] else default
        yield own, study.protocol_of(name), study.trains(name)
    yield default, study.section["train_proxy"]["protocol"], False
    yield "search_task.protocol", study.section["search_task"]["protocol"], True
    sections = {f"search_architecture.searches.{name}": search for name, search in study.searches.items()}
    for key, section in {**sections, "finals": study.section["finals"]}.items():
        if "protocol" in section:
            training = any(map(study.trains, study.with_protocol(section.get("by", []))))
            yield f"{key}.protocol", section["protocol"], training


def protocols(study: Study) -> Iterator[Problem]:
    """Protocols that are not there, or not for what they are to be used for."""
    for key, name, trains in named_protocols(study):
        if name not in study.protocols:
            yield key, unknown(name, "protocol", list(study.protocols))
        elif ("resolution" in study.protocols[name]) != (study.family == "images"):
            yield (
                key,
                f"{name} is not for networks that read {study.family}: only protocols for images have a resolution",
            )
        elif trains and "iterations" not in study.protocols[name]:
            yield key, f"{name} does not say how to train; name one with iterations"


def unused_protocols(study: Study) -> Iterator[Problem]:
    """Protocols instead of that of a proxy, where no proxy has one."""
    sections = {f"search_architecture.searches.{name}": search for name, search in study.searches.items()}
    for key, section in {**sections, "finals": study.section["finals"]}.items():
        if "protocol" in section and "by" in section and not study.with_protocol(section["by"]):
            by = ", ".join(scorers.names(section["by"]))
            yield f"{key}.protocol", f"it replaces that of a proxy, but {by} builds no networks of its own; remove it"


def supernets(study: Study) -> Iterator[Problem]:
    """Searches by a supernet where there is none, or not of the whole space."""
    for name, search in study.searches.items():
        key = f"search_architecture.searches.{name}"
        if not catalogue.declaration("searches", search["kind"])["supernet"]:
            continue
        if not spaces.has_supernet(study.space):
            known = ", ".join(filter(spaces.has_supernet, spaces.NAMES))
            yield key, f"{search['kind']} needs a supernet, which {study.space} has not; only {known}; remove it"
        if study.section["search_architecture"]["candidates"] != "space":
            yield key, f"the supernet of {search['kind']} is of the whole space; set candidates: space, or remove it"


def halvings(study: Study) -> Iterator[Problem]:
    """Successive halving of what is no single training, or at rungs that it has not."""
    for name, search in study.searches.items():
        key = f"search_architecture.searches.{name}.halving"
        if "halving" not in search:
            continue
        own = scorers.names(search["by"])
        if len(own) > 1 or own[0] not in study.proxies or not study.trains(own[0]):
            yield key, f"{', '.join(own)} is not one proxy that trains; leave halving out"
            continue
        protocol = search.get("protocol") or study.protocol_of(own[0])
        section = study.protocols[protocol]
        if section["readout"] == "evaluation":
            reason = "scores in evaluation mode, and losses in training mode do not compare with that"
            yield key, f"{protocol} {reason}; leave halving out"
        for rung in search["halving"]["rungs"]:
            yield from exceeds(f"{key}.rungs", rung, f"iterations of {protocol}", section["iterations"])


def tasks(study: Study) -> Iterator[Problem]:
    """Tasks that are not there, or not valid, or not for what the space's networks read."""
    for name, proxy in study.proxies.items():
        task = proxy.get("task", SEARCHED)
        if task == SEARCHED:
            continue
        try:
            found = genes.load_task(task)
        except InputError as error:
            yield f"train_proxy.proxies.{name}.task", str(error).removeprefix("task: ")
            continue
        if found["family"] != study.family:
            known = ", ".join(genes.task_names(study.family))
            words = f"{task} is for networks that read {found['family']}, those of {study.space} read {study.family}"
            yield f"train_proxy.proxies.{name}.task", f"{words}; published ones: {known}"


# --- numbers and data ---------------------------------------------------------------------------


def exceeds(key: str, value: int, other: str, limit: int) -> Iterator[Problem]:
    """A number that is more than another one, which it may not be."""
    if value > limit:
        yield key, f"{value} is more than {other}, {limit}; lower it"


def limits(study: Study) -> Iterator[Problem]:
    """Numbers that are more than others."""
    budget = study.section["search_task"]["budget"]
    yield from exceeds("search_task.budget.tournament", budget["tournament"], "population", budget["population"])
    for name, search in study.searches.items():
        pairs = catalogue.declaration("searches", search["kind"]).get("at_most", {})
        for low, high in pairs.items():
            yield from exceeds(f"search_architecture.searches.{name}.{low}", search[low], high, search[high])


def labelled_images(dataset: str) -> Iterator[str]:
    """What is wrong with images to retrain on."""
    if dataset not in images.LABELLED:
        yield f"{dataset!r} is not one of {', '.join(images.LABELLED)}"


def texts(dataset: str) -> Iterator[str]:
    """What is wrong with texts to retrain on."""
    if dataset != "descriptions" and not Path(dataset).is_dir():
        yield f"there is no folder {dataset}; or set descriptions"


#: By what networks read, the data that they can be retrained on.
DATASETS: dict[str, Callable[[str], Iterator[str]]] = {"images": labelled_images, "sequences": texts}


def datasets(study: Study) -> Iterator[Problem]:
    """Data to retrain on that are not there, or not what the space's networks read."""
    yield from (("retrain.dataset", problem) for problem in DATASETS[study.family](study.section["retrain"]["dataset"]))


#: In this order: each may rely on those before it.
CHECKS = (
    sources, unlabelled, kinds, members, scored_by, supernets, unused_protocols, protocols, halvings, tasks, limits,
    datasets,
)  # fmt: skip
