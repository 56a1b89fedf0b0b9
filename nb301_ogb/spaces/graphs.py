"""A table of graphs: many small graphs in a few flat arrays, as the dataset file holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
CodeArray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class GraphTable:
    """G graphs with N nodes and E edges in all.

    Attributes:
        node_ptr: int64 [G + 1]; graph g owns the nodes `node_ptr[g]:node_ptr[g + 1]`.
        edge_ptr: int64 [G + 1]; the same for edges.
        node_feat: int64 [N, node columns]; (node type, cell).
        edge_index: int64 [2, E]; (source, target), counted within each graph.
        edge_feat: int64 [E, edge columns]; (edge type).
    """

    node_ptr: IntArray
    edge_ptr: IntArray
    node_feat: IntArray
    edge_index: IntArray
    edge_feat: IntArray

    def __len__(self) -> int:
        return max(0, len(self.node_ptr) - 1)

    def graph_of_node(self) -> IntArray:
        """The graph that each node belongs to, int64 [N]."""
        return np.repeat(np.arange(len(self)), np.diff(self.node_ptr))

    def graph_of_edge(self) -> IntArray:
        """The graph that each edge belongs to, int64 [E]."""
        return np.repeat(np.arange(len(self)), np.diff(self.edge_ptr))

    def take(self, rows: IntArray) -> GraphTable:
        """The graphs at `rows`, in that order.

        Args:
            rows: int64 [n] with repeats allowed, negative ones counted from the end; or bool [G].

        Raises:
            IndexError: for a row that is not there.
        """
        rows = np.arange(len(self))[np.asarray(rows) if len(rows) else slice(0)]
        nodes, node_ptr = ranges(self.node_ptr, rows)
        edges, edge_ptr = ranges(self.edge_ptr, rows)
        return GraphTable(node_ptr, edge_ptr, self.node_feat[nodes], self.edge_index[:, edges], self.edge_feat[edges])

    def __getitem__(self, row: int) -> dict[str, NDArray | int]:
        """One graph as OGB's library-agnostic dictionary, in arrays of its own."""
        row = range(len(self))[row]
        n0, n1 = self.node_ptr[row], self.node_ptr[row + 1]
        e0, e1 = self.edge_ptr[row], self.edge_ptr[row + 1]
        return {
            "edge_index": self.edge_index[:, e0:e1].copy(),
            "edge_feat": self.edge_feat[e0:e1].copy(),
            "node_feat": self.node_feat[n0:n1].copy(),
            "num_nodes": int(n1 - n0),
        }

    def equals(self, other: GraphTable) -> bool:
        """Whether both tables hold the same graphs, in the same order and layout."""
        names = ("node_ptr", "edge_ptr", "node_feat", "edge_index", "edge_feat")
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in names)


def ranges(ptr: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Positions of the entries of each row of a ragged array, and the new row pointers.

    For rows a, b, ... returns `[ptr[a] .. ptr[a+1]-1, ptr[b] .. ptr[b+1]-1, ...]` and the cumulated lengths.
    """
    lengths = ptr[rows + 1] - ptr[rows]
    new_ptr = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(lengths, out=new_ptr[1:])
    positions = np.arange(new_ptr[-1]) + np.repeat(ptr[rows] - new_ptr[:-1], lengths)
    return positions, new_ptr


def pointers(lengths: NDArray) -> IntArray:
    """Row pointers, int64 [G + 1], of a ragged array whose rows have the given lengths."""
    ptr = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=ptr[1:])
    return ptr
