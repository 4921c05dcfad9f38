"""One's own network as the only member of a space, which proxies use as they use any other.

A network is run once on a small batch, in evaluation mode and without gradients, to see what its modules give. What is
particular to a family is in the module of its name: `read(batch)` recognises its inputs (None if they are none, and
`ACCEPTS` says what would be), and `adapt(model, context, reads, taps)` makes the space (`Own`), whose `build` gives
copies, which a proxy may change. `search` does the same for searches: of one's own scores, in one's own space.
"""
