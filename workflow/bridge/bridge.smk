"""The bridge's hooks, for any Snakefile: include this before all else. No rules here."""

import atexit
import hashlib
import logging
import os
import sys
from functools import cache
from itertools import chain

sys.path.insert(0, str(Path(str(workflow.current_basedir)).parents[1]))

from gennas.errors import InputError
from workflow.bridge import checks, layout, locks, records
from workflow.bridge.run import Bridge


def or_exit(function, *arguments):
    """Call a function; bad input ends in one line."""
    try:
        return function(*arguments)
    except InputError as error:
        sys.exit(f"error: {error}")


if config:
    sys.exit("error: --config is invisible to DVC; edit params.yaml, or use `dvc exp run -S key=value`")
logging.raiseExceptions = False  # no tracebacks for lines that a full disk has no room for
BRIDGE = Bridge(or_exit(layout.read_layout), workflow.is_main_process)
or_exit(BRIDGE.check)
shell.prefix(locks.JOB_PREFIX)


def is_stage(job):
    """Whether DVC knows of a job: its rule has a stage of the same name in dvc.yaml."""
    return job.rule.name in records.pipeline_stages()


def dvc_stages(jobs):
    """The DVC stages, `<rule>` or `<rule>@<value of its wildcard>`, of those jobs that are one."""
    return {"@".join([job.rule.name, *job.wildcards]) for job in jobs if is_stage(job)}


def finished_stages():
    """The DVC stages in the DAG that this run finished or found up to date."""
    return dvc_stages(filter(workflow.dag.noneedrun_finished, workflow.dag.jobs))


def fan_out_jobs():
    """The jobs whose outputs Snakemake alone keeps."""
    return [job for job in workflow.dag.jobs if not is_stage(job)]


def check_declared():
    """Refuse when a stage reads what dvc.yaml does not say, such as a file newly named in params.yaml."""
    for job in workflow.dag.needrun_jobs():
        for stage in dvc_stages([job]):
            made = workflow.dag.dependencies[job].items()
            own = {file for maker, files in made if not is_stage(maker) for file in files}
            checks.check_declared(stage, set(job.input) - own)


def check_fan_out():
    """Refuse when this run would read fan-out files that none of its jobs, nor of an earlier run, has made."""
    kept = (job for job in fan_out_jobs() if not workflow.dag.needrun(job))
    checks.check_vouched(Path(file) for job in kept for file in job.output)


@cache
def checksum(file):
    """The content of a file, as Snakemake's records have it."""
    return (
        f"sha256:{hashlib.sha256(Path(file).read_bytes()).hexdigest()}"
        if os.path.isfile(file)
        else "not a file"
    )


def input_changed(job, file):
    """Whether the content of an input is not what the job read."""
    return os.path.exists(file) and workflow.persistence.input_checksums(job, file) != {checksum(file)}


def is_stale(job):
    """Whether a job should run again, by Snakemake's records: in a sync, Snakemake itself says so of every job."""
    records = workflow.persistence
    return (
        not records.has_metadata(job)
        or records.params_changed(job)
        or any(
            chain(records.input_changed(job), records.code_changed(job), records.software_stack_changed(job))
        )
        or any(input_changed(job, file) for file in job.input)
    )


def remove_stale_fan_out():
    """Before a sync adopts everything: fan-out files that are stale would be marked as fresh with the rest."""
    for job in fan_out_jobs():
        files = [Path(file) for file in job.output if os.path.exists(file)]
        if files and is_stale(job):
            for file in files:
                file.unlink()


def name_failed_jobs():
    """The last lines of a run that failed say which jobs did, after all that Snakemake says of them."""
    for job in workflow.scheduler.failed:
        print(f"error: {job.rule.name} failed; {', '.join(job.log)} says why", file=sys.stderr)


def record_killed_run():
    """Snakemake calls no hook when there is nothing to do; a run killed after its last job is recorded here."""
    runs = workflow.executor_plugin and not workflow.dryrun
    planned = workflow.dag is not None  # a DAG with nothing to do is false
    if runs and planned and not len(workflow.dag):
        try:
            BRIDGE.record_rest(finished_stages())
        except InputError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            os._exit(1)  # nothing else sets the exit code this late


atexit.register(record_killed_run)


onstart:
    if BRIDGE.syncing:
        remove_stale_fan_out()
    else:
        or_exit(check_declared)
        or_exit(check_fan_out)
    or_exit(BRIDGE.start, dvc_stages(workflow.dag.needrun_jobs()))


onsuccess:
    or_exit(BRIDGE.record, finished_stages())


onerror:
    name_failed_jobs()
    or_exit(BRIDGE.record, finished_stages())
