"""Data sets: unlabelled inputs for proxies, labelled ones for training."""
