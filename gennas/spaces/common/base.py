"""What a search space is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import nn


#: Most networks halve images twice.
SIDE_MULTIPLE = 4


class Vertex(NamedTuple):
    """A vertex of a graph: its operation's name, and which of the vertices before it that reads."""

    label: str
    sources: tuple[int, ...] = ()


class Space(Protocol):
    """What the library asks of a search space.

    Its package declares its family, and may declare another `training` than that of the family: a module of
    `gennas.training`. Some have more, which searches and encodings look for:

    - `PACKABLE = True`: its networks can be trained as one (`gennas.spaces.common.packing`);
    - `SIDE_MULTIPLE`: what height and width of its images have to be multiples of, if not of `SIDE_MULTIPLE` above;
    - a module `supernet` beside it: a network of all architectures (`gennas.spaces.load_supernet`);
    - `neighbours(architecture)`: every architecture one edit away;
    - `all_architectures()`: every architecture, of a space that is small enough to be listed;
    - `canonical(architecture)`: of all architectures that are the same network, one; those of a space without it are
      all different;
    - `layers(architecture)`: equal for architectures whose networks have the same layers, hence the same costs;
    - `alive(architecture)`: likewise of the layers between input and output, and of the longest chain of them;
    - growth: `LEVELS` steps from an architecture `ROOT` to complete ones, `expansions(prefix, level)` being those that
      an architecture of `level` steps may grow into, each once; some into none. All are members of the space.
    - `population()`: every architecture, of a space that can be listed but is too large to look at each;
    - `LABELS` and `VERTICES`: all labels of the vertices of its graphs, and how many the largest graph has, so that
      encoders can read them (`gennas.encodings`);
    - `from_graph(vertices)`: the architecture of its one graph; ValueError says why other vertices are none.
    """

    @property
    def FAMILY(self) -> str:
        """What its networks read: the name of a module of `gennas.families`, such as images or sequences."""

    @property
    def INPUT_SHAPE(self) -> tuple[int, ...]:
        """Of one input of the benchmark: images (1, 3, H, W), a sequence (T, 1, D), or features of nodes (N, F)."""

    def to_id(self, architecture: Any) -> str:
        """The canonical string of an architecture."""

    def from_id(self, architecture_id: str) -> Any:
        """Parse a canonical string; ValueError says what is wrong with any other."""

    def encode(self, architecture: Any) -> tuple[int, ...]:
        """Integers from -128 to 127, as many for every architecture of the space.

        The number of those in which two architectures differ is their distance.
        """

    def graph(self, architecture: Any) -> Mapping[str, Sequence[Vertex]]:
        """Its graphs by title, such as a normal and a reduction cell; two architectures differ in labels or sources.

        A vertex is one operation and comes after those it reads. Its label says nothing of where it is.
        """

    def random_architecture(self, rng: np.random.Generator) -> Any:
        """Draw one architecture."""

    def mutate(self, architecture: Any, rng: np.random.Generator) -> Any:
        """A valid architecture that differs from the given one."""

    def build(self, architecture: Any, width: float = ..., depth: float = ...) -> nn.Module:
        """The network without classifier or embedding, initialised from torch's global generator.

        For images, it maps (B, 3, H, W) to a list of features, one per tapped stage, whose channel
        counts are its attribute `channels`. For sequences, it maps (T, B, inputs) to (T, B, outputs);
        for graphs, features (N, inputs) and edges (2, E) to (N, outputs). Both sizes are attributes.
        `width` and `depth` are factors of the benchmark's own, 1 by default; the results are rounded,
        and at least what makes a network.
        """
