"""A code as choices that do not depend on each other: every combination of them is an architecture.

In the nasbench201 space the columns of a code are such choices. In the darts space the ops are, but the two parents of
a node are one choice, of a pair; node 2 has none, since its parents are always the two inputs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.spaces import Space
from nb301_ogb.spaces.darts_cells import CELL_LENGTH, CELLS, PAIRS
from nb301_ogb.spaces.graphs import CodeArray, IntArray


class Choices:
    """The choices of a space.

    Args:
        space: the search space.

    Attributes:
        names: a name for each choice, in their order.
        limits: int64 [D]; choice d is a number from 0 to limits[d] - 1.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        tables: list[tuple[tuple[int, ...], CodeArray]] = []
        joined = _joined_columns(space)
        for columns, table in joined:
            tables.append((columns, table))
        taken = {column for columns, _ in joined for column in columns}
        for column, limit in enumerate(space.code_limits.tolist()):
            if column not in taken:
                tables.append(((column,), np.arange(limit, dtype=np.uint8)[:, None]))
        tables.sort(key=lambda one: one[0])
        self._constant = [(columns, table[0]) for columns, table in tables if len(table) == 1]
        self._tables = [one for one in tables if len(one[1]) > 1]
        self.names = tuple("column_" + "_".join(map(str, columns)) for columns, _ in self._tables)
        self.limits: IntArray = np.array([len(table) for _, table in self._tables], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._tables)

    def codes(self, choices: NDArray) -> CodeArray:
        """The codes of a table of choices.

        Args:
            choices: integers, [G, D].

        Returns:
            uint8 [G, C], every row valid.
        """
        found = np.empty((len(choices), self.space.code_length), dtype=np.uint8)
        for columns, values in self._constant:
            found[:, columns] = values
        for number, (columns, table) in enumerate(self._tables):
            found[:, columns] = table[choices[:, number]]
        return found

    def of(self, codes: CodeArray) -> IntArray:
        """The choices of a table of codes, int64 [G, D]; `codes` is the inverse."""
        found = np.empty((len(codes), len(self)), dtype=np.int64)
        for number, (columns, table) in enumerate(self._tables):
            found[:, number] = (codes[:, None, list(columns)] == table).all(axis=2).argmax(axis=1)
        return found

    def decode(self, vectors: NDArray) -> CodeArray:
        """The codes of points in the unit cube; each choice has an equal share of its axis.

        Args:
            vectors: float [G, D]; what lies outside of 0 to 1, or is no number, is moved to the border (NaN to 0).

        Returns:
            uint8 [G, C], every row valid.
        """
        inside = np.clip(np.nan_to_num(np.asarray(vectors, dtype=np.float64), nan=0.0), 0.0, 1.0)
        return self.codes(np.minimum((inside * self.limits).astype(np.int64), self.limits - 1))

    def one_hot(self, codes: CodeArray) -> NDArray[np.float32]:
        """Each choice as indicators, float32 [G, sum of limits]."""
        start = np.concatenate([[0], np.cumsum(self.limits)[:-1]])
        found = np.zeros((len(codes), int(self.limits.sum())), dtype=np.float32)
        np.put_along_axis(found, self.of(codes) + start, 1.0, axis=1)
        return found


def _joined_columns(space: Space) -> list[tuple[tuple[int, ...], CodeArray]]:
    """The columns whose values belong together, and the values that they can have, uint8 [values, columns]."""
    if space.name != "darts":
        return []
    found: list[tuple[tuple[int, ...], CodeArray]] = []
    for cell in range(len(CELLS)):
        for node, pairs in PAIRS.items():
            first = cell * CELL_LENGTH + CELL_LENGTH // 2 + 2 * node - 4
            found.append(((first, first + 1), np.array(pairs, dtype=np.uint8)))
    return found
