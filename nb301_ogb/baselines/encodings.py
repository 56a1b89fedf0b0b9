"""Fixed-length encodings of architectures, for models that see no graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray

# The ways from the input to the output of a NAS-Bench-201 cell, as positions in its code.
_NB201_PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))


def integers(space: Space, codes: CodeArray) -> NDArray[np.float32]:
    """float32 [G, C]: the code itself."""
    return space.check(codes).astype(np.float32)


def one_hot(space: Space, codes: CodeArray) -> NDArray[np.float32]:
    """float32 [G, sum of the columns' limits]: each column of the code as indicators."""
    table = space.check(codes)
    limits = space.code_limits
    start = np.concatenate([[0], np.cumsum(limits)[:-1]])
    found = np.zeros((len(table), int(limits.sum())), dtype=np.float32)
    np.put_along_axis(found, table + start, 1.0, axis=1)
    return found


def path_counts(space: Space, codes: CodeArray) -> NDArray[np.float32]:
    """How often each sequence of ops leads from the cell's input to its output, float32 [G, sequences].

    In nasbench201 the sequences are all of 1 to 3 of the ops but `none`: 4 + 16 + 64.

    Raises:
        ConfigError: for a space that has no such encoding.
    """
    if space.name != "nasbench201":
        msg = f"there is no path encoding for the space {space.name}."
        raise ConfigError(msg)
    table = space.check(codes).astype(np.int64)
    ops = 4
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


ENCODINGS: dict[str, Callable[[Space, CodeArray], NDArray[np.float32]]] = {
    "integers": integers,
    "one_hot": one_hot,
    "path_counts": path_counts,
}


def encode(space: Space, codes: CodeArray, names: Sequence[str]) -> NDArray[np.float32]:
    """The named encodings side by side, float32 [G, features].

    Raises:
        ConfigError: for a name that does not exist.
    """
    for name in names:
        if name not in ENCODINGS:
            msg = f"there is no encoding {name!r}; there are {', '.join(ENCODINGS)}."
            raise ConfigError(msg)
    return np.concatenate([ENCODINGS[name](space, codes) for name in names], axis=1)
