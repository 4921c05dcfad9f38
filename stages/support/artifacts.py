"""Every artifact's schema, in one place, checked when it is written and when it is read.

Artifacts are byte-deterministic (fixed row order, no times, no host names) and appear whole or
not at all: they are written under a temporary name and renamed. One alone is a measurement, which
comes out differently each time: costs.parquet (`COSTS`), and with it the report that shows it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gennas.errors import InputError
from gennas.files.atomic import atomic_write
from gennas.files.documents import parse_json
from gennas.targets import Target

FORMAT_VERSION = b"2"
#: Metadata of a benchmark's columns: the declaration of a target (JSON); or the target that one is the uncertainty of.
_TARGET, _UNCERTAINTY = b"target", b"uncertainty_of"


def _schema(title: str, nullable: tuple[str, ...] = (), **columns: tuple[pa.DataType, str]) -> pa.Schema:
    """A schema whose metadata carries the format version and each column's meaning."""
    fields = [
        pa.field(name, kind, nullable=name in nullable, metadata={"description": meaning})
        for name, (kind, meaning) in columns.items()
    ]
    return pa.schema(fields, metadata={"artifact": title, "format_version": FORMAT_VERSION})


_ARCHITECTURE = (pa.string(), "canonical id of the architecture")
_SEED = (pa.int32(), "index of the repetition, from 0")

