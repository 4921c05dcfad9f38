"""The stages of the pipeline, and what they share.

A stage is a module with the name of its rule: `python -m stages.<stage> --help` runs one alone.
`spaces/` says what an architecture is, `proxies/` how one gets a number before training, and
`search/` how the next candidate is chosen; none of the three imports a stage or reads a file of
parameters.
"""
