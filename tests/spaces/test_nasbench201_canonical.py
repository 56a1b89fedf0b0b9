"""The canonical form against another way to the same answer: nested tuples, and the least of all orders."""

from functools import cache
from itertools import pairwise, permutations, product

import numpy as np
import pytest

from nb301_ogb import get_info
from nb301_ogb.loaders.dataset_path import dataset_path
from nb301_ogb.spaces.nasbench201 import SPACE
from nb301_ogb.storage.read import DatasetFile

TABLE = SPACE.table()
WAYS = {1: [(0, 0)], 2: [(1, 0), (2, 1)], 3: [(3, 0), (4, 1), (5, 2)]}
"""For each node the (edge, source) pairs that lead to it."""


def value(code, node):
    """What a node holds: the sorted terms of a sum, () for zero.

    A term is the cell's input, a convolution that knows its edge, or a pooling that knows its input only.
    """
    if node == 0:
        return (("input",),)
    terms = []
    for edge, source in WAYS[node]:
        before, op = value(code, source) if code[edge] else (), code[edge]
        if op == 1:
            terms.extend(before)
        elif op and before:
            terms.append(("op 4", before) if op == 4 else (f"op {op}", before, edge))
    return tuple(sorted(terms, key=repr))


@cache
def depth(term):
    return 0 if term[0] == "input" else 1 + max(depth(one) for one in term[1])


def parts(terms, found):
    for term in terms:
        if term[0] != "input" and term not in found:
            found.append(term)
            parts(term[1], found)
    return found


@cache
def reference(output):
    """The least description of a computation over the orders of its terms; depth and op come first in each of them."""
    groups = {}
    for term in parts(output, []):
        groups.setdefault((depth(term), term[0]), []).append(term)
    blocks = [permutations(groups[key]) for key in sorted(groups)]
    best = None
    for choice in product(*blocks):
        order = [term for block in choice for term in block]
        number = {("input",): 0} | {term: place + 1 for place, term in enumerate(order)}
        described = [(term[0], sorted(number[one] for one in term[1])) for term in order]
        described.append(("output", sorted(number[one] for one in output)))
        best = described if best is None or described < best else best
    return repr(best)


def classes(rows):
    return np.unique(rows, axis=0, return_inverse=True)[1].ravel()


def test_the_keys_are_exact_for_all_architectures():
    expected = [reference(value(code, 3)) for code in TABLE.tolist()]
    keys = [key.tobytes() for key in SPACE.canonical_keys(TABLE)]
    assert len(set(expected)) == len(set(keys)) == len(set(zip(expected, keys, strict=True))) == 5_260


def test_facts():
    keys = SPACE.canonical_keys(TABLE)
    assert keys.shape == (15_625, 16)
    assert keys.dtype == np.uint8
    assert len(np.unique(keys, axis=0)) == 5_260
    assert SPACE.canonical_key(SPACE.parse("201014")) != SPACE.canonical_key(SPACE.parse("023214"))
    empty = (keys == SPACE.canonical_keys(np.zeros((1, 6), dtype=np.uint8))).all(axis=1)
    assert empty.sum() == 341
    assert np.array_equal(empty, ~SPACE.connected(TABLE))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("300010", "000300", True),  # a convolution before a skip, or the convolution alone
        ("130200", "000200", True),  # node 1 has no user
        ("400010", "400400", True),
        ("440110", "000000", False),
        ("440000", "000000", True),
        ("440011", "330011", False),
        ("220011", "200010", False),  # two convolutions are not one convolution
        ("220011", "200210", True),
        ("230011", "320011", True),  # sums are unordered
        ("440011", "400410", True),  # equal poolings of the input, added twice
        ("202011", "200012", False),
    ],
)
def test_pairs_by_hand(one, other, same):
    assert (SPACE.canonical_key(SPACE.parse(one)) == SPACE.canonical_key(SPACE.parse(other))) is same


