"""The graphs of DARTS architectures: both cells as one graph of 14 nodes and 26 edges.

Nodes of the normal cell: 0 and 1 inputs, 2 to 5 intermediate, 6 output; the reduction cell follows as 7 to 13. Every op
stands on its own edge, every intermediate node has a concat edge to its cell's output, and the normal output has a
stack edge to both inputs of the reduction cell. Edges are ordered by (target, source), which is the order of the code.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces.darts_cells import CELLS, EDGE_NODES, NODES, OPS, check_cells, frozen
from nb301_ogb.spaces.graphs import CodeArray, GraphTable, IntArray

NODE_TYPES = ("input_0", "input_1", "intermediate", "output")
EDGE_TYPES = ("concat", *OPS, "stack")
NODES_PER_GRAPH, EDGES_PER_GRAPH = 14, 26

_CELL_NODES = 7
_OUTPUT = 6
_FIRST_OP, _STACK = 1, len(EDGE_TYPES) - 1
_OP_EDGES = frozen([*range(8), *range(14, 22)], np.int64)
"""The places of the op edges among the 26."""

_NODE_FEAT = frozen([(kind, cell) for cell in range(2) for kind in (0, 1, 2, 2, 2, 2, 3)], np.int64)
_SOURCES = frozen([*[0] * 8, *NODES, _OUTPUT, _OUTPUT, *[0] * 8, *(node + _CELL_NODES for node in NODES)], np.int64)
_TARGETS = frozen(
    [*EDGE_NODES, *[_OUTPUT] * 4, _CELL_NODES, _CELL_NODES + 1]
    + [node + _CELL_NODES for node in (*EDGE_NODES, *[_OUTPUT] * 4)],
    np.int64,
)
_TYPES = frozen([*[0] * 12, _STACK, _STACK, *[0] * 12], np.int64)


def graphs_of(codes: CodeArray) -> GraphTable:
    """The graphs of a table of codes, uint8 [G, 32]."""
    number = len(codes)
    cells = codes.reshape(number, 2, 16).astype(np.int64)
    sources = np.tile(_SOURCES, (number, 1))
    sources[:, :8] = cells[:, 0, 8:]
    sources[:, 14:22] = cells[:, 1, 8:] + _CELL_NODES
    types = np.tile(_TYPES, (number, 1))
    types[:, _OP_EDGES] = cells[:, :, :8].reshape(number, 16) + _FIRST_OP
    return GraphTable(
        node_ptr=np.arange(number + 1) * NODES_PER_GRAPH,
        edge_ptr=np.arange(number + 1) * EDGES_PER_GRAPH,
        node_feat=np.tile(_NODE_FEAT, (number, 1)),
        edge_index=np.stack([sources.reshape(-1), np.tile(_TARGETS, number)]),
        edge_feat=types.reshape(-1, 1),
    )


def codes_of(graphs: GraphTable) -> CodeArray:
    """The codes, uint8 [G, 32], of graphs whose edges may come in any order.

    Raises:
        ArchitectureError: naming the first graph that is not the graph of a code, and what is wrong with it.
    """
    _check_sizes(graphs)
    number = len(graphs)
    _refuse(
        (graphs.node_feat.reshape(number, *_NODE_FEAT.shape) != _NODE_FEAT).any(axis=(1, 2)),
        f"its node features are not the 14 rows (node type, cell) of the space, {_NODE_FEAT.tolist()}",
    )
    ends = graphs.edge_index.reshape(2, number, EDGES_PER_GRAPH).astype(np.int64, copy=False)
    _refuse(((ends < 0) | (ends >= NODES_PER_GRAPH)).any(axis=(0, 2)), "its edges name nodes other than 0 to 13")
    kinds = graphs.edge_feat.reshape(number, EDGES_PER_GRAPH).astype(np.int64, copy=False)
    sources, targets, types = _ordered(ends[0], ends[1], kinds)
    is_op = np.zeros(EDGES_PER_GRAPH, dtype=bool)
    is_op[_OP_EDGES] = True
    wrong_ends = (targets != _TARGETS).any(axis=1) | (sources != _SOURCES)[:, ~is_op].any(axis=1)
    _refuse(
        wrong_ends,
        "its edges are not two into each intermediate node, one from each of these to its cell's output, and one from "
        "the normal output to each input of the reduction cell",
    )
    _refuse(
        (types != _TYPES)[:, ~is_op].any(axis=1),
        f"an edge to an output or to an input is not of type 0 (concat) or {_STACK} (stack)",
    )
    ops = types[:, is_op] - _FIRST_OP
    parents = sources[:, is_op] - np.repeat([0, _CELL_NODES], 8)
    table = np.concatenate([ops.reshape(-1, 2, 8), parents.reshape(-1, 2, 8)], axis=2).reshape(-1, 32)
    _refuse(
        ((ops < 0) | (ops >= len(OPS))).any(axis=1),
        f"an edge into an intermediate node is not of a type from {_FIRST_OP} to {_STACK - 1} (the ops)",
    )
    check_cells(table, "graph {}, ")
    return table.astype(np.uint8)


def _ordered(sources: NDArray, targets: NDArray, types: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """The edges of each graph, [G, 26], in the order of (target, source)."""
    place = targets * NODES_PER_GRAPH + sources
    if (np.diff(place, axis=1) >= 0).all():
        return sources, targets, types
    order = np.argsort(place, axis=1, kind="stable")
    first, second, third = (np.take_along_axis(part, order, axis=1) for part in (sources, targets, types))
    return first, second, third


def _check_sizes(graphs: GraphTable) -> None:
    """Checks that every graph has 14 nodes and 26 edges, and that the arrays fit together."""
    for ptr, size, what in (
        (graphs.node_ptr, NODES_PER_GRAPH, "nodes"),
        (graphs.edge_ptr, EDGES_PER_GRAPH, "edges"),
    ):
        sizes: IntArray = np.diff(ptr)
        _refuse(sizes != size, f"it does not have {size} {what}")
    number = len(graphs)
    expected = {
        "node_feat": (number * NODES_PER_GRAPH, 2),
        "edge_index": (2, number * EDGES_PER_GRAPH),
        "edge_feat": (number * EDGES_PER_GRAPH, 1),
    }
    for name, shape in expected.items():
        found = getattr(graphs, name).shape
        if found != shape:
            msg = f"{name} of {number} graphs of darts has shape {list(shape)}, not {list(found)}."
            raise ArchitectureError(msg)


def _refuse(wrong: NDArray | np.bool_, what: str) -> None:
    """Raises for the first graph marked as wrong, bool [G]."""
    if wrong.any():
        msg = f"graph {int(np.argmax(wrong))} is no architecture of darts ({' and '.join(CELLS)} cell): {what}."
        raise ArchitectureError(msg)
