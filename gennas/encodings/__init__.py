"""Encodings: architectures as vectors, learnt without their accuracies. One module each, found by name.

An encoding is a module with a `DECLARATION`, whose `options` are the JSON schemas of its keys in params.yaml, and
`train(context, checkpoint, track)`, which gives an `Encoder`; it goes on from the checkpoint, and `track` may show the
epochs that are left as they pass. It knows of a space its architectures and graphs alone, and nothing of benchmarks.

Beside its own `measures`, which the report shows, every encoding is judged by its distances (`distances`) and by what a
Gaussian process predicts with it (`prediction`). To be compared with, it may have `untrained(context)`, an encoder that
has learnt nothing, and `supervised(context, architectures, values, others)`: what the same encoder, trained on the
values (n,) alone, predicts of other architectures.
"""
