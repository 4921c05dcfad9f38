"""The cell-based spaces of NDS: a normal cell, a reduction cell, a width and a depth.

Source: Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019, section 4 and its data.
The spaces differ in their operations, the number of nodes of a cell, and what a cell concatenates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gennas.spaces.common.base import Vertex

if TYPE_CHECKING:
    from torch import nn

#: Operation and input of each slot; slots 2k and 2k + 1 are summed to node 2 + k. Nodes 0 and 1 are
#: the cell's inputs: the outputs of the cell before the previous one, and of the previous one.
Genotype = tuple[tuple[str, int], ...]


def output_nodes(genotype: Genotype, loose: bool) -> tuple[int, ...]:
    """The nodes that a cell concatenates: all but its inputs, or the loose ends, which feed no other node."""
    used = {source for _, source in genotype} if loose else set()
    return tuple(node for node in range(2, 2 + len(genotype) // 2) if node not in used)


@dataclass(frozen=True)
class Architecture:
    """The two cells, the channels of the first cell's operations, and the number of cells."""

    normal: Genotype
    reduce: Genotype
    width: int
    depth: int


@dataclass(frozen=True)
class Scales:
    """Widths and depths that go together."""

    widths: tuple[int, ...]
    depths: tuple[int, ...]


#: The scales of the networks that were trained on CIFAR-10, and of those trained on ImageNet.
CIFAR10 = Scales(widths=(16, 24, 32), depths=(4, 8, 12, 16, 20))
IMAGENET = Scales(widths=(32, 48, 64, 80, 96), depths=(6, 10, 14, 18, 22))
#: What the files of one width and depth for CIFAR-10 are taken to have; only random architectures depend on it.
FIXED_CIFAR10 = Scales(widths=(16,), depths=(20,))
WIDTHS = tuple(sorted({*CIFAR10.widths, *IMAGENET.widths}))
DEPTHS = tuple(sorted({*CIFAR10.depths, *IMAGENET.depths}))

#: Labels of a cell's inputs in its graph.
INPUTS = ("cell before the previous one", "previous cell")
FORM = "normal:op~input+op~input|...;reduce:...;width:16;depth:20"
_FORM = re.compile("normal:([^;]*);reduce:([^;]*);width:([0-9]{1,3});depth:([0-9]{1,3})")
_SLOT = re.compile(r"([^~+|]+)~([0-9]{1,3})")


def _cell_id(genotype: Genotype) -> str:
    slots = [f"{op}~{source}" for op, source in genotype]
    return "|".join("+".join(slots[first : first + 2]) for first in range(0, len(slots), 2))


def _vertices_of(node: int) -> tuple[int, ...]:
    """The vertices of a cell's graph that make a node: an input, or two operations."""
    return (node,) if node < len(INPUTS) else (2 * node - 2, 2 * node - 1)


def _genes(architecture: Architecture) -> list[Any]:
    """Operation and input of each slot of both cells, then width and depth."""
    slots = architecture.normal + architecture.reduce
    return [*(gene for slot in slots for gene in slot), architecture.width, architecture.depth]


def _from_genes(genes: Sequence[Any]) -> Architecture:
    *slots, width, depth = genes
    pairs = tuple(zip(slots[::2], slots[1::2], strict=True))
    half = len(pairs) // 2
    return Architecture(pairs[:half], pairs[half:], width, depth)


def _draw(options: Sequence[Any], rng: np.random.Generator) -> Any:
    return options[int(rng.integers(len(options)))]


