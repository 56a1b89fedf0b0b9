"""What the predictor of a search sees of an architecture: its choices, and the sequences of ops along its paths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.baselines.encodings import path_counts
from nb301_ogb.search.choices import Choices
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.darts_cells import CELL_LENGTH, CELLS, EDGE_NODES, OPS
from nb301_ogb.spaces.graphs import CodeArray, IntArray

_INPUTS = 2


def features(space: Space, choices: Choices, codes: CodeArray) -> NDArray[np.float32]:
    """float32 [G, F]: each choice as indicators; in the spaces with cells that are known here, also their paths.

    The paths are those of `path_counts` in nasbench201. In darts they are, for each cell and each of its inputs, how
    often each op, and each sequence of two ops, begins a path from that input: the path encoding of White, Neiswanger &
    Savani (BANANAS, AAAI 2021), cut at two ops as they cut theirs.

    Args:
        space: the search space.
        choices: its choices.
        codes: uint8 [G, C].
    """
    parts = [choices.one_hot(codes)]
    if space.name == "nasbench201":
        parts.append(path_counts(space, codes))
    elif space.name == "darts":
        parts += [_starts_of_paths(codes[:, cell * CELL_LENGTH :][:, :CELL_LENGTH]) for cell in range(len(CELLS))]
    return np.concatenate(parts, axis=1)


def _starts_of_paths(cells: CodeArray) -> NDArray[np.float32]:
    """float32 [G, 2 * (7 + 49)] of one cell, uint8 [G, 16]."""
    count, edges, kinds = len(cells), len(EDGE_NODES), len(OPS)
    ops, parents = cells[:, :edges].astype(np.int64), cells[:, edges:]
    one = np.zeros((count, _INPUTS, kinds), dtype=np.float32)
    two = np.zeros((count, _INPUTS, kinds * kinds), dtype=np.float32)
    for first in range(edges):
        rows = np.flatnonzero(parents[:, first] < _INPUTS)
        _count(one, rows, parents[rows, first], ops[rows, first])
        for second in range(first + 1, edges):
            onward = rows[parents[rows, second] == EDGE_NODES[first]]
            _count(two, onward, parents[onward, first], kinds * ops[onward, first] + ops[onward, second])
    return np.concatenate([one, two], axis=2).reshape(count, _INPUTS * (kinds + kinds**2))


def _count(table: NDArray[np.float32], rows: IntArray, inputs: NDArray, places: IntArray) -> None:
    table[rows, inputs, places] += 1.0
