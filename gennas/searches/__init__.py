"""Searches: which architecture is evaluated next. One module each, found by name.

A search is a module with a `DECLARATION` (what it needs, and its options in params.yaml) and `run(context)`, which
yields a `Step` for each evaluation. It knows nothing of what it searches nor of who scores: `candidates` draws, mutates
and names, and `score` may be any proxy, aggregate or benchmark. Most have `ask(count)` and `tell(candidates, scores)`
inside, with the loop of `driver`.

`DECLARATION`: `scores`, whether it scores architectures (then params.yaml says `by`, `evaluations` and `batch`, maybe
`halving` or `constraints`); `objectives`, whether it can have `several`; `supernet`, whether it needs one of the
space; `trains`, whether it trains that on a `task` or a `dataset`; `growth`, whether it needs a space whose
architectures grow; `options`, the JSON schemas of its own keys; `optional`, those of them that may be left out;
`at_most`, the keys that may not exceed another. Two keys mean the same to all searches, and `run` finds what they
name in the context: `prior`, a proxy or aggregate, and `encoding`, a learned encoding.
"""
