"""What the report on a dataset tells, as numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nb301_ogb.catalog import get_info
from nb301_ogb.errors import DatasetNameError
from nb301_ogb.loaders import splits
from nb301_ogb.loaders.labelled import choose_runs
from nb301_ogb.spaces import Space, get_space
from nb301_ogb.spaces.graphs import IntArray
from nb301_ogb.storage.layout import Contents

Values = NDArray[np.float64]

EXTREME_SHARE = 0.05
"""The share of the rows that count as the best, and as the worst."""

_QUANTILES = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a dataset file that the report looks at, a row an architecture with a label.

    Attributes:
        contents: the whole file.
        space: its search space.
        rows: int64 [L]; the rows that have a label.
        label: float64 [L]; the mean of the label target over the runs that are there.
        means: float64 [L] by target; the mean over the runs that are there, NaN where there is none.
        depth: int64 [L, cells].
        group: int64 [L]; index into `contents.groups`, or None where there are no groups.
    """

    contents: Contents
    space: Space
    rows: IntArray
    label: Values
    means: dict[str, Values]
    depth: IntArray
    group: IntArray | None


def columns(contents: Contents) -> Columns:
    """The columns of a file's contents."""
    head = contents.header
    space = get_space(head.space)
    means = {
        name: choose_runs(one.values, "mean", 1)[:, 0].astype(np.float64) for name, one in contents.targets.items()
    }
    rows = np.flatnonzero(~np.isnan(means[head.label]))
    return Columns(
        contents=contents,
        space=space,
        rows=rows,
        label=means[head.label][rows],
        means={name: values[rows] for name, values in means.items()},
        depth=space.depth(contents.code[rows]),
        group=None if contents.group is None else contents.group[rows].astype(np.int64),
    )


def summary(values: Values) -> dict[str, float | int]:
    """Count, mean and quantiles of the numbers among some values."""
    known = values[~np.isnan(values)]
    if not len(known):
        return {"count": 0}
    quantiles = np.quantile(known, list(_QUANTILES.values())).tolist()
    return {"count": len(known), "mean": float(known.mean()), **dict(zip(_QUANTILES, quantiles, strict=True))}


def by_group(found: Columns) -> dict[str, dict[str, float | int]]:
    """The label's summary for each group that has rows, the largest first; empty without groups."""
    if found.group is None:
        return {}
    counts = np.bincount(found.group, minlength=len(found.contents.groups))
    order = [one for one in np.argsort(-counts, kind="stable").tolist() if counts[one]]
    return {found.contents.groups[one]: summary(found.label[found.group == one]) for one in order}


def agreement(one: Values, other: Values) -> dict[str, float | int]:
    """How two columns agree, over the rows that have both: rank correlations and the mean difference."""
    both = ~(np.isnan(one) | np.isnan(other))
    first, second = one[both], other[both]
    found: dict[str, float | int] = {"rows": int(both.sum())}
    if len(first) > 1 and np.ptp(first) > 0 and np.ptp(second) > 0:
        found |= {
            "spearman": float(stats.spearmanr(first, second).statistic),
            "kendall_tau": float(stats.kendalltau(first, second).statistic),
        }
    if len(first):
        found["mean_difference"] = float((first - second).mean())
    return found


def by_depth(found: Columns) -> dict[str, dict[str, dict[str, float | int]]]:
    """The label's summary by cell and depth; depth 0 is a cell without any path from input to output."""
    cells = found.space.cells
    return {
        cell: {str(depth): summary(found.label[column == depth]) for depth in np.unique(column).tolist()}
        for cell, column in zip(cells, found.depth.T, strict=True)
    }


def extremes(label: Values) -> tuple[IntArray, IntArray]:
    """The places of the best and of the worst labels, as many each as `EXTREME_SHARE` says, at least one."""
    count = max(1, math.ceil(EXTREME_SHARE * len(label)))
    order = np.argsort(label, kind="stable")
    return order[::-1][:count], order[:count]


def op_shares(found: Columns) -> dict[str, dict[str, dict[str, float]]]:
    """By cell and op, the share of the places for ops that hold it: of all rows, of the best and of the worst.

    A place without an edge counts as `none` where the space has graphs with fewer edges than others.
    """
    space = found.space
    graphs = found.contents.graphs.take(found.rows)
    kind = graphs.edge_feat[:, 0]
    is_op = np.isin(kind, space.op_edge_types)
    owner = graphs.graph_of_edge()[is_op]
    cell = graphs.node_feat[graphs.node_ptr[owner] + graphs.edge_index[1, is_op], 1]
    shape = (len(found.rows), len(space.cells), len(space.edge_types))
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, (owner, cell, kind[is_op]), 1)
    places = counts.sum(axis=2).max(axis=0)
    best, worst = extremes(found.label)
    shares: dict[str, dict[str, dict[str, float]]] = {}
    for number, name in enumerate(space.cells):
        used = {
            who: counts[rows, number].mean(axis=0) / max(1, places[number])
            for who, rows in (("all", slice(None)), ("best", best), ("worst", worst))
        }
        ops = {space.edge_types[op]: {who: float(one[op]) for who, one in used.items()} for op in space.op_edge_types}
        rest = {who: float(1 - one.sum()) for who, one in used.items()}
        shares[name] = ({"none": rest} if max(rest.values()) > 1e-9 else {}) | ops
    return shares


def twins(found: Columns) -> dict[str, int]:
    """How many rows stand for the same network, or hold the same training, over all rows of the file."""
    contents = found.contents
    sizes = np.bincount(splits.row_classes(contents.canonical_key))
    codes = np.bincount(splits.row_classes(contents.code))
    runs, count = np.unique(contents.run_id[contents.run_id >= 0], return_counts=True)
    shared = np.isin(contents.run_id, runs[count > 1]) & (contents.run_id >= 0)
    return {
        "rows": len(contents.code),
        "different_codes": int((codes > 0).sum()),
        "classes": int((sizes > 0).sum()),
        "rows_with_a_twin": int(sizes[sizes > 1].sum()),
        "largest_class": int(sizes.max()),
        "entries": int((contents.run_id >= 0).sum()),
        "different_runs": len(runs),
        "rows_with_a_shared_run": int(shared.any(axis=1).sum()),
        "components": int(splits.components(contents.canonical_key, contents.run_id).max() + 1),
    }


def split_facts(found: Columns) -> dict[str, dict[str, Any]]:
    """By split, the default one first, its source, rule and sizes, and what of the test part is known from train.

    Counts that the file holds with a split are taken from there.
    """
    contents = found.contents
    first = default_split(contents)
    facts = {}
    for name in sorted(contents.splits, key=lambda one: one != first):
        split = contents.splits[name]
        counted = splits.leaks(split.parts(), contents.code, contents.canonical_key, contents.run_id)
        sizes = {f"num_{part}": len(rows) for part, rows in split.parts().items()}
        facts[name] = {"source": split.source, "rule": split.rule, **sizes, **counted, **split.statistics}
    return facts


def default_split(contents: Contents) -> str:
    """The split that the catalogue names as the default, or none for a dataset that it does not know."""
    try:
        return get_info(contents.header.name).default_split
    except DatasetNameError:
        return ""


def examples(found: Columns) -> dict[str, int]:
    """Places among the labelled rows: the best, the median, and the worst whose cells all have a path."""
    order = np.argsort(found.label, kind="stable")
    whole = order[(found.depth[order] > 0).all(axis=1)]
    return {
        "best": int(order[-1]),
        "median": int(order[(len(order) - 1) // 2]),
        "worst": int((whole if len(whole) else order)[0]),
    }
