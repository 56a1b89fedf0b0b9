"""What surrogates are fitted on that have seen the kind of data an optimiser produces, and that have not.

Where a dataset has origin groups, the optimiser's group is left out by a split. Where it has none but holds every
architecture, the optimiser's own searches on the measurements tell what it would have produced: those architectures,
and all that are equivalent to them, are left out, and for comparison as many drawn at random.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import LEAVE_OUT_GROUPS
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.labelled import LabelledTable
from nb301_ogb.loaders.splits import row_classes
from nb301_ogb.search import History
from nb301_ogb.spaces.graphs import IntArray
from nb301_ogb.storage.layout import Split


@dataclass(frozen=True)
class Fit:
    """The rows of a fit.

    Attributes:
        name: of the split, as a surrogate tells it.
        split: the rows.
        what: how it was fitted, in words that follow "fitted".
    """

    name: str
    split: Split
    what: str


@dataclass(frozen=True)
class Material:
    """Two fits that differ in the data that an optimiser produces.

    Attributes:
        fits: `with` such data, and `without`.
        such: int64 rows of such data that neither fit sees, not even to stop.
        others: int64 rows of other data that neither sees.
        left_out: how many rows of such data the fit without them leaves out of training and validation.
    """

    fits: dict[str, Fit]
    such: IntArray
    others: IntArray
    left_out: int


def group_material(data: LabelledTable, group: str) -> Material:
    """Of a dataset with origin groups: the default split, and the one that leaves a group out.

    Raises:
        ConfigError: where there is no such split.
    """
    name, groups = f"leave_out_{group}", data.file.groups()
    if groups is None or name not in data.file.split_names:
        there = ", ".join(LEAVE_OUT_GROUPS)
        msg = f"{data.info.name} has no split {name}; name one of the groups {there} by --group."
        raise ConfigError(msg)
    whole, part = data.split(None), data.split(name)
    unseen = np.setdiff1d(whole.test, np.concatenate([part.train, part.valid]))
    of_group = groups[1] == groups[0].index(group)
    return Material(
        {
            "with": Fit(data.info.default_split, whole, "on all groups"),
            "without": Fit(name, part, f"without the group {group}"),
        },
        unseen[of_group[unseen]],
        unseen[~of_group[unseen]],
        int(of_group[np.concatenate([whole.train, whole.valid])].sum()),
    )


def visited_material(data: LabelledTable, histories: Sequence[History], seed: int) -> Material:
    """Of a dataset without groups: the default split without what searches visited, and without as many at random.

    An architecture goes together with those that are equivalent to it; at random go as many classes of the same sizes,
    so that rows and different architectures are as many in both fits. Networks without a path from input to output
    always stay: they all fail alike, and that is known without any search.

    Args:
        data: holds every architecture that the searches visited.
        histories: of the searches.
        seed: of the random choice.

    Raises:
        ConfigError: where nothing would be left to fit on.
    """
    codes, whole = data.codes(), data.split(None)
    visited = np.unique(np.concatenate([history.codes for history in histories]), axis=0)
    classes = row_classes(data.space.canonical_keys(np.concatenate([codes, visited])))
    own = classes[: len(codes)]
    working = data.space.depth(codes).min(axis=1) > 0
    such = np.isin(own, classes[len(codes) :]) & working
    rng = np.random.default_rng(seed)
    drawn = np.zeros(len(codes), dtype=bool)
    for rows in (whole.train, whole.valid):
        drawn[_like(rows[working[rows]], own, such, rng)] = True
    name = histories[0].optimiser
    fits = {
        "with": _fit(data, whole, drawn, "as many at random", "without as many architectures drawn at random"),
        "without": _fit(data, whole, such, f"what {name} visits", f"without the architectures that {name} visits"),
    }
    return Material(
        fits, whole.test[such[whole.test]], whole.test[~such[whole.test]],
        int(such[np.concatenate([whole.train, whole.valid])].sum()),
    )  # fmt: skip


def _like(rows: IntArray, classes: IntArray, gone: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Of the rows, as many at random as are `gone`: for each class that is gone, one of the same size."""
    _, number, size = np.unique(classes[rows], return_inverse=True, return_counts=True)
    own = np.unique(number[gone[rows]])
    chosen = [
        rng.choice(np.flatnonzero(size == one), int((size[own] == one).sum()), replace=False)
        for one in np.unique(size[own])
    ]
    return rows[np.isin(number.ravel(), np.concatenate(chosen))] if chosen else rows[:0]


def _fit(data: LabelledTable, whole: Split, gone: NDArray[np.bool_], short: str, what: str) -> Fit:
    train, valid = whole.train[~gone[whole.train]], whole.valid[~gone[whole.valid]]
    if not len(train) or not len(valid):
        msg = f"fitted {what}, nothing is left of {data.info.name} to fit on or to stop by; record fewer searches."
        raise ConfigError(msg)
    digest = hashlib.sha256(train.tobytes() + valid.tobytes()).hexdigest()[:8]
    rule = f"the split {data.info.default_split} {what}"
    name = f"{data.info.default_split} without {short} ({digest})"
    return Fit(name, Split(train, valid, whole.test, rule, "nb301-ogb"), what)
