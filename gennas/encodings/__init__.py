"""Encodings: architectures as vectors, learnt without their accuracies. One module each, found by name.

An encoding is a module with a `DECLARATION`, whose `options` are the JSON schemas of its keys in params.yaml, and
`train(context)`, which gives an `Encoder`. It knows of a space its graphs alone, and nothing of benchmarks. Beside its
own `measures`, which the report shows, every encoding is judged by what a Gaussian process predicts with it
(`prediction`). To be compared with, it may have `untrained(context)`, an encoder that has learnt nothing, and
`supervised(context, architectures, values, others)`, the values (n,) that the same encoder, trained on labels alone,
predicts of other architectures.
"""
