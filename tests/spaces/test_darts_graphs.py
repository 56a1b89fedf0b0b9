"""The graphs of DARTS architectures: each op on the edge that the genotype names, and back to the code."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb301_ogb.errors import ArchitectureError
from nb301_ogb.spaces import GraphTable, get_space

SPACE = get_space("darts")
CONCAT, STACK = 0, 8


def edges_by_genotype(genotype):
    """The edges (source, target, type name) of an architecture, written from its genotype alone."""
    found = set()
    for offset, entries in ((0, genotype.normal), (7, genotype.reduce)):
        for place, (op, parent) in enumerate(entries):
            found.add((parent + offset, 2 + place // 2 + offset, op))
        for node in (2, 3, 4, 5):
            found.add((node + offset, 6 + offset, "concat"))
    return found | {(6, 7, "stack"), (6, 8, "stack")}


def edges_of(graph):
    sources, targets = graph["edge_index"].tolist()
    names = [SPACE.edge_types[kind] for kind in graph["edge_feat"][:, 0]]
    return list(zip(sources, targets, names, strict=True))


def genotype_by_edges(edges):
    """The entries of both cells, read from the edges of a graph alone."""
    cells = []
    for offset in (0, 7):
        cell = []
        for node in range(2 + offset, 6 + offset):
            cell += sorted((source - offset, name) for source, target, name in edges if target == node)
        cells.append([(name, parent) for parent, name in cell])
    return cells


def changed(graphs, **arrays):
    return dataclasses.replace(graphs, **arrays)


def test_the_layout_of_a_graph():
    graphs = SPACE.graphs(SPACE.sample(3, np.random.default_rng(0)))
    assert len(graphs) == 3
    assert graphs.node_ptr.tolist() == [0, 14, 28, 42]
    assert graphs.edge_ptr.tolist() == [0, 26, 52, 78]
    assert graphs.node_feat.shape == (42, 2)
    assert graphs.edge_feat.shape == (78, 1)
    assert graphs.edge_index.shape == (2, 78)
    assert {getattr(graphs, field.name).dtype for field in dataclasses.fields(graphs)} == {np.dtype(np.int64)}
    for row in range(3):
        graph = graphs[row]
        assert graph["node_feat"].tolist() == [[kind, cell] for cell in (0, 1) for kind in (0, 1, 2, 2, 2, 2, 3)]
        sources, targets = graph["edge_index"]
        order = np.lexsort((sources, targets))
        assert order.tolist() == list(range(26))
        assert (sources < targets).all()
        assert len({*zip(sources.tolist(), targets.tolist(), strict=True)}) == 26


def test_every_op_is_on_the_edge_that_the_genotype_names():
    codes = SPACE.sample(20_000, np.random.default_rng(1))
    graphs = SPACE.graphs(codes)
    for row, code in enumerate(codes):
        edges = edges_of(graphs[row])
        assert len(edges) == 26
        assert set(edges) == edges_by_genotype(SPACE.genotype(code))


@pytest.mark.parametrize("edge", range(16))
@pytest.mark.parametrize("parents", [(0, 1, 0, 1, 0, 1, 0, 1), (0, 1, 1, 2, 0, 3, 2, 4), (0, 1, 0, 2, 2, 3, 3, 4)])
def test_one_other_op_is_on_one_edge(edge, parents):
    ops = [4] * 16
    ops[edge] = 6
    code = np.array([*ops[:8], *parents, *ops[8:], *parents])
    edges = edges_of(SPACE.graphs(code[None])[0])
    cell, place = divmod(edge, 8)
    expected = (parents[place] + 7 * cell, 2 + place // 2 + 7 * cell, "dil_conv_5x5")
    assert [found for found in edges if found[2] == "dil_conv_5x5"] == [expected]
    assert sum(found[2] == "sep_conv_5x5" for found in edges) == 15


def test_eight_edges_keep_their_ops_from_genotype_to_graph_and_back():
    for turn in range(7):
        for step in (1, 2, 3):
            names = [SPACE.edge_types[1 + (step * edge + turn) % 7] for edge in range(8)]
            normal = list(zip(names, (0, 1, 1, 2, 0, 3, 2, 4), strict=True))
            reduction = list(zip(names[::-1], (0, 1, 0, 2, 2, 3, 3, 4), strict=True))
            code = SPACE.parse((normal, range(2, 6), reduction, range(2, 6)))
            graphs = SPACE.graphs(code[None])
            assert genotype_by_edges(edges_of(graphs[0])) == [normal, reduction]
            back = SPACE.genotype(SPACE.codes(graphs)[0])
            assert (back.normal, back.reduce) == (normal, reduction)


@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_codes_are_read_back_in_any_order_of_edges(seed, number):
    rng = np.random.default_rng(seed)
    codes = SPACE.sample(number, rng)
    graphs = SPACE.graphs(codes)
    assert np.array_equal(SPACE.codes(graphs), codes)
    order = np.concatenate([row * 26 + rng.permutation(26) for row in range(number)] or [np.zeros(0, np.int64)])
    shuffled = changed(graphs, edge_index=graphs.edge_index[:, order], edge_feat=graphs.edge_feat[order])
    small = changed(
        shuffled, edge_index=shuffled.edge_index.astype(np.uint8), edge_feat=shuffled.edge_feat.astype(np.uint8)
    )
    for table in (shuffled, small):
        again = SPACE.codes(table)
        assert again.dtype == np.uint8
        assert np.array_equal(again, codes)


def test_graphs_can_be_taken_apart():
    codes = SPACE.sample(20, np.random.default_rng(2))
    rows = np.array([7, 7, 0, 19])
    assert SPACE.graphs(codes).take(rows).equals(SPACE.graphs(codes[rows]))
    assert np.array_equal(SPACE.codes(SPACE.graphs(codes).take(rows)), codes[rows])


CODES = np.tile([0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 1, 2, 0, 3, 2, 4], (3, 2))
GRAPHS = SPACE.graphs(CODES)


@pytest.mark.parametrize(
    ("edge", "end", "value", "message"),
    [
        (0, 0, 14, "its edges name nodes other than 0 to 13"),
        (3, 0, -1, "its edges name nodes other than 0 to 13"),
        (4, 1, 3, "its edges are not two into each intermediate node"),
        (9, 0, 2, "its edges are not two into each intermediate node"),
        (12, 1, 8, "its edges are not two into each intermediate node"),
        (13, 0, 5, "its edges are not two into each intermediate node"),
        (3, 0, 1, "the normal cell, node 3: parents 1 and 1; allowed are two different parents from 0 to 2"),
        (5, 0, 4, "the normal cell, node 4: parents 0 and 4; allowed are two different parents from 0 to 3"),
        (7, 0, 9, "the normal cell, node 5: parents 2 and 9; allowed are two different parents from 0 to 4"),
        (20, 0, 1, "the reduction cell, node 5: parents -6 and 4"),
    ],
)
def test_other_edges_are_refused(edge, end, value, message):
    index = GRAPHS.edge_index.copy()
    index[end, 26 + edge] = value
    with pytest.raises(ArchitectureError, match="^graph 1.*" + re.escape(message)):
        SPACE.codes(changed(GRAPHS, edge_index=index))


@pytest.mark.parametrize(
    ("edge", "value", "message"),
    [
        (0, 0, "an edge into an intermediate node is not of a type from 1 to 7 (the ops)"),
        (21, 8, "an edge into an intermediate node is not of a type from 1 to 7 (the ops)"),
        (21, -1, "an edge into an intermediate node is not of a type from 1 to 7 (the ops)"),
        (8, 8, "an edge to an output or to an input is not of type 0 (concat) or 8 (stack)"),
        (12, 0, "an edge to an output or to an input is not of type 0 (concat) or 8 (stack)"),
        (25, 3, "an edge to an output or to an input is not of type 0 (concat) or 8 (stack)"),
    ],
)
def test_other_edge_types_are_refused(edge, value, message):
    feat = GRAPHS.edge_feat.copy()
    feat[26 + edge] = value
    with pytest.raises(ArchitectureError, match="^graph 1.*" + re.escape(message)):
        SPACE.codes(changed(GRAPHS, edge_feat=feat))


def test_other_nodes_and_sizes_are_refused():
    feat = GRAPHS.node_feat.copy()
    feat[14 + 6, 0] = 2
    with pytest.raises(ArchitectureError, match=r"^graph 1.*node features are not the 14 rows"):
        SPACE.codes(changed(GRAPHS, node_feat=feat))
    with pytest.raises(ArchitectureError, match=r"^graph 2.*does not have 14 nodes"):
        SPACE.codes(changed(GRAPHS, node_ptr=np.array([0, 14, 28, 41])))
    with pytest.raises(ArchitectureError, match=r"^graph 0.*does not have 26 edges"):
        SPACE.codes(changed(GRAPHS, edge_ptr=np.array([0, 25, 52, 78])))
    for name in ("node_feat", "edge_feat"):
        with pytest.raises(ArchitectureError, match=rf"^{name} of 3 graphs of darts has shape"):
            SPACE.codes(changed(GRAPHS, **{name: getattr(GRAPHS, name)[:-1]}))
    with pytest.raises(ArchitectureError, match=r"edge_feat of 3 graphs of darts has shape \[78, 1\], not \[78\]"):
        SPACE.codes(changed(GRAPHS, edge_feat=GRAPHS.edge_feat[:, 0]))


def test_no_graphs():
    graphs = SPACE.graphs(np.zeros((0, 32), dtype=np.uint8))
    assert isinstance(graphs, GraphTable)
    assert len(graphs) == 0
    assert graphs.edge_index.shape == (2, 0)
    assert SPACE.codes(graphs).shape == (0, 32)


def test_invalid_codes_have_no_graphs():
    wrong = CODES.copy()
    wrong[2, 15] = 2
    with pytest.raises(ArchitectureError, match="row 2, the normal cell, node 5: parents 2 and 2"):
        SPACE.graphs(wrong)
