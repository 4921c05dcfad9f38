"""Keep Snakemake and DVC in step, so that `snakemake` and `dvc repro` agree on what is stale.

Snakemake judges an output by its own record of the job that made it; DVC by content. So what
Snakemake made is committed to dvc.lock at the end of a run. When something else than a job has
changed results since (`dvc checkout`, `pull`, `exp apply`, `repro`), Snakemake's records are about
other files: it refuses to run until `python -m workflow.bridge sync` has fixed them.

Any Snakefile can have it: include bridge.smk before all else, put a bridge.yaml (see `layout`)
beside the Snakefile, and let the first rule ask for every output that DVC tracks, since a `sync`
removes those that are stale and Snakemake by itself misses no intermediate file.

A rule that has a stage in dvc.yaml is called as that stage, which is `<rule>`, or `<rule>@<value>`
for a rule with a wildcard. What the other rules make, fan-out files, is Snakemake's alone: parts
that a stage's rule gathers, and that cost only time when they are lost.

    bridge.smk    the hooks of a Snakemake
    run           what a run checks, locks and commits
    checks        when a Snakemake must not begin
    locks         who waits for whom
    records       what is noted where
    layout        what the bridge has to know of a pipeline
    __main__      the command `sync`
"""