def test_a_key_does_not_depend_on_the_table_around_it():
    rows = np.random.default_rng(0).permutation(len(TABLE))[:500]
    keys = SPACE.canonical_keys(TABLE)
    assert np.array_equal(SPACE.canonical_keys(TABLE[rows]), keys[rows])
    assert all(SPACE.canonical_key(TABLE[row]) == keys[row].tobytes() for row in rows[:20])


def test_canonical_graphs_are_equal_exactly_where_keys_are():
    graphs = SPACE.canonical_graphs(TABLE)
    keys = [key.tobytes() for key in SPACE.canonical_keys(TABLE)]
    described = []
    for row in range(len(graphs)):
        graph = graphs[row]
        described.append(tuple(graph[name].tobytes() for name in ("node_feat", "edge_index", "edge_feat")))
    assert len(set(described)) == len(set(keys)) == len(set(zip(described, keys, strict=True)))


def test_a_canonical_graph_by_hand():
    graph = SPACE.canonical_graphs(SPACE.parse("314012")[None])[0]
    # Node 1 is conv3(x), node 2 is x + pool(node 1), and the output is node 1 + conv1(node 2).
    assert graph["node_feat"].tolist() == [[0, 0], [6, 0], [7, 0], [5, 0], [2, 0]]
    assert graph["edge_index"].tolist() == [[0, 1, 0, 2, 1, 3], [1, 2, 3, 3, 4, 4]]
    assert graph["edge_feat"].tolist() == [[1]] * 6


def test_a_value_that_is_added_twice_has_two_edges():
    graph = SPACE.canonical_graphs(SPACE.parse("101011")[None])[0]
    assert graph["node_feat"].tolist() == [[0, 0], [2, 0]]
    assert graph["edge_index"].tolist() == [[0, 0], [1, 1]]


def test_canonical_graphs_are_well_formed():
    graphs = SPACE.canonical_graphs(TABLE)
    source, target = graphs.edge_index
    sizes = np.diff(graphs.node_ptr)
    assert (source < target).all()
    assert (target < sizes[graphs.graph_of_edge()]).all()
    assert graphs.node_feat.max(axis=0).tolist() == [7, 0]
    assert (graphs.node_feat[graphs.node_ptr[:-1], 0] == 0).all()
    assert (graphs.node_feat[graphs.node_ptr[1:] - 1, 0] == 2).all()
    assert not np.isin(graphs.node_feat[:, 0], [1, 3, 4]).any(), "no intermediate node, no `none`, no skip"
    position = 100 * graphs.graph_of_edge() + 10 * target + source
    assert (np.diff(position) >= 0).all(), "edges are ordered by (target, source)"
    assert np.array_equal(np.diff(graphs.edge_ptr) == 0, ~SPACE.connected(TABLE))


def test_equivalent_architectures_differ_by_no_more_than_two_runs_of_one():
    file = DatasetFile(dataset_path(get_info("ogbg-nb201-cifar10")))
    runs, accuracy = file.run_ids(), file.values("val_accuracy")
    good = np.nanmean(accuracy, axis=1) > 50
    which = classes(file.canonical_keys())
    within, between = [], []
    order = np.argsort(which, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(which[order])) + 1):
        rows = rows[good[rows]]
        for one, other in pairwise(rows):
            if len(np.unique([runs[one, :2], runs[other, :2]])) == 4:  # no run was copied
                within += [accuracy[one, 0] - accuracy[one, 1], accuracy[other, 0] - accuracy[other, 1]]
                between += [accuracy[one, 0] - accuracy[other, 0], accuracy[one, 1] - accuracy[other, 1]]
    assert len(within) == len(between) > 5_000
    within, between = np.abs(within), np.abs(between)
    assert between.mean() == pytest.approx(within.mean(), rel=0.1)


def test_a_coarser_key_would_merge_networks_that_differ():
    accuracy = DatasetFile(dataset_path(get_info("ogbg-nb201-cifar10"))).values("val_accuracy")
    one, other = (accuracy[SPACE.index(SPACE.parse(name)[None])[0]] for name in ("201014", "023214"))
    assert np.nanmin(other) > np.nanmax(one) + 1, "every run of the one is above every run of the other"
