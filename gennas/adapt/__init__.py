"""One's own network as the only member of a space, which proxies use as they use any other.

A network is run once on a small batch, in evaluation mode and without gradients, to see what its modules give. What is
particular to images and to sequences is in the module of that name, whose `adapt(model, inputs, reads, taps)` makes the
space (`Own`); its `build` gives copies, which a proxy may change.
"""
