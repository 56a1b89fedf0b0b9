"""The moves between DARTS architectures: another op on one edge, or another parent for one edge.

From every code there are 120: 16 edges x 6 other ops, and 2 cells x 12 other parents (node 3: 2, node 4: 4, node 5: 6;
a moved edge keeps its op).
"""

from __future__ import annotations

import functools

import numpy as np

from nb301_ogb.spaces.darts_cells import NODES, OPS, TOPOLOGY_PARENTS, join_cells, split_cells
from nb301_ogb.spaces.graphs import CodeArray, IntArray

MOVES = 120
_OP_MOVES = 16 * (len(OPS) - 1)
_PARENT_MOVES = 12
"""The changes of a parent in one cell."""


def move(codes: CodeArray, moves: IntArray) -> CodeArray:
    """Makes one move from each code.

    Args:
        codes: uint8 [G, 32].
        moves: int64 [G], 0 to 119; different moves from one code lead to different codes.
    """
    ops, topologies = split_cells(codes)
    ops, topologies = ops.copy(), topologies.copy()

    rows = np.flatnonzero(moves < _OP_MOVES)
    edge, step = np.divmod(moves[rows], len(OPS) - 1)
    flat = ops.reshape(-1, 16)
    flat[rows, edge] = (flat[rows, edge] + 1 + step) % len(OPS)

    rows = np.flatnonzero(moves >= _OP_MOVES)
    cell, which = np.divmod(moves[rows] - _OP_MOVES, _PARENT_MOVES)
    target, order = _parent_moves()
    before = topologies[rows, cell]
    topologies[rows, cell] = target[before, which]
    ops[rows, cell] = np.take_along_axis(ops[rows, cell], order[before, which], axis=1)
    return join_cells(ops, topologies)


@functools.cache
def _parent_moves() -> tuple[IntArray, IntArray]:
    """For each topology and each change of a parent: the new topology, int64 [180, 12], and its order of edges.

    The order, int64 [180, 12, 8], holds the old edge whose op each new edge takes over.
    """
    index = {tuple(parents): number for number, parents in enumerate(TOPOLOGY_PARENTS.tolist())}
    target, order = [], []
    for parents in index:
        for node in NODES:
            first = 2 * node - 4
            pair = parents[first : first + 2]
            for slot in (0, 1):
                for parent in range(node):
                    if parent in pair:
                        continue
                    new, edges = list(parents), list(range(8))
                    new[first + slot] = parent
                    if new[first] > new[first + 1]:
                        new[first : first + 2] = new[first + 1], new[first]
                        edges[first : first + 2] = first + 1, first
                    target.append(index[tuple(new)])
                    order.append(edges)
    found = np.array(target).reshape(-1, _PARENT_MOVES), np.array(order).reshape(-1, _PARENT_MOVES, 8)
    for array in found:
        array.flags.writeable = False
    return found
