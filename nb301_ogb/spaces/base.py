"""The interface of a search space: genotype, code, graph, and the moves between architectures."""

from __future__ import annotations

import abc
import functools
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces.graphs import CodeArray, GraphTable, IntArray

_MOST_IN_TABLE = 1_000_000


class Space(abc.ABC):
    """A search space.

    An architecture has a *genotype* (the form people write), a *code* (one row of `code_length` small unsigned
    integers, the form that tables hold) and a graph. Methods named in the plural take and give whole tables of codes,
    uint8 [G, code_length], and are vectorised.

    Attributes:
        name: the space's word in files and on the command line.
        code_length: C, the integers of a code.
        node_types: names of the node types, in the order of their integers.
        edge_types: names of the edge types, in the order of their integers.
        cells: names of the cells (second node column).
        genotype_forms: for people, the text forms that `parse` reads, each with an example.
        identity_edge_type: the edge type that hands a value on unchanged.
        op_edge_types: the edge types that are ops.
    """

    name: ClassVar[str]
    code_length: ClassVar[int]
    node_types: ClassVar[tuple[str, ...]]
    edge_types: ClassVar[tuple[str, ...]]
    cells: ClassVar[tuple[str, ...]]
    genotype_forms: ClassVar[dict[str, str]]
    identity_edge_type: ClassVar[int]
    op_edge_types: ClassVar[tuple[int, ...]]

    @property
    def node_feat_dims(self) -> tuple[int, ...]:
        """Vocabulary size of each node column: (node types, cells)."""
        return (len(self.node_types), len(self.cells))

    @property
    def edge_feat_dims(self) -> tuple[int, ...]:
        """Vocabulary size of each edge column: (edge types,)."""
        return (len(self.edge_types),)

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """The number of codes (equivalent architectures counted apart)."""

    @property
    @abc.abstractmethod
    def code_limits(self) -> NDArray[np.int64]:
        """int64 [C]: column c of a code holds 0 .. code_limits[c] - 1."""

    @property
    def has_table(self) -> bool:
        """Whether `table` can hold the space: it is small, and every combination of numbers is an architecture."""
        return self.size <= _MOST_IN_TABLE and self.size == self.code_limits.prod()

    def table(self) -> CodeArray:
        """Every code of a small space, uint8 [size, C], in the order of the codes read as numbers.

        Raises:
            ArchitectureError: for a space that has no table.
        """
        self._require_table()
        return np.stack(np.unravel_index(np.arange(self.size), self.code_limits), axis=1).astype(np.uint8)

    def index(self, codes: ArrayLike) -> IntArray:
        """int64 [G]: the row of each code in `table`.

        Raises:
            ArchitectureError: for a space that has no table, or a row that is no code of it.
        """
        return self.check(codes) @ self._place_values

    @functools.cached_property
    def _place_values(self) -> IntArray:
        """int64 [C]: what a 1 in each column of a code is worth, the code read as a number."""
        self._require_table()
        return np.concatenate([np.cumprod(self.code_limits[:0:-1])[::-1], [1]])

    def _require_table(self) -> None:
        if not self.has_table:
            msg = f"the space {self.name} has {self.size:.3g} architectures and no table of all of them; draw a sample."
            raise ArchitectureError(msg)

    @abc.abstractmethod
    def parse(self, architecture: Any) -> CodeArray:
        """The code, uint8 [C], of an architecture in any form the space knows.

        Raises:
            ArchitectureError: naming the part that is wrong and what is allowed there.
        """

    @abc.abstractmethod
    def genotype(self, code: ArrayLike) -> Any:
        """The genotype of one code, in the space's usual form; `parse` is its inverse."""

    @abc.abstractmethod
    def forms(self, code: ArrayLike) -> dict[str, str]:
        """Every text form of one code, by the form's name; `parse` reads each of them back."""

    def check(self, codes: ArrayLike) -> CodeArray:
        """Checks a table of codes and returns it as uint8 [G, C].

        Raises:
            ArchitectureError: naming the first offending row and column and what is allowed there.
        """
        try:
            table = np.asarray(codes)
        except ValueError:  # rows of different lengths
            msg = f"codes of {self.name} are rows of {self.code_length} integers each, all of one length."
            raise ArchitectureError(msg) from None
        if table.ndim != 2 or table.shape[1] != self.code_length:
            msg = (
                f"codes of {self.name} are an array of shape [architectures, {self.code_length}], "
                f"not of shape {list(table.shape)}."
            )
            raise ArchitectureError(msg)
        if table.dtype.kind not in "iu":
            if not (table.dtype.kind == "f" and table.size == 0):
                msg = f"codes of {self.name} are integers, not {table.dtype}."
                raise ArchitectureError(msg)
            table = table.astype(np.uint8)
        wrong = (table < 0) | (table >= self.code_limits)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            msg = (
                f"row {row}, column {column} of the codes of {self.name} holds {table[row, column]}; "
                f"allowed are 0 to {self.code_limits[column] - 1}."
            )
            raise ArchitectureError(msg)
        return np.ascontiguousarray(table, dtype=np.uint8)

    @abc.abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> CodeArray:
        """Draws n codes, uint8 [n, C], uniformly and independently."""

    @abc.abstractmethod
    def mutate(self, codes: ArrayLike, rng: np.random.Generator) -> CodeArray:
        """Moves each code, [G, C], to a neighbour drawn uniformly from its neighbours."""

    @abc.abstractmethod
    def neighbours(self, code: ArrayLike) -> CodeArray:
        """All codes at one change's distance from `code`, uint8 [K, C], `code` itself not among them."""

    @abc.abstractmethod
    def canonical_keys(self, codes: ArrayLike) -> CodeArray:
        """uint8 [G, 16]: equal rows for equivalent architectures, different rows for others."""

    def canonical_key(self, code: ArrayLike) -> bytes:
        """The 16 bytes that every architecture equivalent to `code` shares."""
        return self.canonical_keys(np.asarray(code)[None])[0].tobytes()

    @abc.abstractmethod
    def graphs(self, codes: ArrayLike) -> GraphTable:
        """The graphs of a whole table of codes."""

    @abc.abstractmethod
    def codes(self, graphs: GraphTable) -> CodeArray:
        """The inverse of `graphs`: uint8 [G, C].

        Raises:
            ArchitectureError: where a graph is not the graph of any code.
        """

    @abc.abstractmethod
    def canonical_graphs(self, codes: ArrayLike) -> GraphTable:
        """Graphs that are equal, array for array, for equivalent architectures; ops stand on nodes or on edges.

        Their vocabulary is `canonical_node_feat_dims` and `edge_feat_dims`.
        """

    @abc.abstractmethod
    def depth(self, codes: ArrayLike) -> IntArray:
        """Nodes on the longest input-to-output path of each cell, both ends counted, int64 [G, cells]; 0 for none."""

    @abc.abstractmethod
    def drawing(self, code: ArrayLike) -> str:
        """One code as an SVG document, with a title and a description in words; its ids hold the code."""

    @property
    def canonical_node_feat_dims(self) -> tuple[int, ...]:
        """Vocabulary size of each node column of `canonical_graphs`."""
        return self.node_feat_dims

    def __repr__(self) -> str:
        return f"<search space {self.name}: {self.size:.6g} architectures>"
