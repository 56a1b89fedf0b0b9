"""The cells of the DARTS space: what the columns of a code mean, and the 180 topologies.

A cell has two inputs (nodes 0 and 1), four intermediate nodes (2 to 5) and an output, the concatenation of 2 to 5. Each
intermediate node adds up two ops, each applied to one earlier node, its parent. A cell is 16 numbers: the 8 ops of the
edges into nodes 2, 2, 3, 3, 4, 4, 5, 5, then the 8 parents in the same order, ascending within a node. An architecture
is the normal cell followed by the reduction cell. Source: Liu et al., "DARTS: Differentiable Architecture Search",
ICLR 2019; the ops without `none`, in the order of NAS-Bench-301 (Zela et al., ICLR 2022).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces.graphs import CodeArray, IntArray

OPS = (
    "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip
"""The ops; the place in this tuple is the op's number in a code."""

CELLS = ("normal", "reduction")
NODES = (2, 3, 4, 5)
"""The intermediate nodes of a cell."""

EDGE_NODES = (2, 2, 3, 3, 4, 4, 5, 5)
"""The node that each of a cell's eight op edges leads to."""

CELL_LENGTH = 16
CODE_LENGTH = 2 * CELL_LENGTH

PAIRS = {node: tuple(itertools.combinations(range(node), 2)) for node in NODES}
"""The pairs of parents each node can have, ascending."""

OP_LIST = ", ".join(f"{number} {op}" for number, op in enumerate(OPS))
"""The ops with their numbers, for messages."""


def frozen(values: object, dtype: type) -> NDArray:
    """A read-only array, for constants."""
    array: NDArray = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


LIMITS = frozen(
    2 * ([len(OPS)] * 8 + [first_or_second for node in NODES for first_or_second in (node - 1, node)]), np.int64
)
"""int64 [32]: column c of a code holds 0 .. LIMITS[c] - 1. Of an ascending pair, the first is below node - 1."""

TOPOLOGY_PARENTS = frozen(
    [list(itertools.chain(*pairs)) for pairs in itertools.product(*(PAIRS[node] for node in NODES))], np.uint8
)
"""uint8 [180, 8]: the parents of each topology, in lexicographic order."""

_TOPOLOGIES = frozenset(map(tuple, TOPOLOGY_PARENTS.tolist()))
_OP_NUMBERS = frozenset(range(len(OPS)))

_RADIX = {3: 60, 4: 10, 5: 1}
_RANK = np.zeros((6, 5, 5), dtype=np.int64)
for _node in (3, 4, 5):
    for _rank, _pair in enumerate(PAIRS[_node]):
        _RANK[_node][_pair] = _rank * _RADIX[_node]
_RANK.flags.writeable = False


def split_cells(codes: CodeArray) -> tuple[CodeArray, IntArray]:
    """The cells of a table of codes: ops, uint8 [G, 2, 8], and topology, int64 [G, 2], a row of TOPOLOGY_PARENTS."""
    cells = codes.reshape(-1, 2, CELL_LENGTH)
    parents = cells[..., 8:]
    topologies = sum(_RANK[node][parents[..., 2 * node - 4], parents[..., 2 * node - 3]] for node in (3, 4, 5))
    return cells[..., :8], topologies


def join_cells(ops: NDArray, topologies: IntArray) -> CodeArray:
    """The inverse of `split_cells`: uint8 [G, 32]."""
    cells = np.empty((*topologies.shape, CELL_LENGTH), dtype=np.uint8)
    cells[..., :8] = ops
    cells[..., 8:] = TOPOLOGY_PARENTS[topologies]
    return cells.reshape(-1, CODE_LENGTH)


def check_cells(table: NDArray, row: str = "row {}, ") -> None:
    """Checks ops and parents of a table of integers, [G, 32].

    Args:
        table: the codes.
        row: how messages name a row; empty where there is only one.

    Raises:
        ArchitectureError: naming the first row, cell and node that is wrong and what is allowed there.
    """
    cells = table.reshape(-1, 2, CELL_LENGTH)
    ops, pairs = cells[..., :8], cells[..., 8:].reshape(-1, 2, 4, 2)
    first, second = pairs[..., 0], pairs[..., 1]
    wrong_ops = (ops < 0) | (ops >= len(OPS))
    wrong_pairs = (first < 0) | (first >= second) | (second >= np.array(NODES))
    wrong = wrong_ops.reshape(-1, 2, 4, 2).any(axis=3) | wrong_pairs
    if not wrong.any():
        return
    graph, cell, place = (int(index) for index in np.argwhere(wrong)[0])
    node = NODES[place]
    where = f"{row.format(graph)}the {CELLS[cell]} cell, node {node}"
    if wrong_pairs[graph, cell, place]:
        one, other = pairs[graph, cell, place]
        allowed = "0 and 1" if node == 2 else f"two different parents from 0 to {node - 1}, ascending"
        msg = f"{where}: parents {one} and {other}; allowed are {allowed}."
    else:
        found = ops[graph, cell, 2 * place : 2 * place + 2]
        msg = f"{where}: ops {found[0]} and {found[1]}; allowed are {OP_LIST}."
    raise ArchitectureError(msg)


def check_numbers(numbers: list[int]) -> CodeArray:
    """Checks the 32 numbers of one code and returns them as uint8 [32].

    Raises:
        ArchitectureError: naming the cell and node that is wrong and what is allowed there.
    """
    parents, ops = (tuple(numbers[8:16]), tuple(numbers[24:])), (*numbers[:8], *numbers[16:24])
    if not (_TOPOLOGIES.issuperset(parents) and _OP_NUMBERS.issuperset(ops)):
        check_cells(np.array([numbers]), row="")
    return np.array(numbers, dtype=np.uint8)


def cell_depths(topologies: IntArray) -> IntArray:
    """Nodes on the longest path from an input to the output of a cell, both counted: 3 to 6, in the shape given."""
    return _DEPTHS[topologies]


def _longest_paths() -> NDArray:
    depth = np.ones((len(TOPOLOGY_PARENTS), 6), dtype=np.int64)
    every = np.arange(len(depth))[:, None]
    for node in NODES:
        parents = TOPOLOGY_PARENTS[:, 2 * node - 4 : 2 * node - 2]
        depth[:, node] = depth[every, parents].max(axis=1) + 1
    return frozen(depth.max(axis=1) + 1, np.int64)


_DEPTHS = _longest_paths()