BENCHMARK = _schema(
    "benchmark",
    nullable=("parameters",),
    architecture=_ARCHITECTURE,
    encoding=(
        pa.list_(pa.field("item", pa.int8(), nullable=False)),
        "integers that describe it; two architectures are as far apart as they differ in many of these",
    ),
    status=(pa.string(), "ok, or how its training failed"),
    parameters=(pa.int64(), "trainable parameters, as the source states them"),
    labelled=(pa.bool_(), "one of those that the paper's task search labelled"),
)  # followed by one float64 column per target and uncertainty (`target_field`), null where it was not measured
IMAGES = _schema(
    "images",
    pixels=(pa.binary(), "one RGB image, uint8, height x width x 3, row-major"),
    height=(pa.int32(), "pixels"),
    width=(pa.int32(), "pixels"),
)
ARCHITECTURES = _schema(
    "architectures",
    role=(pa.string(), "label: its accuracy may be used by the task search and by fits; evaluate: never"),
    position=(pa.int32(), "rank in the seeded permutation of its role, from 0; a sample is a prefix"),
    architecture=_ARCHITECTURE,
)
SCORES = _schema(
    "scores",
    proxy=(pa.string(), "name of the proxy in params.yaml"),
    seed=_SEED,
    position=(pa.int32(), "rank in the sample"),
    architecture=_ARCHITECTURE,
    score=(pa.float64(), "higher is better; -inf for an architecture without a score"),
    status=(pa.string(), "ok; or why there is no score: diverged, undefined, timed out, crashed"),
    losses=(pa.list_(pa.field("item", pa.float32(), nullable=False)), "training loss at each iteration"),
)
CORRELATION = _schema(
    "correlation",
    proxy=(pa.string(), "name of the proxy"),
    target=(pa.string(), "column of the benchmark that the scores are compared with"),
    seeds=(pa.string(), "one seed's index, or 'mean': the scores averaged over all seeds"),
    architectures=(pa.int32(), "n, the number of architectures compared: those whose target is known"),
    failed=(pa.int32(), "how many of them have no score: diverged, undefined, timed out or crashed (ranked last)"),
    spearman_rho=(pa.float64(), "Spearman's rank correlation between score and quality; see `gennas.targets.Target`"),
    rho_low=(pa.float64(), "lower end of rho's 95 % interval over architectures"),
    rho_high=(pa.float64(), "upper end"),
    kendall_tau=(pa.float64(), "Kendall's tau-b"),
    top_share=(pa.float64(), "share of the true top 5 % found in the predicted top 10 %"),
)
PROXY_CORRELATION = _schema(
    "proxy correlation",
    proxy=(pa.string(), "name of a proxy; each pair of proxies is there once"),
    other=(pa.string(), "name of another"),
    spearman_rho=(pa.float64(), "Spearman's rank correlation between their mean scores"),
    architectures=(pa.int32(), "n, the number of architectures; those without a score rank last"),
)
COSTS = _schema(
    "costs",
    proxy=(pa.string(), "name of the proxy"),
    architectures=(pa.int32(), "how many were scored in each round"),
    rounds=(pa.int32(), "how many were timed, after one that was not"),
    seconds=(pa.float64(), "seconds per architecture and repetition: the median of the rounds"),
    seconds_low=(pa.float64(), "the least of them"),
    seconds_high=(pa.float64(), "the most"),
)
CONVERGENCE = _schema(
    "convergence",
    proxy=(pa.string(), "name of the proxy"),
    target=(pa.string(), "column of the benchmark"),
    iteration=(pa.int32(), "training iterations done"),
    spearman_rho=(pa.float64(), "rho of the negated training loss at that iteration, averaged over seeds"),
)
TRIALS = _schema(
    "trials",
    trial=(pa.int32(), "order of evaluation, from 0"),
    generation=(pa.string(), "initial: drawn at random; child: mutated"),
    fitness=(pa.float64(), "rho on the labelled architectures"),
    best_fitness=(pa.float64(), "best fitness so far"),
    task=(pa.string(), "the task, as JSON"),
)
_STEP: dict[str, tuple[pa.DataType, str]] = {
    "search": (pa.string(), "name of the search in params.yaml"),
    "kind": (pa.string(), "what search it is"),
    "seed": _SEED,
    "evaluation": (pa.int32(), "architectures scored so far, from 1; steps of a search that scores none"),
    "queries": (pa.int32(), "how many architectures' ground truth the search had asked for by then"),
    "architecture": _ARCHITECTURE,
    "scores": (
        pa.list_(pa.field("item", pa.float64(), nullable=False)),
        "its scores, one per objective, higher is better; of a search by a supernet, what that says of it",
    ),
    "best_architecture": (pa.string(), "the answer so far"),
}
STEPS = _schema("steps of one run of a search", **_STEP)
TRAJECTORY = _schema(
    "trajectory",
    **_STEP,
    target=(pa.string(), "column of the benchmark that judges the answer"),
    best_value=(pa.float64(), "the answer's true value of that"),
    best_rank=(pa.int32(), "its true rank in the benchmark, from 1"),
    regret=(pa.float64(), "how far that is from the benchmark's best value, in its unit"),
)
_PROBLEM: dict[str, tuple[pa.DataType, str]] = {
    "quality": (pa.string(), "column of the benchmark that judges: the better, the higher is the front"),
    "cost": (pa.string(), "column of the benchmark, or `cost.<name>` of gennas/costs; less is better"),
}
FRONTS = _schema(
    "fronts of searches for two objectives",
    search=_STEP["search"],
    seed=_SEED,
    evaluation=_STEP["evaluation"],
    **_PROBLEM,
    hypervolume=(pa.float64(), "share of the true front's, from the point of the medians of all architectures"),
    igd_plus=(pa.float64(), "mean distance of the true front to what was found, in shares of its range"),
    found=(pa.float64(), "share of the true front's points that were found"),
)
#: Whose members the true front's are.
TRUTH = "the truth"
FRONT_MEMBERS = _schema(
    "members of fronts",
    search=(pa.string(), "name of the search in params.yaml; `the truth` for the true front"),
    seed=_SEED,
    **_PROBLEM,
    architecture=_ARCHITECTURE,
    value=(pa.float64(), "its true quality"),
    value_unit=(pa.string(), "the unit of that"),
    spent=(pa.float64(), "its cost"),
    spent_unit=(pa.string(), "the unit of that"),
)
FINALS = _schema(
    "finals",
    search=(pa.string(), "name of the search whose finalist it is"),
    position=(pa.int32(), "rank among its finalists by the search's own scores, from 0"),
    architecture=_ARCHITECTURE,
    seed=(pa.int32(), "repetition, from 1: repetition 0 may have chosen the finalists"),
    score=(pa.float64(), "higher is better; -inf for an architecture without a score"),
    status=(pa.string(), "ok; or why there is no score: diverged, undefined, timed out, crashed"),
)
_ENCODING = (pa.string(), "name of the encoding in params.yaml")
VECTORS = _schema(
    "encoded architectures",
    encoding=_ENCODING,
    architecture=_ARCHITECTURE,
    vector=(pa.list_(pa.field("item", pa.float32(), nullable=False)), "of one length for all of an encoding"),
)
MEASURES = _schema(
    "measures of encodings",
    encoding=_ENCODING,
    measure=(pa.string(), "reconstruction, validity, uniqueness, distance, prediction r, prediction rho or rmse"),
    subject=(pa.string(), "what of it: a part of the graph, an edit distance, or what predicts"),
    n=(pa.int32(), "how many vertices, arcs, cells, draws, pairs or architectures it is about"),
    value=(pa.float64(), "a share, a correlation, a distance, or an error in the target's unit"),
    labels=(pa.int32(), "of how many architectures the target was known; 0 for what needs none"),
    seeds=(pa.int32(), "draws of the labels that are averaged"),
    deviation=(pa.float64(), "standard deviation over the seeds; of a distance, over the pairs"),
)
POINTS = _schema(
    "encodings in two dimensions",
    encoding=_ENCODING,
    architecture=_ARCHITECTURE,
    x=(pa.float32(), "first principal component of the vectors"),
    y=(pa.float32(), "second one"),
    value=(pa.float64(), "the target"),
)
HISTORY = _schema(
    "history",
    role=(pa.string(), "found: the search's answer; random: an architecture of the sample"),
    epoch=(pa.int32(), "from 1"),
    learning_rate=(pa.float64(), "at the epoch's start"),
    train_loss=(pa.float64(), "cross-entropy in nats, mean over the epoch; not finite if the training failed"),
    validation_loss=(pa.float64(), "after the epoch"),
    metric=(pa.string(), "what validation_score is: accuracy_percent, perplexity or masked_perplexity"),
    validation_score=(pa.float64(), "after the epoch; more accuracy is better, less perplexity"),
)


