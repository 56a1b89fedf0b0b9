"""Folds that never split a component."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.spaces.graphs import IntArray


def component_folds(
    component: IntArray, strata: NDArray[np.int64], folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Gives every row a fold: whole components, folds of like size, and like shares of each stratum.

    Components are dealt out stratum by stratum (that of most of their rows), the largest first, each to the fold that
    has fewest rows of the stratum so far, ties by fewest rows in all; equal sizes come in a random order.

    Args:
        component: int64 [G].
        strata: int64 [G], such as an origin group or a label decile.
        folds: how many.
        rng: for the order of equal components.

    Returns:
        int64 [G]: the fold of each row, 0 to folds - 1.
    """
    _, number, size = np.unique(component, return_inverse=True, return_counts=True)
    number = number.ravel()
    _, stratum = np.unique(strata, return_inverse=True)
    stratum = stratum.ravel()
    votes = np.zeros((len(size), stratum.max() + 1), dtype=np.int64)
    np.add.at(votes, (number, stratum), 1)
    own = votes.argmax(axis=1)
    shuffled = rng.permutation(len(size))
    order = shuffled[np.lexsort((-size[shuffled], own[shuffled]))]
    in_stratum = np.zeros((votes.shape[1], folds), dtype=np.int64)
    in_all = np.zeros(folds, dtype=np.int64)
    fold_of = np.empty(len(size), dtype=np.int64)
    for one in order:
        fold = int(np.lexsort((in_all, in_stratum[own[one]]))[0])
        fold_of[one] = fold
        in_stratum[own[one], fold] += size[one]
        in_all[fold] += size[one]
    return fold_of[number]


def label_deciles(labels: NDArray[np.float32]) -> NDArray[np.int64]:
    """int64 [G]: the decile, 0 to 9, of each label, float32 [G]."""
    edges = np.nanquantile(labels, np.linspace(0.1, 0.9, 9))
    return np.searchsorted(edges, labels, side="right")
