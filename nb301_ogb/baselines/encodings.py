"""Fixed-length encodings of architectures, for models that see no graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from nb301_ogb.baselines.paths import path_counts, paths
from nb301_ogb.errors import ConfigError
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import CodeArray, IntArray

__all__ = [
    "ENCODINGS", "Features", "code", "default_encoding", "dense", "edge_ops", "encode", "integers", "num_features",
    "one_hot", "op_counts", "path_counts", "paths",
]  # fmt: skip

Features: TypeAlias = NDArray[np.float32] | sparse.csr_matrix
"""float32 [G, features]."""

_CELL_EDGES = 14
"""The edges that a darts cell can have: to nodes 2 to 5 from each node before them."""


def code(space: Space, codes: CodeArray) -> NDArray[np.float32]:
    """float32 [G, C]: the code itself."""
    return space.check(codes).astype(np.float32)


def integers(space: Space, codes: CodeArray) -> NDArray[np.float32]:
    """One integer for each choice that a space has, -1 for a choice that does not arise, float32 [G, choices].

    darts: the 34 keys of NAS-Bench-301's configurations, by their integer codes: `edge_normal_0` to `_13`,
    `edge_reduce_0` to `_13`, then `inputs_node_normal_3` to `_5` and `inputs_node_reduce_3` to `_5`. Edges whose
    parent is not chosen are -1. nasbench201: the code, since each of its six choices always arises.
    """
    if space.name != "darts":
        return code(space, codes)
    ops, parents = _darts_cells(space, codes)
    edges = _edge_table(ops, parents)
    first, second = parents[..., 2::2], parents[..., 3::2]
    node = np.arange(3, 6)
    pairs = first * (2 * node - first - 1) // 2 + second - first - 1
    blocks = [edges.reshape(-1, 2 * _CELL_EDGES), pairs.reshape(-1, 2 * len(node))]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def one_hot(space: Space, codes: CodeArray) -> NDArray[np.float32]:
    """float32 [G, sum of the columns' limits]: each column of the code as indicators."""
    table = space.check(codes)
    limits = space.code_limits
    start = np.concatenate([[0], np.cumsum(limits)[:-1]])
    found = np.zeros((len(table), int(limits.sum())), dtype=np.float32)
    np.put_along_axis(found, table + start, 1.0, axis=1)
    return found


def edge_ops(space: Space, codes: CodeArray) -> NDArray[np.float32]:
    """Indicators of each op on each edge that a cell can have, float32 [G, edges x ops].

    darts: 2 cells x 14 edges x 7 ops, all 0 for an edge that is not there, so that an op has the same column whatever
    the node's other parent is. nasbench201: 6 edges x 4 ops but `none`.
    """
    if space.name == "nasbench201":
        return one_hot(space, codes).reshape(-1, 6, 5)[:, :, 1:].reshape(-1, 24)
    if space.name != "darts":
        msg = f"there is no encoding edge_ops for the space {space.name}; choose another one."
        raise ConfigError(msg)
    table = _edge_table(*_darts_cells(space, codes)).reshape(-1, 2 * _CELL_EDGES)
    return (table[:, :, None] == np.arange(7)).reshape(-1, 2 * _CELL_EDGES * 7).astype(np.float32)


def op_counts(space: Space, codes: CodeArray) -> NDArray[np.float32]:
    """How often each op stands in each cell, float32 [G, cells x ops]; `none` of nasbench201 counts as an op."""
    ops = _darts_cells(space, codes)[0] if space.name == "darts" else space.check(codes).astype(np.int64)[:, None]
    kinds = np.arange(7 if space.name == "darts" else int(space.code_limits.max()))
    found = (ops[..., None] == kinds).sum(axis=2)
    return found.reshape(-1, found.shape[1] * len(kinds)).astype(np.float32)


def _darts_cells(space: Space, codes: CodeArray) -> tuple[IntArray, IntArray]:
    """The ops and the parents of both cells, int64 [G, 2, 8] each."""
    cells = space.check(codes).astype(np.int64).reshape(-1, 2, 16)
    return cells[..., :8], cells[..., 8:]


def _edge_table(ops: IntArray, parents: IntArray) -> IntArray:
    """int64 [G, 2, 14]: the op of each edge by its number p + k(k-1)/2 - 1 (parent p, node k); -1 for no edge."""
    node = np.repeat(np.arange(2, 6), 2)
    found = np.full((*ops.shape[:2], _CELL_EDGES), -1, dtype=np.int64)
    np.put_along_axis(found, parents + node * (node - 1) // 2 - 1, ops, axis=2)
    return found


ENCODINGS: dict[str, Callable[[Space, CodeArray], Features]] = {
    "code": code,
    "integers": integers,
    "one_hot": one_hot,
    "edge_ops": edge_ops,
    "op_counts": op_counts,
    "path_counts": path_counts,
    "paths": paths,
}
_DEFAULTS = {"nasbench201": ("one_hot", "path_counts"), "darts": ("one_hot", "edge_ops", "op_counts")}


def default_encoding(space: Space) -> tuple[str, ...]:
    """What a model sees where its configuration names no encoding: few columns that tell architectures apart."""
    return _DEFAULTS.get(space.name, ("one_hot",))


def encode(space: Space, codes: CodeArray, names: Sequence[str]) -> Features:
    """The named encodings side by side, float32 [G, features]; sparse if one of them is.

    Raises:
        ConfigError: for a name that does not exist, or no name at all.
    """
    if not names:
        msg = f"an encoding needs at least one of {', '.join(ENCODINGS)}."
        raise ConfigError(msg)
    for name in names:
        if name not in ENCODINGS:
            msg = f"there is no encoding {name!r}; there are {', '.join(ENCODINGS)}."
            raise ConfigError(msg)
    blocks = [ENCODINGS[name](space, codes) for name in names]
    if any(sparse.issparse(block) for block in blocks):
        return sparse.csr_matrix(sparse.hstack(blocks, format="csr", dtype=np.float32))
    return np.concatenate(blocks, axis=1)


def num_features(space: Space, names: Sequence[str]) -> int:
    """The columns of the named encodings side by side.

    Raises:
        ConfigError: for a name that does not exist, or no name at all.
    """
    return encode(space, np.empty((0, space.code_length), dtype=np.uint8), names).shape[1]


def dense(features: Features) -> NDArray[np.float32]:
    """Features as an ordinary array."""
    return features if isinstance(features, np.ndarray) else np.asarray(features.toarray(), dtype=np.float32)
