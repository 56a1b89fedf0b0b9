"""Canonical form of a DARTS cell: the same for cells that differ only in the numbering of their intermediate nodes.

The order of a node's two inputs is already fixed by the code. Every intermediate node feeds the output, so renaming is
the only freedom: of all renamings that keep parents before children (at most 4! = 24), the canonical cell is the one
with the least topology, and among those the one with the least ops, read as a number of base 7.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np

from nb301_ogb.spaces.darts_cells import NODES, OPS, TOPOLOGY_PARENTS, frozen, join_cells, split_cells
from nb301_ogb.spaces.graphs import CodeArray, IntArray

OP_CODES = len(OPS) ** 8
"""The number of ways to put ops on the edges of one topology."""

_PLACE_VALUE = frozen([len(OPS) ** (7 - edge) for edge in range(8)], np.int64)


def canonical_cells(codes: CodeArray) -> IntArray:
    """The number of each cell's canonical form, int64 [G, 2], in 0 .. 180 * 7^8 - 1 (below 2^30).

    Two cells have the same number exactly when they are the same up to the names of their intermediate nodes.
    """
    ops, topologies = split_cells(codes)
    flat, kind = ops.reshape(-1, 8).astype(np.int64), topologies.reshape(-1)
    least, count, weights = _renamings()
    best = (flat * weights[kind, 0]).sum(axis=1)
    for renaming in range(1, weights.shape[1]):
        rows = np.flatnonzero(count[kind] > renaming)
        if len(rows) == 0:
            break
        best[rows] = np.minimum(best[rows], (flat[rows] * weights[kind[rows], renaming]).sum(axis=1))
    return (least[kind] * OP_CODES + best).reshape(topologies.shape)


def canonical_codes(codes: CodeArray) -> CodeArray:
    """The code of each architecture's canonical form, uint8 [G, 32]: equal rows for equivalent architectures."""
    topologies, numbers = np.divmod(canonical_cells(codes), OP_CODES)
    return join_cells(numbers[..., None] // _PLACE_VALUE % len(OPS), topologies)


def canonical_keys(codes: CodeArray) -> CodeArray:
    """The numbers of the canonical normal and reduction cell, 8 bytes each, most significant first: uint8 [G, 16]."""
    return canonical_cells(codes).astype(">u8").view(np.uint8).reshape(-1, 16)


@functools.cache
def _renamings() -> tuple[IntArray, IntArray, IntArray]:
    """For each topology, the renamings that lead to its least equivalent.

    Returns:
        That least topology, int64 [180]; how many renamings lead there, int64 [180]; and for each of them the place
        value that every edge's op gets, int64 [180, 24, 8], of which the rows beyond the count are zero.
    """
    index = {tuple(parents): number for number, parents in enumerate(TOPOLOGY_PARENTS.tolist())}
    least = np.zeros(len(index), dtype=np.int64)
    count = np.zeros(len(index), dtype=np.int64)
    weights = np.zeros((len(index), 24, 8), dtype=np.int64)
    for parents, topology in index.items():
        renamed = [_rename(parents, order) for order in itertools.permutations(NODES)]
        reached = [(index[new], places) for new, places in filter(None, renamed)]
        least[topology] = min(number for number, _ in reached)
        kept = [places for number, places in reached if number == least[topology]]
        count[topology] = len(kept)
        weights[topology, : len(kept)] = _PLACE_VALUE[kept]
    for array in (least, count, weights):
        array.flags.writeable = False
    return least, count, weights


def _rename(parents: tuple[int, ...], order: tuple[int, ...]) -> tuple[tuple[int, ...], list[int]] | None:
    """Gives node 2 + i the name order[i]; the new parents, and the new edge of each old edge.

    None where a node would come before one of its parents.
    """
    name = dict(enumerate((0, 1, *order)))
    new_parents, places = [0] * 8, [0] * 8
    for node in NODES:
        edges = sorted((2 * node - 4, 2 * node - 3), key=lambda edge: name[parents[edge]])
        for slot, edge in enumerate(edges):
            if name[parents[edge]] >= name[node]:
                return None
            places[edge] = 2 * name[node] - 4 + slot
            new_parents[places[edge]] = name[parents[edge]]
    return tuple(new_parents), places
