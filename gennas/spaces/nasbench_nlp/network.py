"""The language models' recurrent networks, from a cell of NAS-Bench-NLP."""

from __future__ import annotations

from gennas.spaces.common.recurrent import Network, compile_cell
from gennas.spaces.nasbench_nlp.canonical_form import Cell

#: Sizes of the embedding and of the inner layers, and number of layers, of the networks that the benchmark trained.
BENCHMARK_INPUTS, BENCHMARK_HIDDEN, BENCHMARK_LAYERS = 400, 600, 3


def build(architecture: Cell, width: float = 1.0, depth: float = 1.0) -> Network:
    """The network of a cell; `width` is a factor of all sizes, `depth` of the number of layers.

    Dropout is left out, and all weights can be trained. (In the released code those of states and nodes keep their
    initial values: its weight dropout wraps them in new parameters, of which the optimiser knows nothing.)
    """
    inputs, hidden = (max(1, round(size * width)) for size in (BENCHMARK_INPUTS, BENCHMARK_HIDDEN))
    program = compile_cell(architecture.nodes, architecture.states)
    return Network(program, inputs, hidden, layers=max(1, round(BENCHMARK_LAYERS * depth)))
