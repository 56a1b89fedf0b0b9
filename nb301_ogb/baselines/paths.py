"""Path encodings (White et al., AAAI 2021): which sequences of ops lead through a cell from an input to its output.

darts: every intermediate node is part of the output, so a path ends at any of them. For each cell, and each of its two
inputs, there is a column for every sequence of 1 to 4 ops, shorter ones first, then in the order of the ops:
2 x 2 x (7 + 49 + 343 + 2401) = 11,200. All eight edges of a cell count.

nasbench201: a column for every sequence of 1 to 3 of the ops but `none`: 4 + 16 + 64 = 84.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray, IntArray

# The ways from the input to the output of a NAS-Bench-201 cell, as positions in its code.
_NB201_PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
_NB201_OPS = 4

_OPS, _LONGEST = 7, 4
_PER_INPUT = sum(_OPS**length for length in range(1, _LONGEST + 1))
_PER_CELL = 2 * _PER_INPUT


def path_counts(space: Space, codes: CodeArray) -> NDArray[np.float32] | csr_matrix:
    """How often each sequence of ops leads through the cell, float32 [G, sequences]; sparse for darts.

    Raises:
        ConfigError: for a space that has no such encoding.
    """
    table = space.check(codes).astype(np.int64)
    if space.name == "nasbench201":
        return _nasbench201(table)
    if space.name == "darts":
        return _darts(table)
    msg = f"there is no path encoding for the space {space.name}; choose another encoding."
    raise ConfigError(msg)


def paths(space: Space, codes: CodeArray) -> NDArray[np.float32] | csr_matrix:
    """Whether each sequence of ops leads through the cell, 0 or 1, float32 [G, sequences]; sparse for darts.

    Raises:
        ConfigError: for a space that has no such encoding.
    """
    found = path_counts(space, codes)
    if isinstance(found, csr_matrix):
        found.data[:] = 1.0
        return found
    return np.minimum(found, 1.0)


def _nasbench201(table: IntArray) -> NDArray[np.float32]:
    ops = _NB201_OPS
    offset = {1: 0, 2: ops, 3: ops + ops**2}
    found = np.zeros((len(table), ops + ops**2 + ops**3), dtype=np.float32)
    for path in _NB201_PATHS:
        digits = table[:, path]
        there = np.flatnonzero((digits > 0).all(axis=1))
        place = np.zeros(len(there), dtype=np.int64)
        for digit in digits[there].T:
            place = ops * place + digit - 1
        np.add.at(found, (there, place + offset[len(path)]), 1.0)
    return found


def _darts(table: IntArray) -> csr_matrix:
    """A path is a number in base 7: a leading 1 or 2 for the input that it starts from, then its ops; 0 is no path."""
    cells = table.reshape(-1, 16)
    every = np.arange(len(cells))[:, None]
    # The paths that end in each node so far: node 5 is reached by at most 16.
    ending = np.zeros((len(cells), 5, 8), dtype=np.int64)
    ending[:, 0, 0], ending[:, 1, 0] = 1, 2
    found = []
    for node in (2, 3, 4, 5):
        width = 2 ** (node - 2)
        edges = [2 * node - 4, 2 * node - 3]
        before = ending[every, cells[:, [8 + edge for edge in edges]], :width]
        longer = np.where(before > 0, _OPS * before + cells[:, edges, None], 0).reshape(len(cells), 2 * width)
        if node < 5:
            ending[:, node, : 2 * width] = longer
        found.append(longer)
    number = np.concatenate(found, axis=1)
    cell, place = np.nonzero(number)
    row, column = cell // 2, _columns()[number[cell, place]] + _PER_CELL * (cell % 2)
    ones = np.ones(len(row), dtype=np.float32)
    # Equal entries are added up.
    return csr_matrix((ones, (row, column)), shape=(len(cells) // 2, 2 * _PER_CELL))


def _columns() -> IntArray:
    """The column within a cell of each path's number."""
    column = np.zeros(3 * _OPS**_LONGEST, dtype=np.int64)
    offset = 0
    for length in range(1, _LONGEST + 1):
        sequences = np.arange(_OPS**length)
        for start in (0, 1):
            column[(start + 1) * _OPS**length + sequences] = start * _PER_INPUT + offset + sequences
        offset += _OPS**length
    return column
