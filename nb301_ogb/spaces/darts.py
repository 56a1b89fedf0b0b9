"""The search space of DARTS, as NAS-Bench-301 uses it: two cells, the normal and the reduction cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nb301_ogb.spaces import darts_canonical, darts_drawing, darts_forms, darts_graphs, darts_moves, darts_network
from nb301_ogb.spaces.base import Space
from nb301_ogb.spaces.darts_cells import (
    CELLS,
    CODE_LENGTH,
    LIMITS,
    OPS,
    TOPOLOGY_PARENTS,
    cell_depths,
    check_cells,
    join_cells,
    split_cells,
)
from nb301_ogb.spaces.darts_configuration import code_from_configuration, configuration
from nb301_ogb.spaces.darts_forms import Compact
from nb301_ogb.spaces.darts_text import Genotype
from nb301_ogb.spaces.graphs import CodeArray, GraphTable, IntArray

__all__ = ["OPS", "SPACE", "Darts", "Genotype", "code_from_configuration"]

_EXAMPLE = np.array(
    [*(3, 3, 3, 3, 2, 3, 2, 5), *(0, 1, 0, 1, 0, 1, 0, 2), *(0, 0, 0, 2, 0, 2, 0, 2), *(0, 1, 1, 2, 0, 2, 1, 2)],
    np.uint8,
)
"""DARTS_V2 of Liu et al. 2019."""


class Darts(Space):
    """The DARTS space without `none`: 180 topologies and 7 ops on 8 edges for each of two cells.

    A code is 32 numbers, 16 for the normal and 16 for the reduction cell: the ops of the two edges into each of the
    nodes 2, 3, 4, 5 (0 max_pool_3x3, 1 avg_pool_3x3, 2 skip_connect, 3 sep_conv_3x3, 4 sep_conv_5x5, 5 dil_conv_3x3,
    6 dil_conv_5x5), then the parents of these edges, ascending within a node.

    A graph has 14 nodes and 26 edges: the normal cell is nodes 0 to 6 (inputs 0 and 1, intermediate 2 to 5, output 6),
    the reduction cell nodes 7 to 13. Each op stands on its own edge, a concat edge leads from every intermediate node
    to its cell's output, and a stack edge from the normal output to each input of the reduction cell.
    """

    name: ClassVar[str] = "darts"
    code_length: ClassVar[int] = CODE_LENGTH
    node_types: ClassVar[tuple[str, ...]] = darts_graphs.NODE_TYPES
    edge_types: ClassVar[tuple[str, ...]] = darts_graphs.EDGE_TYPES
    cells: ClassVar[tuple[str, ...]] = CELLS
    genotype_forms: ClassVar[dict[str, str]] = darts_forms.text_forms(_EXAMPLE)
    identity_edge_type: ClassVar[int] = darts_graphs.EDGE_TYPES.index("concat")
    op_edge_types: ClassVar[tuple[int, ...]] = tuple(range(1, 1 + len(OPS)))

    @property
    def size(self) -> int:
        """The number of codes, about 1.08e18 (about 1.46e17 up to equivalence)."""
        return (len(TOPOLOGY_PARENTS) * darts_canonical.OP_CODES) ** 2

    @property
    def code_limits(self) -> NDArray[np.int64]:
        """int64 [32]: column c of a code holds 0 .. code_limits[c] - 1; parents also ascend within a node."""
        return LIMITS

    def parse(self, architecture: Any) -> CodeArray:
        """The code, uint8 [32], of an architecture in any of its forms.

        Args:
            architecture: one of

                * a `Genotype(normal, normal_concat, reduce, reduce_concat)`, as an object or as text, each cell eight
                  pairs (op, parent); the two pairs of a node may come in either order;
                * the compact form, a pair of cells of eight pairs (parent, op number), as tuples, lists or text. The
                  numbers are those of `OPS`. A list of ops that begins with `none`, as NASLib also has one, gives every
                  op another number: this cannot be seen from the numbers, so translate them first;
                * a configuration of NAS-Bench-301, a mapping or its text, with keys such as `edge_normal_0` and
                  `inputs_node_normal_3`, with or without the prefix `NetworkSelectorDatasetInfo:darts:`; other keys
                  are ignored;
                * the code itself, as a sequence, an array, bytes, or a text of 32 digits.

        Raises:
            ArchitectureError: naming the cell and the node that is wrong and what is allowed there.
        """
        return darts_forms.parse(architecture)

    def genotype(self, code: ArrayLike) -> Genotype:
        """The genotype of one code; `parse` is its inverse."""
        return darts_forms.genotype(darts_forms.one_code(code))

    def compact(self, code: ArrayLike) -> Compact:
        """The compact form of one code: for each cell eight pairs (parent, op number)."""
        return darts_forms.compact(darts_forms.one_code(code))

    def configuration(self, code: ArrayLike) -> dict[str, str]:
        """The 22 active keys of NAS-Bench-301 for one code, with their prefix: 16 edges and 6 pairs of parents."""
        return configuration(darts_forms.one_code(code))

    def code_from_configuration(self, config: Mapping[str, Any]) -> bytes:
        """The code, 32 bytes, of a configuration; the quick way for many records (see `parse` for the keys).

        Raises:
            ArchitectureError: naming the key that is missing, inactive or wrong, and what is allowed there.
        """
        return code_from_configuration(config)

    def forms(self, code: ArrayLike) -> dict[str, str]:
        """The text forms `genotype`, `compact`, `configuration` (JSON) and `code` (32 digits) of one code."""
        return darts_forms.text_forms(darts_forms.one_code(code))

    def check(self, codes: ArrayLike) -> CodeArray:
        """Checks a table of codes and returns it as uint8 [G, 32].

        Raises:
            ArchitectureError: naming the first row, cell and node that is wrong and what is allowed there.
        """
        try:
            table = np.asarray(codes)
        except ValueError:  # rows of different lengths
            return super().check(codes)
        if table.ndim == 2 and table.shape[1] == CODE_LENGTH and table.dtype.kind in "iu":
            check_cells(table)
        return super().check(table)

    def sample(self, n: int, rng: np.random.Generator) -> CodeArray:
        """Draws n codes, uint8 [n, 32], uniformly and independently."""
        topologies = rng.integers(len(TOPOLOGY_PARENTS), size=(n, 2))
        return join_cells(rng.integers(len(OPS), size=(n, 2, 8), dtype=np.uint8), topologies)

    def mutate(self, codes: ArrayLike, rng: np.random.Generator) -> CodeArray:
        """Moves each code, [G, 32], to a neighbour drawn uniformly from its 120 neighbours."""
        table = self.check(codes)
        return darts_moves.move(table, rng.integers(darts_moves.MOVES, size=len(table)))

    def neighbours(self, code: ArrayLike) -> CodeArray:
        """All codes at one change's distance, uint8 [120, 32]: first 96 with another op, then 24 with another parent.

        An edge that gets another parent keeps its op.
        """
        table = np.repeat(darts_forms.one_code(code)[None], darts_moves.MOVES, axis=0)
        return darts_moves.move(table, np.arange(darts_moves.MOVES))

    def canonical_keys(self, codes: ArrayLike) -> CodeArray:
        """uint8 [G, 16]: equal for architectures that are the same up to the names of their intermediate nodes.

        The key holds the canonical cells themselves, not a digest, so that different architectures cannot collide.
        """
        return darts_canonical.canonical_keys(self.check(codes))

    def canonical_key(self, code: ArrayLike) -> bytes:
        """The 16 bytes that every architecture equivalent to `code` shares."""
        return darts_canonical.canonical_keys(darts_forms.one_code(code)[None]).tobytes()

    def canonical_codes(self, codes: ArrayLike) -> CodeArray:
        """uint8 [G, 32]: for each code the one that stands for all its equivalents."""
        return darts_canonical.canonical_codes(self.check(codes))

    def graphs(self, codes: ArrayLike) -> GraphTable:
        """The graphs of a table of codes, 14 nodes and 26 edges each."""
        return darts_graphs.graphs_of(self.check(codes))

    def codes(self, graphs: GraphTable) -> CodeArray:
        """The inverse of `graphs`: uint8 [G, 32]; the edges of a graph may come in any order.

        Raises:
            ArchitectureError: naming the first graph that is not the graph of any code.
        """
        return darts_graphs.codes_of(graphs)

    def canonical_graphs(self, codes: ArrayLike) -> GraphTable:
        """The graphs of the canonical codes: equal, array for array, for equivalent architectures."""
        return darts_graphs.graphs_of(self.canonical_codes(codes))

    def depth(self, codes: ArrayLike) -> IntArray:
        """Nodes on the longest input-to-output path, both ends counted, of the normal and the reduction cell.

        Returns:
            int64 [G, 2], from 3 (every intermediate node on the inputs) to 6 (a chain).
        """
        return cell_depths(split_cells(self.check(codes))[1])

    def num_params(
        self, codes: ArrayLike, *, channels: int = 32, layers: int = 8, classes: int = 10, auxiliary: bool = False
    ) -> IntArray:
        """Trainable parameters of the evaluation network (Liu et al. 2019), int64 [G].

        Args:
            codes: [G, 32].
            channels: the initial channels; NAS-Bench-301 has 32.
            layers: the number of cells; NAS-Bench-301 has 8.
            classes: of the images.
            auxiliary: whether the auxiliary head counts, which is there in training only.
        """
        return darts_network.num_params(self.check(codes), channels, layers, classes, auxiliary)

    def drawing(self, code: ArrayLike) -> str:
        """Both cells of one code as an SVG document, with a title and a description in words."""
        return darts_drawing.drawing(darts_forms.one_code(code))


SPACE = Darts()
