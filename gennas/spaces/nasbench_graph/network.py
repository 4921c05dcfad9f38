"""The networks that NAS-Bench-Graph trained: a cell between linear layers, of sizes that differ by data set.

Read from the code that its authors submitted beside the paper.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gennas.spaces.common import message_passing
from gennas.spaces.common.message_passing import GAT_HEADS, Graph
from gennas.spaces.nasbench_graph.cell import OPERATIONS, SKIP, Cell
from gennas.spaces.nasbench_graph.sizes import SIZES, Sizes

#: In the order of the cell's operations, but for skips.
_MODULES = (
    message_passing.Gat, message_passing.Gcn, message_passing.Gin, message_passing.Cheb, message_passing.Sage,
    message_passing.Arma, message_passing.GraphConv, message_passing.Fc,
)  # fmt: skip
_BY_OPERATION: Mapping[int, type[nn.Module]] = dict(zip(range(len(OPERATIONS) - 1), _MODULES, strict=True))


class CellNetwork(nn.Module):
    """A cell and the linear map that joins its leaves: (N, inputs) to (N, outputs).

    Batch norm and ReLU stand before each operation, but not where it would read what enters the network (`raw`),
    through skips or not. Every node has its batch norm, used or not. The dropout of the benchmark is left out.
    """

    def __init__(self, cell: Cell, inputs: int, dimension: int, outputs: int, raw: bool) -> None:
        super().__init__()
        self.cell = cell
        self.norms = nn.ModuleList(nn.BatchNorm1d(dimension) for _ in cell.links)
        self.operations = nn.ModuleList()
        width, self.raw = [inputs], [raw]
        for link, op in zip(cell.links, cell.operations, strict=True):
            skipped = op == SKIP
            self.operations.append(nn.Identity() if skipped else _BY_OPERATION[op](width[link], dimension))
            width.append(width[link] if skipped else dimension)
            self.raw.append(skipped and self.raw[link])
        self.joined = nn.Linear(sum(width[leaf] for leaf in cell.leaves), outputs)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Features (N, inputs) to (N, outputs)."""
        values = [x]
        for link, op, norm, operation in zip(
            self.cell.links, self.cell.operations, self.norms, self.operations, strict=True
        ):
            value = values[link] if self.raw[link] else norm(values[link]).relu()
            values.append(value if op == SKIP else operation(value, graph))
        leaves = torch.cat([values[leaf] for leaf in self.cell.leaves], dim=1)
        found: Tensor = self.joined(leaves.relu())
        return found


class Network(nn.Module):
    """Cells one after the other; features (N, inputs) and edges (2, E) to features (N, outputs)."""

    def __init__(self, cells: list[CellNetwork], inputs: int, outputs: int) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.inputs = inputs
        self.outputs = outputs

    def forward(self, features: Tensor, edges: Tensor) -> Tensor:
        """See the class."""
        graph = Graph(edges, len(features))
        for cell in self.cells:
            features = cell(features, graph)
        return features


def build(architecture: Cell, width: float = 1.0, depth: float = 1.0) -> Network:
    """The network of arXiv without its classifier; `width` is a factor of the features within, `depth` of the cells.

    Widths are multiples of the four heads of attention. The benchmark's networks have one cell.
    """
    sizes = SIZES["arxiv"]
    dimension = GAT_HEADS * max(1, round(sizes.dimension * width / GAT_HEADS))
    cells = [
        CellNetwork(architecture, dimension if number else sizes.inputs, dimension, dimension, raw=not number)
        for number in range(max(1, round(depth)))
    ]
    return Network(cells, sizes.inputs, dimension)


class Classifier(nn.Module):
    """The network as the benchmark trained it on a data set, without dropout: (N, inputs), (2, E) to (N, classes)."""

    def __init__(self, architecture: Cell, sizes: Sizes) -> None:
        super().__init__()
        dimension = sizes.dimension
        self.before = nn.Linear(sizes.inputs, dimension) if sizes.before else nn.Identity()
        cell_outputs = dimension if sizes.after else sizes.classes
        cell_inputs = dimension if sizes.before else sizes.inputs
        self.cell = CellNetwork(architecture, cell_inputs, dimension, cell_outputs, raw=not sizes.before)
        self.after = nn.Linear(dimension, sizes.classes) if sizes.after else nn.Identity()

    def forward(self, features: Tensor, edges: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.after(self.cell(self.before(features), Graph(edges, len(features))))
        return logits