_NUMBER, _COUNT, _TEXT = {"type": ["number", "null"]}, {"type": "integer", "minimum": 1}, {"type": "string"}


def _document(**properties: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema of an object that has these properties, and maybe more."""
    return {"type": "object", "required": list(properties), "properties": properties}


#: best.json: the answer of the first search of the finals, and of the others; what is not finite is null.
_FOUND: dict[str, dict[str, Any]] = {
    "architecture": _TEXT, "value": _NUMBER, "regret": _NUMBER, "rank": _COUNT, "evaluations": _COUNT,
    "queries": {"type": "integer", "minimum": 0}, "finalists": _COUNT,
}  # fmt: skip
BEST = _document(
    search=_TEXT, **_FOUND, target=_TEXT, unit=_TEXT, benchmark_size=_COUNT,
    others={"type": "object", "additionalProperties": _document(**_FOUND)},
)  # fmt: skip
_METRICS = ("accuracy_percent", "perplexity", "masked_perplexity")
_ROLES = {metric: _document(**{f"test_{metric}": _NUMBER}) for metric in _METRICS}
#: retrain/metrics.json: what the real training reached.
RETRAINED = _document(dataset=_TEXT, metric={"enum": [*_METRICS]}) | {
    "allOf": [
        {"if": {"properties": {"metric": {"const": metric}}}, "then": _document(found=role, random=role)}
        for metric, role in _ROLES.items()
    ]
}

#: Targets that a message lists; of more, it names the closest.
LISTED_TARGETS = 20
#: Rows per row group. A reader who wants one proxy, or a run of positions, skips the groups without it.
ROW_GROUP = 2048


def _check(table: pa.Table, schema: pa.Schema, path: Path) -> None:
    """Compare names and types; only a benchmark may have further columns: targets and their uncertainties."""
    found = {field.name: field.type for field in table.schema}
    wanted = {field.name: field.type for field in schema}
    extra = {name: kind for name, kind in found.items() if name not in wanted}
    wrong = [name for name, kind in wanted.items() if found.get(name) != kind]
    if schema is not BENCHMARK:
        wrong += extra
    wrong += [name for name in extra if not _fits(table.schema.field(name))]
    if wrong:
        title = schema.metadata[b"artifact"].decode()
        raise InputError(f"{path}: column {wrong[0]!r} does not fit the {title} schema; delete the file and re-run")
    unknown = [name for name in wanted if table[name].null_count and not schema.field(name).nullable]
    if unknown:
        raise InputError(f"{path}: column {unknown[0]!r} has gaps; delete the file and re-run")


def _fits(field: pa.Field) -> bool:
    """Whether a column is one of a target, or of its uncertainty."""
    try:
        return field.type == pa.float64() and bool(_declaration(field))
    except ValueError:  # of JSON or of a declaration
        return False


def _one_nan(column: pa.Array) -> pa.Array:
    """A column with one NaN: there are many, and which of them a computation ends with is chance."""
    if pa.types.is_list(column.type):
        return pa.ListArray.from_arrays(column.offsets, _one_nan(column.values), column.type, mask=column.is_null())
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), pa.scalar(math.nan, column.type), column)
    return column


def write_parquet(table: pa.Table, schema: pa.Schema, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a table under its schema; `metadata` adds provenance, such as software versions."""
    _check(table, schema, path)
    fields = [schema.field(f.name) if f.name in schema.names else f for f in table.schema]
    full = pa.schema(fields, metadata={**schema.metadata, **(metadata or {})})
    with atomic_write(path) as temporary:
        rows = pa.table([_one_nan(column.combine_chunks()) for column in table.columns], schema=full)
        pq.write_table(rows, temporary, compression="zstd", row_group_size=ROW_GROUP, write_page_checksum=True)


def row(schema: pa.Schema, *values: Any) -> dict[str, Any]:
    """A row of a table, from its values in the order of the columns."""
    return dict(zip(schema.names, values, strict=True))


def write_rows(
    rows: list[dict[str, Any]], schema: pa.Schema, path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """`write_parquet` for a list of rows."""
    write_parquet(pa.Table.from_pylist(rows, schema=schema), schema, path, metadata)


def merged_metadata(tables: Sequence[pa.Table]) -> dict[str, str]:
    """The provenance of several tables as one: each key holds what any of them says, without repetition."""
    found: dict[str, dict[str, None]] = {}
    for key, value in (item for table in tables for item in (table.schema.metadata or {}).items()):
        found.setdefault(key.decode(), {})[value.decode()] = None
    return {key: ", ".join(values) for key, values in found.items()}


def write_tables(tables: Sequence[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Several tables of a schema as one, in the order given, with the provenance of all."""
    merged = pa.concat_tables(table.replace_schema_metadata() for table in tables)
    write_parquet(merged, schema, path, merged_metadata(tables))


def copy(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    with atomic_write(target) as temporary:
        temporary.write_bytes(source.read_bytes())


def read_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a table and check it against its schema."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; run the stage that writes it")
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        table.validate(full=True)  # such as strings that are no UTF-8
    except (OSError, ValueError, pa.ArrowException) as error:  # a column's name can be no UTF-8
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a readable Parquet file ({reason}); delete it and re-run") from error
    _check(table, schema, path)
    if (table.schema.metadata or {}).get(b"format_version") != FORMAT_VERSION:
        raise InputError(f"{path}: written in another format than this version's; delete the file and re-run")
    return table


def targets(benchmark: pa.Table) -> dict[str, Target]:
    """The benchmark's targets by column, as their sources declare them; a measurement's uncertainty is no target."""
    declared = {field.name: _declaration(field) for field in benchmark.schema if field.name not in BENCHMARK.names}
    return {name: one for name, one in declared.items() if isinstance(one, Target)}


def target(benchmark: pa.Table, name: str, path: Path = Path("benchmark.parquet")) -> Target:
    """The declaration of a target; an InputError unless the benchmark has it."""
    known = targets(benchmark)
    if name not in known:
        raise InputError(f"{path}: no target {name!r}; {_instead(name, list(known))}")
    return known[name]


def _instead(name: str, known: list[str]) -> str:
    """What to name instead: any of a few targets, or the closest of many."""
    if len(known) <= LISTED_TARGETS:
        return f"its sources have {', '.join(known)}"
    return f"the closest of its {len(known)} are {', '.join(get_close_matches(name, known, n=5, cutoff=0))}"


def target_field(name: str, declaration: Target) -> pa.Field:
    """The column of a target in a benchmark's schema, which carries the declaration."""
    return pa.field(name, pa.float64(), metadata={_TARGET: declaration.to_text()})


def uncertainty_field(name: str, of: str) -> pa.Field:
    """The column of the uncertainty of a target."""
    return pa.field(name, pa.float64(), metadata={_UNCERTAINTY: of})


def _declaration(field: pa.Field) -> Target | str:
    """What a benchmark's column says that it is: a target, or the uncertainty of one, whose name this is then."""
    metadata = field.metadata or {}
    if _UNCERTAINTY in metadata:
        return str(metadata[_UNCERTAINTY].decode())
    return Target.from_mapping(parse_json(metadata.get(_TARGET, b"null")))


def read_tables(paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
    """Tables one after the other, with the provenance of all."""
    tables = [read_parquet(path, schema) for path in paths]
    merged = pa.concat_tables(table.replace_schema_metadata() for table in tables)
    return merged.replace_schema_metadata(merged_metadata(tables))


def made_with(table: pa.Table) -> dict[str, str]:
    """What a table says it was made with, for another one that is made of it."""
    own = {name.encode() for name in ("artifact", "format_version")}
    return {key.decode(): value.decode() for key, value in table.schema.metadata.items() if key not in own}


def write_text(text: str, path: Path) -> None:
    """Write a text artifact (JSON, YAML, CSV, HTML)."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(value: Any, path: Path) -> None:
    """Write JSON with a stable layout."""
    write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", path)