@dataclass(frozen=True)
class CellSpace:
    """A search space, see `gennas.spaces.Space`.

    Genotypes are kept as the files write them: a node's two summands are not sorted.
    """

    name: str  # in the paper
    operations: tuple[str, ...]
    nodes: int  # of a cell, its two inputs not counted
    loose: bool  # a cell concatenates only the nodes that feed no other one
    scales: tuple[Scales, ...] = (CIFAR10, IMAGENET)  # to draw from; ids may have any width and depth of these two

    FAMILY: ClassVar[str] = "images"
    INPUT_SHAPE: ClassVar[tuple[int, ...]] = (1, 3, 32, 32)

    def to_id(self, architecture: Architecture) -> str:
        """The two summands of each node, and the scale: ``normal:none~0+skip_connect~1|...;width:16;depth:20``.

        What a cell concatenates is not written, since it follows from its nodes.
        """
        normal, reduce = _cell_id(architecture.normal), _cell_id(architecture.reduce)
        return f"normal:{normal};reduce:{reduce};width:{architecture.width};depth:{architecture.depth}"

    def from_id(self, architecture_id: str) -> Architecture:
        """Parse `to_id`'s string. Raises ValueError for anything it would not have written."""
        match = _FORM.fullmatch(architecture_id)
        if not match:
            raise ValueError(f"not of the form {FORM}")
        normal, reduce = (tuple((op, int(source)) for op, source in _SLOT.findall(cell)) for cell in match.group(1, 2))
        architecture = Architecture(normal, reduce, int(match[3]), int(match[4]))
        self._check(architecture)
        if self.to_id(architecture) != architecture_id:
            raise ValueError(f"not of the form {FORM}")
        return architecture

    def _check(self, architecture: Architecture) -> None:
        """Raise ValueError for an architecture that is not of the space."""
        for genotype in (architecture.normal, architecture.reduce):
            for slot, (op, source) in enumerate(genotype):
                if op not in self.operations:
                    raise ValueError(f"unknown operation {op!r} (known: {', '.join(self.operations)})")
                if source >= 2 + slot // 2:
                    raise ValueError(f"node {2 + slot // 2} cannot have node {source} as its input")
            if len(genotype) != 2 * self.nodes:
                raise ValueError(f"a cell of {self.name} has {self.nodes} nodes of two operations each")
        width, depth = architecture.width, architecture.depth
        if not any(width in scales.widths and depth in scales.depths for scales in (CIFAR10, IMAGENET)):
            raise ValueError(f"no network of width {width} and depth {depth} was trained")

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Each slot's operation index and input; one position per step of the width and of the depth."""
        *slots, width, depth = _genes(architecture)
        categories = [self.operations.index(gene) if isinstance(gene, str) else gene for gene in slots]
        steps = [*(width >= step for step in WIDTHS[1:]), *(depth >= step for step in DEPTHS[1:])]
        return (*categories, *map(int, steps))

    @property
    def LABELS(self) -> tuple[str, ...]:
        """Of the vertices of `graph`."""
        return (*INPUTS, *self.operations, "output")

    @property
    def VERTICES(self) -> int:
        """Of each graph: the inputs, two operations per node, and the output."""
        return len(INPUTS) + 2 * self.nodes + 1

    def graph(self, architecture: Architecture) -> dict[str, list[Vertex]]:
        """Both cells, with the scale in their titles: inputs, every operation, and the output.

        An operation, or the output, reads both operations of each node that it takes.
        """
        scale = f"width {architecture.width}, depth {architecture.depth}"
        cells = {"normal": architecture.normal, "reduction": architecture.reduce}
        return {f"{title} cell, {scale}": self._cell_graph(genotype) for title, genotype in cells.items()}

    def _cell_graph(self, genotype: Genotype) -> list[Vertex]:
        inputs = [Vertex(label) for label in INPUTS]
        operations = [Vertex(op, _vertices_of(source)) for op, source in genotype]
        read = [vertex for node in output_nodes(genotype, self.loose) for vertex in _vertices_of(node)]
        return [*inputs, *operations, Vertex("output", tuple(read))]

    def _options(self, scales: Scales) -> list[Sequence[Any]]:
        """The values that each gene may have."""
        cell = [options for slot in range(2 * self.nodes) for options in (self.operations, range(2 + slot // 2))]
        return [*cell, *cell, scales.widths, scales.depths]

    def random_architecture(self, rng: np.random.Generator) -> Architecture:
        """Draw the scales of a data set, then every gene uniformly."""
        return _from_genes([_draw(options, rng) for options in self._options(_draw(self.scales, rng))])

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Replace one operation, input, width or depth by another one, of the same data set's scales."""
        width, depth = architecture.width, architecture.depth
        own = (scales for scales in self.scales if width in scales.widths and depth in scales.depths)
        options = self._options(next(own, Scales((width,), (depth,))))
        genes = _genes(architecture)
        gene = _draw([index for index, values in enumerate(options) if len(values) > 1], rng)
        genes[gene] = _draw([value for value in options[gene] if value != genes[gene]], rng)
        return _from_genes(genes)

    def build(self, architecture: Architecture, width: float = 1.0, depth: float = 1.0) -> nn.Module:
        """See `Space.build`; at least three cells, and always the stem for CIFAR-10's small images."""
        from gennas.spaces.common.nds.cells import Network  # imports torch, which takes seconds

        return Network(
            architecture.normal,
            architecture.reduce,
            self.loose,
            max(1, round(architecture.width * width)),
            max(3, round(architecture.depth * depth)),
        )
