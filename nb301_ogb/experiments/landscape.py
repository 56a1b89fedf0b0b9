"""The landscape of a small space as local search sees it: its local optima, and where each start ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.baselines.benchmark import Benchmark
from nb301_ogb.search.interface import merit
from nb301_ogb.spaces import Space
from nb301_ogb.spaces.graphs import IntArray


def descents(values: NDArray[np.float64], neighbours: IntArray) -> tuple[IntArray, IntArray]:
    """Where a local search that always moves to the best neighbour ends, from every start.

    Args:
        values: of all architectures, [G], higher is better; NaN is worse than all.
        neighbours: for each architecture its neighbours, [G, K].

    Returns:
        The local optimum that each start leads to, int64 [G], and the moves on the way, int64 [G].
    """
    merits = merit(values)
    around = merits[neighbours]
    best = np.take_along_axis(neighbours, around.argmax(axis=1)[:, None], axis=1)[:, 0]
    here = np.arange(len(merits))
    onward = np.where(merits[best] > merits, best, here)
    moves = (onward != here).astype(np.int64)
    # Each round doubles the moves that are taken at once.
    while not np.array_equal(onward[onward], onward):
        moves = moves + moves[onward]
        onward = onward[onward]
    return onward, moves


def one_change(space: Space) -> IntArray:
    """The architectures with another number in one column, for a whole space that has a table, as their rows in it.

    These are the neighbours in a space whose columns do not depend on each other.

    Args:
        space: a small search space.

    Returns:
        int64 [G, K].
    """
    codes, found = space.table(), []
    for column, limit in enumerate(space.code_limits.tolist()):
        for step in range(1, limit):
            changed = codes.copy()
            changed[:, column] = (codes[:, column] + step) % limit
            found.append(space.index(changed))
    return np.stack(found, axis=1)


def landscape(benchmark: Benchmark) -> dict[str, Any] | None:
    """Exact facts about a small space, or None for one that is too large to be enumerated.

    Args:
        benchmark: answers for every architecture.

    Returns:
        The number of local optima, the share of starts from which local search without restarts ends at the best
        architecture and within 0.1 and 0.5 points of it, the moves that it takes, and the errors where it ends.
    """
    space = benchmark.space
    if not space.has_table:
        return None
    codes = space.table()
    values = benchmark.query_codes(codes).mean
    neighbours = one_change(space)
    ends, moves = descents(values, neighbours)
    reached = 100.0 - values[ends]
    lowest = float(np.nanmin(100.0 - values))
    return {
        "architectures": len(codes),
        "neighbours": neighbours.shape[1],
        "local_optima": len(np.unique(ends)),
        "lowest_error": lowest,
        "share_to_the_best": float(np.mean(reached <= lowest)),
        "share_within_0.1": float(np.mean(reached <= lowest + 0.1)),
        "share_within_0.5": float(np.mean(reached <= lowest + 0.5)),
        "mean_moves": float(moves.mean()),
        "mean_error_reached": float(np.nanmean(reached)),
    }
