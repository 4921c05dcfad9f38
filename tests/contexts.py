"""Small networks and contexts, one for each family, in which any proxy scores in no time."""

from dataclasses import replace

import numpy as np
import torch

from gennas import spaces
from gennas.regression.genes import load_task
from gennas.scoring import Context, Protocol

PROTOCOL = Protocol(0.125, 0.2, 4, time_limit=60, resolution=8, target_channels=8, iterations=5, readout_window=2)
#: Of the recurrent space, by Adam.
RECURRENTLY = replace(PROTOCOL, width=0.02, depth=2 / 3, resolution=None, optimizer="adam", learning_rate=0.01)
#: Of the graph space.
ON_A_GRAPH = replace(RECURRENTLY, width=0.1, depth=1.0)
COMBO, NLP = load_task("combo"), load_task("nlp")
SMOOTH = {**load_task("graphs"), "nodes": 40, "dimension": 8}
IMAGES = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
SPACE = spaces.load("nasbench201")
CONVOLUTIONS, SKIPS, NONE = (3,) * 6, (1,) * 6, (0,) * 6
RECURRENT = spaces.load("nasbench_nlp")
RNN, GATED, DEEP = (
    RECURRENT.from_id(text)
    for text in (
        "n0=linear(x,h0);n1=tanh(n0);h0=n1",
        "n0=linear(x,h0);n1=linear(x,h0);n2=tanh(n0);n3=sigm(n1);n4=blend(n3,h0,n2);h0=n4",
        "n0=linear(x,h0,h1);n1=leaky_relu(n0);n2=linear(h1,n1);n3=sigm(n2);n4=prod(n1,n3);n5=sum(h0,n4);h0=n5;h1=n3",
    )
)
GRAPH_SPACE = spaces.load("nasbench_graph")
#: Attention beside others; a chain; a skip that stays.
WIDE, CHAIN, SKIPPING = map(GRAPH_SPACE.from_id, ("77016", "81344", "20128"))
#: Of every option that a proxy declares, a value.
OPTIONS = {"task": COMBO, "dataset": "digits"}


def context(task=COMBO, protocol=None, **changes):
    """A context of an image space; `protocol` holds changes of the protocol."""
    options = {**OPTIONS, "task": task}
    values = {"space": SPACE, "seed": 1, "device": torch.device("cpu"), "options": options, **changes}
    return Context(protocol=replace(PROTOCOL, **(protocol or {})), images=IMAGES, **values)


def sequences(task=NLP, protocol=None, **changes):
    """The same of the recurrent space."""
    values = {"seed": 1, "device": torch.device("cpu"), "options": {**OPTIONS, "task": task}, **changes}
    return Context(RECURRENT, replace(RECURRENTLY, **(protocol or {})), IMAGES[:0], **values)


def graphs(task=SMOOTH, protocol=None, **changes):
    """The same of the graph space."""
    values = {"seed": 1, "device": torch.device("cpu"), "options": {**OPTIONS, "task": task}, **changes}
    return Context(GRAPH_SPACE, replace(ON_A_GRAPH, **(protocol or {})), IMAGES[:0], **values)


#: The context of each family.
FAMILIES = {"graphs": graphs, "images": context, "sequences": sequences}
