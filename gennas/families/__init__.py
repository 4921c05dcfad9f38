"""Families: what networks read. One module each, found by name: what is particular to images, to sequences, ...

A search space says in its `FAMILY` which one its networks belong to; a proxy says in its DECLARATION for which ones it
is defined. What the regression proxy draws and asks of each is in the module of the same name in `gennas.regression`.
"""
