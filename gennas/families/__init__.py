"""Families: what networks read. One module each, found by name: what is particular to images, to sequences, ...

A search space says in its `FAMILY` which one its networks belong to; a proxy says in its DECLARATION for which ones it
is defined. A family is three modules of its name: here, in `gennas.regression`, what the regression proxy draws and
asks of a network, and in `gennas.adapt`, one's own networks as a space. Here it has `MEMORY_FORMAT`, the one that its
networks are fastest in on a CPU; `example(shape)`, what a network is shown to find what it costs; and `DECLARATION`:

- `reads`: what networks are given, for people;
- `labelled`, `training`: the modules of `gennas.data` and `gennas.training` with what networks are trained on for real;
- `inputs`, if there are any: the module of `gennas.data` with the unlabelled inputs that proxies read;
- `protocol`: the fields that protocols of this family alone have;
- `task`: of a regression task, its `places` of signals; its `bases`, each with its parameters, which are a gene, or
  None where one is drawn in the way of its name (`frequencies`, `density`); its `genes`, each with the `choices` of a
  task search, the `minimum` and `maximum` of a valid one and, of a list, its `length`; and `per_sample`, whether the
  samples of a batch share a draw or may have their own.
"""
